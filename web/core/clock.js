/**
 * Time and chance as a value, so that tests run hours in milliseconds.
 *
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since 1970
 * @property {(fn: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random 0 ≤ x < 1
 */

/** @type {Clock} */
export const systemClock = Object.freeze({
  now: () => Date.now(),
  setTimeout: (/** @type {() => void} */ fn, /** @type {number} */ ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (/** @type {any} */ timer) => globalThis.clearTimeout(timer),
  random: () => Math.random(),
});

/**
 * How long to wait before try number `attempt` (0 for the first): doubles up to `maxMs`, and half of it is chance, so
 * that clients which lost the same server do not come back in one moment.
 * @param {Clock} clock
 * @param {number} attempt
 * @param {number} baseMs
 * @param {number} maxMs
 */
export function backOff(clock, attempt, baseMs, maxMs) {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 16));
  return full / 2 + (clock.random() * full) / 2;
}

/**
 * A version 4 UUID.
 * @returns {string}
 */
export function uuid() {
  if (globalThis.crypto?.randomUUID) return globalThis.crypto.randomUUID();
  // Pages without TLS have no randomUUID, mini-programs no crypto: the id must be new, not secret.
  const bytes = globalThis.crypto?.getRandomValues?.(new Uint8Array(16)) ?? Uint8Array.from({ length: 16 }, () => Math.random() * 256);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
