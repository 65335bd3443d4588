/** A mini-program's socket with the face of a WebSocket, as much of it as the gateway client uses. */

import { globalWx } from './settings.js';

export class WxSocket {
  readyState = 0;
  /** @type {(() => void) | null} */ onopen = null;
  /** @type {((event: {data: any}) => void) | null} */ onmessage = null;
  /** @type {(() => void) | null} */ onclose = null;
  /** @type {((error: any) => void) | null} */ onerror = null;
  #task;

  /** @param {string} url */
  constructor(url) {
    const task = globalWx().connectSocket({ url, fail: (/** @type {any} */ error) => this.#failed(error) });
    this.#task = task;
    task.onOpen(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.onopen?.();
    });
    task.onMessage((/** @type {{data: any}} */ { data }) => this.onmessage?.({ data }));
    task.onClose(() => this.#closed());
    task.onError((/** @type {any} */ error) => this.#failed(error));
  }

  /** @param {string} data */
  send(data) {
    this.#task.send({ data, fail: (/** @type {any} */ error) => this.#failed(error) });
  }

  close() {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    // Before it is open, `close` fails on some versions; then nothing more is said either.
    this.#task.close({ code: 1000, fail: () => this.#closed() });
  }

  /** @param {any} error */
  #failed(error) {
    if (this.readyState === 3) return;
    this.onerror?.(error);
    this.#closed();
  }

  #closed() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.();
  }
}

/**
 * The mini-program's network and foreground events under the names that pages use.
 * @param {any} wxGlobal
 * @returns {any}
 */
export function wxNetwork(wxGlobal) {
  /** @type {Map<() => void, () => void>} */
  const offs = new Map();
  return {
    /** @param {string} type @param {() => void} fn */
    addEventListener(type, fn) {
      if (type === 'online') {
        const heard = (/** @type {{isConnected: boolean}} */ { isConnected }) => isConnected && fn();
        wxGlobal.onNetworkStatusChange?.(heard);
        offs.set(fn, () => wxGlobal.offNetworkStatusChange?.(heard));
      } else if (type === 'pageshow') wxGlobal.onAppShow?.(fn);
    },
    /** @param {string} type @param {() => void} fn */
    removeEventListener(type, fn) {
      if (type === 'online') offs.get(fn)?.();
      else if (type === 'pageshow') wxGlobal.offAppShow?.(fn);
    },
  };
}
