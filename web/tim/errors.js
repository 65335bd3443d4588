/** What the promises of the chat face reject with: `{code, message}`, the codes being those that the vendor's clients know. */

import { Code } from '../core/errors.js';

export const ChatCode = Object.freeze({
  NOT_LOGGED_IN: 2024,
  REPEATED_LOGIN: 2025,
  BAD_PARAMETER: 2100,
  NETWORK_ERROR: 2800,
  NETWORK_TIMEOUT: 2801,
  /** The same as the gateway's "no such verb": this server has nothing behind the method. */
  NOT_SUPPORTED: 60004,
});

export class ChatError extends Error {
  /**
   * @param {number} code
   * @param {string} message
   * @param {unknown} [data]
   */
  constructor(code, message, data) {
    super(message);
    this.name = 'ChatError';
    this.code = code;
    /** Some callers read `data` of a rejection unchecked. */
    this.data = data ?? {};
  }
}

/** @type {Record<number, number>} Codes of our client that the vendor's callers know under another number. */
const VENDOR = {
  [Code.NOT_SIGNED_IN]: ChatCode.NOT_LOGGED_IN,
  [Code.TIMED_OUT]: ChatCode.NETWORK_TIMEOUT,
  [Code.SESSION_LOST]: ChatCode.NETWORK_ERROR,
  [Code.UNREACHABLE]: ChatCode.NETWORK_ERROR,
  [Code.QUEUE_FULL]: ChatCode.NETWORK_ERROR,
};

/**
 * @param {any} error
 * @returns {ChatError}
 */
export function asChatError(error) {
  if (error instanceof ChatError) return error;
  const code = Number(error?.code) || 65535;
  return new ChatError(VENDOR[code] ?? code, error instanceof Error ? error.message : String(error));
}

/**
 * The form of every result.
 * @template T
 * @param {T} data
 */
export const ok = (data) => ({ code: 0, data });

/**
 * @param {string} method
 * @param {string} why
 */
export const notSupported = (method, why = 'this server does not have it') =>
  Promise.reject(new ChatError(ChatCode.NOT_SUPPORTED, `${method}: ${why}`));

/** @param {string} message */
export const badParameter = (message) => new ChatError(ChatCode.BAD_PARAMETER, message);
