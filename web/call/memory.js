/** What this tab remembers over a reload: the invitation it sent and nobody answered yet. */

const KEY = 'carillon.ringing';

/**
 * @typedef {object} Ringing
 * @property {string} user who sent it
 * @property {string} callID also the id of the invitation
 * @property {import('./state.js').RoomId} room
 * @property {string} groupID
 * @property {number} type
 * @property {string[]} users who was asked
 */

/** @param {Ringing} ringing */
export function rememberRinging(ringing) {
  store((box) => box.setItem(KEY, JSON.stringify(ringing)));
}

export function forgetRinging() {
  store((box) => box.removeItem(KEY));
}

/** @param {string} user @returns {Ringing | null} */
export function recallRinging(user) {
  const ringing = store((box) => JSON.parse(box.getItem(KEY) ?? 'null'));
  return ringing?.user === user ? ringing : null;
}

/** @param {(box: Storage) => any} use */
function store(use) {
  try {
    return use(globalThis.sessionStorage) ?? null;
  } catch {
    // Storage is forbidden here, or this is no browser: then a reload leaves the ring to its time-out.
    return null;
  }
}
