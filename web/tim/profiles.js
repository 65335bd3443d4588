/** Profiles of users: asked from the gateway, kept, and renewed when the gateway tells of a change. */

import { TYPES } from './constants.js';

/** Kept profiles; beyond, the oldest go. */
const MAX_KEPT = 2_000;
/** In one `profile.get`. */
const MAX_ASKED = 100;

/** @typedef {{userID: string, nick: string, avatar: string}} ChatProfile */

export class Profiles {
  /** @type {Map<string, ChatProfile>} */ #kept = new Map();
  #request;

  /** @param {(verb: string, body?: object) => Promise<any>} request */
  constructor(request) {
    this.#request = request;
  }

  /** @param {import('../core/protocol.js').Profile} profile */
  put({ user, nick, avatar }) {
    const made = profileOf(user, nick, avatar);
    this.#kept.delete(user);
    this.#kept.set(user, made);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(/** @type {string} */ (this.#kept.keys().next().value));
    return made;
  }

  /** @param {string} userID */
  kept(userID) {
    return this.#kept.get(userID) ?? null;
  }

  /**
   * From the server, in the order asked; `null` for an unknown user.
   * @param {string[]} users
   * @returns {Promise<(ChatProfile | null)[]>}
   */
  async get(users) {
    const found = [];
    for (let from = 0; from < users.length; from += MAX_ASKED) {
      const { profiles } = await this.#request('profile.get', { users: users.slice(from, from + MAX_ASKED) });
      found.push(...profiles);
    }
    return found.map((profile) => profile && this.put(profile));
  }

  /** Asks for those that are not kept. @param {string[]} users */
  async ensure(users) {
    const missing = users.filter((user) => !this.#kept.has(user));
    if (missing.length > 0) await this.get(missing);
  }

  /** @param {{nick?: string, avatar?: string}} change */
  async set({ nick, avatar }) {
    const { profile } = await this.#request('profile.set', { nick, avatar });
    return this.put(profile);
  }
}

/**
 * @param {string} userID
 * @param {string} [nick]
 * @param {string} [avatar]
 */
export function profileOf(userID, nick = '', avatar = '') {
  return {
    userID, nick, avatar, gender: TYPES.GENDER_UNKNOWN, birthday: 0, location: '', selfSignature: '',
    allowType: TYPES.ALLOW_TYPE_ALLOW_ANY, language: 0, messageSettings: 0, adminForbidType: TYPES.FORBID_TYPE_NONE,
    level: 0, role: 0, lastUpdatedTime: 0, profileCustomField: [],
  };
}
