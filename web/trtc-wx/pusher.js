/** The live-pusher: its attributes as the page binds them, and its context's methods. */

import { PUSHER_DEFAULTS } from './constants.js';

/** What an application may call; each goes to the tag's context as it is. */
const PASSED_ON = /** @type {const} */ ([
  'pause', 'resume', 'switchCamera', 'sendMessage', 'snapshot', 'toggleTorch', 'playBGM', 'pauseBGM', 'resumeBGM', 'stopBGM',
  'setBGMVolume', 'setMICVolume', 'startPreview', 'stopPreview',
]);

export class Pusher {
  /** @type {Record<string, any>} */ pusherAttributes;
  /** @type {any} The tag's context; some callers use it directly. */ context;

  /** @param {any} page the page or component that holds the tag @param {object} [attributes] */
  constructor(page, attributes = {}) {
    this.pusherAttributes = { ...PUSHER_DEFAULTS, netStatus: {}, ...attributes };
    this.context = wx.createLivePusherContext(page);
    for (const method of PASSED_ON) {
      /** @type {any} */ (this)[method] = (/** @type {any} */ options = {}) => this.context[method]?.(options);
    }
  }

  /** @param {object} attributes */
  setPusherAttributes(attributes) {
    return Object.assign(this.pusherAttributes, attributes);
  }

  /** @param {object} [options] `success`, `fail`, `complete` */
  start(options = {}) {
    this.context.start(options);
  }

  /** @param {object} [options] */
  stop(options = {}) {
    this.context.stop(options);
  }

  /** Nothing of the last room is left. */
  reset() {
    this.stop();
    this.pusherAttributes = {};
  }
}
