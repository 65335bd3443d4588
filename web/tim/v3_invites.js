/** Invitations that are open at this device, each with the timer that ends it. */

import { systemClock } from '../core/clock.js';

/** More open invitations than this are made by a fault; the oldest go. */
const MAX_OPEN = 256;
/** The inviter waits longer, so that the notice of an invitee who is there comes first. */
const INVITER_GRACE_S = 5;

/**
 * @typedef {import('./v3_signal.js').Signal} Signal
 * @typedef {import('./message.js').ChatMessage} ChatMessage
 *
 * @typedef {object} Invite
 * @property {Signal} signal its `inviteeList` holds those who have not answered
 * @property {ChatMessage} message
 * @property {boolean} onlineUserOnly the answers are sent as the invitation was
 * @property {boolean} busy an answer is on its way
 * @property {any} timer
 */

export class Invites {
  /** @type {Map<string, Invite>} */ #open = new Map();
  #timedOut;
  #clock;

  /**
   * @param {(inviteID: string) => void} timedOut
   * @param {import('../core/clock.js').Clock} [clock]
   */
  constructor(timedOut, clock = systemClock) {
    this.#timedOut = timedOut;
    this.#clock = clock;
  }

  /** @param {string} inviteID */
  get(inviteID) {
    return this.#open.get(inviteID) ?? null;
  }

  /**
   * @param {Signal} signal
   * @param {ChatMessage} message
   * @param {{own: boolean, ageS?: number, onlineUserOnly?: boolean}} options
   */
  add(signal, message, { own, ageS = 0, onlineUserOnly = false }) {
    this.remove(signal.inviteID);
    /** @type {Invite} */
    const invite = { signal: { ...signal, inviteeList: [...signal.inviteeList] }, message, onlineUserOnly, busy: false, timer: null };
    this.#open.set(signal.inviteID, invite);
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_OPEN) this.remove(oldest);
    if (signal.timeout <= 0) return;
    const seconds = own ? signal.timeout + INVITER_GRACE_S : Math.max(0, signal.timeout - ageS);
    invite.timer = this.#clock.setTimeout(() => this.#timedOut(signal.inviteID), seconds * 1000);
  }

  /** These have answered: an invitation of two is over, one in a group when nobody is left. @param {string} inviteID @param {string[]} users */
  answered(inviteID, users) {
    const invite = this.#open.get(inviteID);
    if (!invite) return;
    const { signal } = invite;
    signal.inviteeList = signal.inviteeList.filter((user) => !users.includes(user));
    if (signal.groupID === '' || signal.inviteeList.length === 0) this.remove(inviteID);
  }

  /** @param {string} inviteID */
  remove(inviteID) {
    this.#clock.clearTimeout(this.#open.get(inviteID)?.timer ?? null);
    this.#open.delete(inviteID);
  }

  clear() {
    for (const inviteID of [...this.#open.keys()]) this.remove(inviteID);
  }
}
