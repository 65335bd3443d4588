/**
 * A small event emitter: listeners run in the order they came, and one that throws does not stop the others.
 */

/** @typedef {(...payload: any[]) => void} Listener */

export class Emitter {
  /** @type {Map<string, {fn: Listener, context: any, once: boolean}[]>} */
  #listeners = new Map();

  /**
   * @param {string} name
   * @param {Listener} fn
   * @param {any} [context] `this` of the listener
   * @returns {() => void} takes the listener off again
   */
  on(name, fn, context) {
    this.#add(name, fn, context, false);
    return () => this.off(name, fn);
  }

  /**
   * @param {string} name
   * @param {Listener} fn
   * @param {any} [context]
   */
  once(name, fn, context) {
    this.#add(name, fn, context, true);
    return () => this.off(name, fn);
  }

  /**
   * Takes off `fn`, or all listeners of `name` where no function is given.
   * @param {string} name
   * @param {Listener} [fn]
   */
  off(name, fn) {
    const list = this.#listeners.get(name) ?? [];
    const rest = fn ? list.filter((entry) => entry.fn !== fn) : [];
    if (rest.length > 0) this.#listeners.set(name, rest);
    else this.#listeners.delete(name);
  }

  /**
   * @param {string} name
   * @param {...any} payload
   */
  emit(name, ...payload) {
    const list = this.#listeners.get(name);
    if (!list) return;
    for (const { fn, context, once } of [...list]) {
      if (once) this.off(name, fn);
      try {
        fn.call(context, ...payload);
      } catch (error) {
        // The application's fault: it shows in its console, and our state machine goes on.
        console.error(`carillon: a listener of "${name}" threw`, error);
      }
    }
  }

  /** @param {string} [name] none: of all names */
  removeAllListeners(name) {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
  }

  /**
   * @param {string} name
   * @param {Listener} fn
   * @param {any} context
   * @param {boolean} once
   */
  #add(name, fn, context, once) {
    if (typeof fn !== 'function') throw new TypeError(`the listener of "${name}" is not a function`);
    const list = this.#listeners.get(name) ?? [];
    list.push({ fn, context, once });
    this.#listeners.set(name, list);
  }
}
