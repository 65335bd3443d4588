// The running call engine, for the modules that ask it.

/** @type {import('/sdk/call/index.js').CallEngine|null} */
let engine = null;

/** The engine of who is signed in, or null. */
export const phone = () => engine;

export function setPhone(next) {
  engine = next;
}
