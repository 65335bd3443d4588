/** Everybody else in the room, and one player for each of their streams. */

import { PLAYER_DEFAULTS } from './constants.js';

/** @typedef {'main' | 'aux'} StreamType */
/** @typedef {Record<string, any>} Player */

export class Players {
  /** @type {Map<string, {userID: string, hasMainAudio?: boolean, hasMainVideo?: boolean, hasAuxVideo?: boolean}>} */
  #users = new Map();
  /** @type {Map<string, Player>} */ #streams = new Map();

  clear() {
    this.#users.clear();
    this.#streams.clear();
  }

  /** @param {string} userID @returns {boolean} whether somebody new came */
  add(userID) {
    if (this.#users.has(userID)) return false;
    this.#users.set(userID, { userID });
    return true;
  }

  /** @param {string} userID */
  has(userID) {
    return this.#users.has(userID);
  }

  /** @param {string} userID */
  remove(userID) {
    for (const [id, stream] of this.#streams) if (stream.userID === userID) this.#streams.delete(id);
    return this.#users.delete(userID);
  }

  /** @param {string} userID */
  streamsOf(userID) {
    return [...this.#streams.values()].filter((stream) => stream.userID === userID);
  }

  /** Copies, as a page holds them. */
  userList() {
    return [...this.#users.values()].map((user) => ({ ...user }));
  }

  playerList() {
    return [...this.#streams.values()].map((stream) => ({ ...stream }));
  }

  /**
   * Somebody's picture or sound came or went.
   * @param {string} userID
   * @param {StreamType} streamType
   * @param {'hasVideo' | 'hasAudio'} what
   * @param {boolean} on
   * @param {string} playurl
   * @returns {Player | null} the stream where something changed
   */
  set(userID, streamType, what, on, playurl) {
    const user = this.#users.get(userID);
    if (!user) return null;
    const id = `${userID}_${streamType}`;
    const known = this.#streams.get(id);
    if (!known && !on) return null;
    const stream = known ?? this.#make(id, userID, streamType);
    const before = stream[what];
    stream[what] = on;
    if (playurl) stream.src = playurl;
    const shown = what === 'hasAudio' ? 'hasMainAudio' : streamType === 'main' ? 'hasMainVideo' : 'hasAuxVideo';
    user[shown] = on;
    return before === on ? null : stream;
  }

  /** @param {string} streamID */
  get(streamID) {
    return this.#streams.get(streamID) ?? null;
  }

  /** @param {string} streamID @param {object} attributes */
  update(streamID, attributes) {
    const stream = this.#streams.get(streamID);
    if (stream) Object.assign(stream, attributes);
    return this.playerList();
  }

  /** @param {string} id @param {string} userID @param {StreamType} streamType */
  #make(id, userID, streamType) {
    const stream = {
      ...PLAYER_DEFAULTS, netStatus: {}, objectFit: streamType === 'aux' ? 'contain' : 'fillCrop',
      userID, streamType, streamID: id, id, hasVideo: false, hasAudio: false, volume: 0,
    };
    this.#streams.set(id, stream);
    return stream;
  }
}
