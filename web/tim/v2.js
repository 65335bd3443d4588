/** The face of `tim-wx-sdk` and `tim-js-sdk` (version 2): no signalling inside; `tsignaling` brings its own. */

import { EVENT, TYPES } from './constants.js';
import { Groups } from './groups.js';
import { configure } from './settings.js';

/** `tsignaling` looks at what is not older. */
const REPLAY_MS = 30_000;

export class Tim extends Groups {
  /** @type {import('../core/protocol.js').Message[]} */ #ringing = [];

  /** @param {import('../core/protocol.js').Snapshot} snapshot @param {boolean} first */
  began(snapshot, first) {
    super.began(snapshot, first);
    this.#ringing = first ? (snapshot.openInvitations ?? []) : [];
  }

  over() {
    super.over();
    this.#ringing = [];
  }

  /**
   * `tsignaling` finds what rings at its sign-in in unread conversations alone, and engines of the web have their invitations
   * not counted: their conversations are unread here all the same, as long as it looks at them.
   */
  listed() {
    const since = this.serverNow() - REPLAY_MS;
    this.#ringing = this.#ringing.filter(({ timeMs }) => timeMs > since);
    return this.conversations.list(this.#ringing.map((stored) => this.convert(stored)));
  }

  /** Version 2 has this name for it, too. @param {any} options */
  registerPlugin(options) {
    // Upload plugins: files are not carried, so there is nothing to plug in.
    void options;
  }
}

/** One instance per application: a page and the engine under it both call `create` and mean the same. @type {Map<number, Tim>} */
const instances = new Map();

/**
 * The application's instance. One that names a device of its own (tests, servers with many users) is another each time.
 * @param {import('./session.js').ChatOptions} options
 */
function create(options) {
  if (options?.deviceId) return new Tim(options);
  const app = Number(options?.SDKAppID);
  const known = instances.get(app);
  if (known) return known;
  const made = new Tim(options);
  instances.set(app, made);
  made.once(EVENT.SDK_DESTROY, () => instances.delete(app));
  return made;
}

const TIM = {
  create,
  configure,
  EVENT,
  TYPES,
  VERSION: '2.27.6',
};

export default TIM;
export { configure, EVENT, TYPES };
