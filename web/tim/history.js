/** Which messages were seen: each is told once, whatever way it comes, and can be named again later. */

import { fromGateway } from './message.js';

/** Messages whose ids are kept. An application edits or revokes what it shows, which is far less. */
const MAX_KEPT = 5_000;
/** Own messages kept to be told when the other side reads them. */
const MAX_SENT = 500;
/**
 * How long after the sign-in a call signal that was told as it came is left out of a list. The vendor's signalling
 * module reads the lists at sign-in and replays what it finds there: told both ways, a call would ring twice and the
 * second ring be answered "busy".
 */
const REPLAY_WINDOW_MS = 5_000;

/**
 * @typedef {import('../core/protocol.js').Message} Stored
 * @typedef {import('./message.js').ChatMessage} ChatMessage
 */

export class History {
  /** @type {Map<string, {id: string, seq: number}>} by our ID */ #known = new Map();
  /** @type {Set<string>} gateway ids that were told */ #told = new Set();
  /** @type {Set<string>} gateway ids of call signals told since the sign-in */ #signals = new Set();
  /** @type {Map<string, ChatMessage>} */ #sent = new Map();
  #replayUntilMs = 0;

  /** A login began. */
  reset() {
    this.#told.clear();
    this.#signals.clear();
    this.#sent.clear();
    this.#replayUntilMs = Date.now() + REPLAY_WINDOW_MS;
  }

  /**
   * @param {Stored} stored
   * @param {string} me
   * @param {number} peerReadSeq
   */
  convert(stored, me, peerReadSeq) {
    const message = fromGateway(stored, me, peerReadSeq);
    bounded(this.#known, message.ID, { id: stored.id, seq: stored.seq }, MAX_KEPT);
    return message;
  }

  /** @param {Stored} stored @returns {boolean} `false`: it was told before */
  tell({ id, kind, payload }) {
    if (this.#told.has(id)) return false;
    this.#told.add(id);
    if (this.#told.size > MAX_KEPT) this.#told.delete(/** @type {string} */ (this.#told.values().next().value));
    if (isSignal(kind, payload) && Date.now() < this.#replayUntilMs) this.#signals.add(id);
    return true;
  }

  /** @param {Stored} stored */
  wasTold({ id }) {
    return this.#told.has(id);
  }

  /** @param {Stored} stored */
  isLeftOut({ id }) {
    return this.#signals.has(id) && Date.now() < this.#replayUntilMs;
  }

  /** @param {ChatMessage} message @param {Stored} stored */
  sent(message, stored) {
    this.#told.add(stored.id);
    bounded(this.#known, message.ID, { id: stored.id, seq: stored.seq }, MAX_KEPT);
    bounded(this.#sent, message.ID, message, MAX_SENT);
  }

  /**
   * Own messages of a conversation that its peer has read now.
   * @param {string} conversationID
   * @param {number} seq
   */
  readByPeer(conversationID, seq) {
    const read = [...this.#sent.values()].filter((m) => m.conversationID === conversationID && !m.isPeerRead && m.sequence <= seq);
    for (const message of read) message.isPeerRead = true;
    return read;
  }

  /** The gateway's id and number of a message, or `undefined`. @param {string} ID */
  find(ID) {
    return this.#known.get(ID);
  }

  /** Our ID of a gateway id. @param {string} id */
  idOf(id) {
    for (const [ID, known] of this.#known) if (known.id === id) return ID;
    return id;
  }
}

/**
 * @param {Map<string, any>} map
 * @param {string} key
 * @param {any} value
 * @param {number} max
 */
function bounded(map, key, value, max) {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(/** @type {string} */ (map.keys().next().value));
}

/** @param {string} kind @param {Record<string, any>} payload */
function isSignal(kind, payload) {
  return kind === 'custom' && typeof payload?.data === 'string' && payload.data.includes('"inviteID"') && payload.data.includes('"actionType"');
}
