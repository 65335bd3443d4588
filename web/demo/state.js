// All that the page shows, in one place. Views read it; `phone.js` and `session.js` write it.

import { createStore } from './lib/store.js';

/**
 * @typedef {object} Summary what became of the last call
 * @property {string[]} users the others
 * @property {string|null} group
 * @property {'audio'|'video'} media
 * @property {string} outcome key of the words: `ended`, `rejected`, `busy`, …
 * @property {number} seconds 0 where it never connected
 */

export const store = createStore({
  /** 'boot' until the server told its facts, then 'signin', 'home', or 'unreachable'. */
  screen: 'boot',
  /** @type {{app: number, development: boolean, version: string}|null} */
  config: null,
  /** Counts up when language or scheme changed: everything is drawn anew. */
  drawn: 0,
  quiet: false,

  /** @type {{user: string, nick: string, avatar: string}|null} */
  me: null,
  /** @type {Record<string, {user: string, nick: string, avatar: string}|null>} */
  profiles: {},
  /** @type {Record<string, boolean>} who is signed in, of those the page watches */
  online: {},
  /** @type {any[]|null} call records, newest first; null until loaded */
  records: null,
  /** @type {{group: string, roomID: number, strRoomID: string, media: 'audio'|'video', users: string[]}[]} */
  running: [],
  /** The call that this user is still in, after a reload. */
  resumable: null,
  /** Users picked for the next call. */
  picked: [],

  /** Signalling: signedOut, connecting, online, reconnecting, ended. */
  connection: 'signedOut',
  /** Media of the call: idle, connecting, connected, reconnecting. */
  media: 'idle',
  /** idle, calling, connected. */
  status: 'idle',
  /** The engine's currentCall, copied at each change. */
  call: null,
  local: { microphone: 'off', camera: 'off', screen: 'off' },
  /** @type {Record<string, number>} 0…100 */
  volumes: {},
  /** @type {Record<string, number>} 0…6 */
  quality: {},
  speaker: null,
  /** @type {import('./peers.js').Unplayable} */
  unplayable: {},
  soundBlocked: false,
  /** Why the last attempt to sign in failed. */
  signInError: null,
  /** A call is being set up: devices are asked for. */
  busy: false,
  /** @type {Summary|null} */
  summary: null,
  /** @type {{reason: string}|null} the session ended elsewhere */
  kicked: null,
});

/** The name to show for a user. */
export function displayName(user) {
  const { me, profiles } = store.get();
  const profile = me?.user === user ? me : profiles[user];
  return profile?.nick?.trim() || user;
}

/** The profile of a user, as far as known. */
export function profileOf(user) {
  const { me, profiles } = store.get();
  return me?.user === user ? me : profiles[user];
}
