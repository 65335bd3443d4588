// Oneself: a small picture to push into any corner in a call of two, one tile of the grid in a group.

import { store } from '../state.js';
import { phone } from '../line.js';
import { h, attr, text } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { keep, kept } from '../lib/keep.js';
import { t } from '../i18n/index.js';
import { faceOf, watchFit } from './tile.js';

const corners = ['top-left', 'top-right', 'bottom-left', 'bottom-right'];
/** A pointer that moves less was a click. */
const dragStartsPx = 6;

export function selfTile() {
  const { me } = store.get();
  const picture = h('div', { class: 'tile-video tile-mirror' });
  const face = faceOf(me?.user ?? '');
  const muted = h('span', { class: 'tile-muted', role: 'img', 'aria-label': t('muted'), html: icon('micOff') });
  const el = h('div', { class: 'tile tile-self', role: 'group', tabindex: 0, 'aria-label': t('selfLabel'), data: { testid: 'self-view' }, on: { pointerdown: drag, keydown: key } },
    picture, face.el, h('div', { class: 'tile-label' }, muted, h('span', { class: 'tile-name' })));
  const stopFit = watchFit(picture);
  let corner = corners.includes(kept('corner')) ? kept('corner') : 'bottom-right';
  let pip = false;
  let viewing = false;

  function update(now, alone, grid) {
    const floor = grid.parentElement;
    const inGrid = !alone;
    if (floor && inGrid !== (el.parentElement === grid)) (inGrid ? grid : floor).append(el);
    if (inGrid && grid.lastChild !== el) grid.append(el);
    pip = alone;
    const user = now.me?.user;
    attr(el, 'data-pip', alone);
    attr(el, 'data-corner', alone ? corner : null);
    attr(el, 'tabindex', alone ? 0 : null);
    attr(el, 'data-video', now.local.camera === 'on');
    attr(el, 'data-speaking', (now.volumes[user] ?? 0) > 12 && now.local.microphone === 'on');
    el.style.setProperty('--voice', ((now.volumes[user] ?? 0) / 100).toFixed(2));
    muted.hidden = now.local.microphone === 'on';
    text(el.querySelector('.tile-name'), t('you'));
    face.update();
    // A call of sound alone needs no picture of oneself.
    el.hidden = alone && now.call.mediaType === 1 && now.local.camera !== 'on';
    if (now.local.camera === 'on' && !viewing) {
      viewing = true;
      phone()?.startLocalView(picture)?.catch(() => { viewing = false; });
    } else if (now.local.camera !== 'on') {
      viewing = false;
    }
  }

  function put(next) {
    corner = next;
    attr(el, 'data-corner', corner);
    keep('corner', corner);
  }

  function key(event) {
    if (!pip) return;
    const [vertical, side] = corner.split('-');
    const move = { ArrowLeft: [vertical, 'left'], ArrowRight: [vertical, 'right'], ArrowUp: ['top', side], ArrowDown: ['bottom', side] }[event.key];
    if (!move) return;
    event.preventDefault();
    put(move.join('-'));
  }

  function drag(event) {
    if (!pip || event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY };
    let dragging = false;
    const move = (at) => {
      const [x, y] = [at.clientX - start.x, at.clientY - start.y];
      dragging ||= Math.hypot(x, y) > dragStartsPx;
      if (dragging) el.style.translate = `${x}px ${y}px`;
      el.classList.toggle('dragging', dragging);
    };
    const end = () => {
      el.removeEventListener('pointermove', move);
      el.classList.remove('dragging');
      if (dragging) settle();
      el.style.translate = '';
    };
    el.setPointerCapture(event.pointerId);
    el.addEventListener('pointermove', move);
    el.addEventListener('pointerup', end, { once: true });
    el.addEventListener('pointercancel', end, { once: true });
  }

  /** The corner nearest to where it was let go; the way there is shown. */
  function settle() {
    const from = el.getBoundingClientRect();
    const floor = el.parentElement.getBoundingClientRect();
    const side = from.left + from.width / 2 < floor.left + floor.width / 2 ? 'left' : 'right';
    const vertical = from.top + from.height / 2 < floor.top + floor.height / 2 ? 'top' : 'bottom';
    put(`${vertical}-${side}`);
    el.style.translate = '';
    const to = el.getBoundingClientRect();
    el.animate([{ translate: `${from.left - to.left}px ${from.top - to.top}px` }, { translate: '0 0' }], { duration: 320, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' });
  }

  return {
    el,
    update,
    destroy() {
      stopFit();
      phone()?.stopLocalView()?.catch(() => {});
    },
  };
}
