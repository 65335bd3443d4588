// Small helpers to make elements; no framework.

/**
 * Makes an element. `props`: `class`, `text`, `html` (trusted markup of ours only), `on` ({click: fn}), `data` (dataset),
 * anything else becomes an attribute; `true` sets it empty, `false`, `null` and `undefined` leave it out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node|string|null|false|undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) setProp(el, key, value);
  el.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return el;
}

function setProp(el, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key === 'class') el.className = value;
  else if (key === 'text') el.textContent = value;
  else if (key === 'html') el.innerHTML = value;
  else if (key === 'value') el.value = value;
  else if (key === 'on') for (const [name, fn] of Object.entries(value)) el.addEventListener(name, fn);
  else if (key === 'data') Object.assign(el.dataset, value);
  else el.setAttribute(key, value === true ? '' : String(value));
}

/** Sets or removes an attribute only when it differs, so that live regions and animations are not restarted. */
export function attr(el, key, value) {
  if (value === null || value === undefined || value === false) {
    if (el.hasAttribute(key)) el.removeAttribute(key);
    return;
  }
  const text = value === true ? '' : String(value);
  if (el.getAttribute(key) !== text) el.setAttribute(key, text);
}

/** Sets the text only when it differs. */
export function text(el, value) {
  if (el.textContent !== value) el.textContent = value;
}

/**
 * Keeps one child of `parent` per item, in the items' order, making, updating and removing as needed.
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => {el: HTMLElement, update?: (item: T) => void, destroy?: () => void}} make
 * @param {Map<string, any>} kept the views by key, owned by the caller
 */
export function keyed(parent, items, keyOf, make, kept) {
  const wanted = new Set(items.map(keyOf));
  for (const [key, view] of kept) {
    if (wanted.has(key)) continue;
    view.destroy?.();
    view.el.remove();
    kept.delete(key);
  }
  items.forEach((item, index) => {
    const key = keyOf(item);
    if (!kept.has(key)) kept.set(key, make(item));
    const view = kept.get(key);
    view.update?.(item);
    // Moving a playing <video> restarts it: touch the order only where it is wrong.
    if (parent.children[index] !== view.el) parent.insertBefore(view.el, parent.children[index] ?? null);
  });
}

/** Says something to screen readers at once. */
export function announce(message) {
  const said = document.getElementById('said');
  if (!said) return;
  said.textContent = '';
  setTimeout(() => { said.textContent = message; }, 50);
}

/** Gives the focus back to where it was, or to the page's heading where that is gone. */
export function giveBack(before) {
  const there = before instanceof HTMLElement && before.isConnected && before !== document.body;
  (there ? before : document.querySelector('#app h1'))?.focus({ preventScroll: true });
}

/** True when the user asked for less motion. */
export const calmMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
