/**
 * Requests that wait for their reply, in the order they were made. Each settles: by its reply, its time-out, or the end
 * of its session.
 */

import { CarillonError, Code } from './errors.js';

/** More waiting requests than this means that the application does not look at its errors. */
const MAX_WAITING = 512;

/**
 * @typedef {object} Waiting
 * @property {number | null} id its number in the session; `null` until it was sent
 * @property {string} verb
 * @property {object} body
 * @property {boolean} repeatable doing it twice is the same as once, so a new session may send it again
 * @property {(body: any) => void} resolve
 * @property {(error: CarillonError) => void} reject
 * @property {any} timer
 */

export class Requests {
  /** @type {Waiting[]} */
  #waiting = [];
  #nextId = 1;
  #clock;

  /** @param {import('./clock.js').Clock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /**
   * @param {string} verb
   * @param {object} body
   * @param {{timeoutMs: number, repeatable: boolean}} options
   * @returns {Promise<any>}
   */
  add(verb, body, { timeoutMs, repeatable }) {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING) {
        reject(new CarillonError(Code.QUEUE_FULL, `${verb}: ${MAX_WAITING} requests wait already`));
        return;
      }
      /** @type {Waiting} */
      const entry = { id: null, verb, body, repeatable, resolve, reject, timer: null };
      entry.timer = this.#clock.setTimeout(() => this.#timeOut(entry, timeoutMs), timeoutMs);
      this.#waiting.push(entry);
    });
  }

  /**
   * Those to send now: all that were never sent get their number; with `handled`, also those that the server has not
   * handled (after a resume).
   * @param {number} [handled]
   * @returns {Waiting[]}
   */
  takeUnsent(handled) {
    const again = handled === undefined ? [] : this.#waiting.filter(({ id }) => id !== null && id > handled);
    const unsent = this.#waiting.filter(({ id }) => id === null);
    for (const entry of unsent) entry.id = this.#nextId++;
    return [...again, ...unsent];
  }

  /**
   * @param {number} id
   * @returns {Waiting | undefined} `undefined` where it was given up already
   */
  settle(id) {
    const index = this.#waiting.findIndex((entry) => entry.id === id);
    if (index < 0) return undefined;
    const [entry] = this.#waiting.splice(index, 1);
    this.#clock.clearTimeout(entry.timer);
    return entry;
  }

  /** A new session: numbers start at 1, and what the old one may have done is given up unless it can be repeated. */
  restart() {
    this.#nextId = 1;
    this.#giveUp(
      ({ id, repeatable }) => id !== null && !repeatable,
      (verb) => new CarillonError(Code.SESSION_LOST, `${verb}: the session was lost before the answer came`),
    );
    for (const entry of this.#waiting) entry.id = null;
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  giveUpAll(code, reason) {
    this.#giveUp(() => true, (verb) => new CarillonError(code, `${verb}: ${reason}`));
  }

  get size() {
    return this.#waiting.length;
  }

  /**
   * @param {(entry: Waiting) => boolean} which
   * @param {(verb: string) => CarillonError} error
   */
  #giveUp(which, error) {
    const gone = this.#waiting.filter(which);
    this.#waiting = this.#waiting.filter((entry) => !gone.includes(entry));
    for (const entry of gone) {
      this.#clock.clearTimeout(entry.timer);
      entry.reject(error(entry.verb));
    }
  }

  /**
   * @param {Waiting} entry
   * @param {number} timeoutMs
   */
  #timeOut(entry, timeoutMs) {
    this.#waiting = this.#waiting.filter((other) => other !== entry);
    entry.reject(new CarillonError(Code.TIMED_OUT, `${entry.verb}: no answer within ${timeoutMs} ms`));
  }
}
