/**
 * Addresses of this server's streams, for live-pusher and live-player. The form is in proto/GATEWAY.md: who comes is
 * named and signed by the UserSig, so an address works for its user alone and no longer than the signature.
 */

const RTMP_PORT = 1935;

/**
 * @typedef {object} Seat
 * @property {number} app
 * @property {import('../core/protocol.js').RoomId} room
 * @property {string} user who pushes, or plays
 * @property {string} userSig
 * @property {string} [privateMapKey] where the server lets nobody in without one
 */

/**
 * The RTMP server's base, `rtmp://host:1935`, of the same host as the gateway.
 * @param {string} gateway `wss://host:port/ws`
 */
export function rtmpBase(gateway) {
  const host = /^wss?:\/\/(\[[^\]]+\]|[^/:?#]+)/.exec(gateway)?.[1];
  return host ? `rtmp://${host}:${RTMP_PORT}` : '';
}

/** @param {string} base @param {Seat} seat */
export const pushAddress = (base, seat) => address(base, seat, seat.user);

/** @param {string} base @param {Seat} seat @param {string} publisher @param {'main' | 'aux'} streamType */
export const playAddress = (base, seat, publisher, streamType) => address(base, seat, publisher) + (streamType === 'aux' ? '&track=screen' : '');

/** @param {string} base @param {Seat} seat @param {string} publisher */
function address(base, { app, room, user, userSig, privateMapKey }, publisher) {
  const name = typeof room === 'number' ? String(room) : `str:${encodeURIComponent(room)}`;
  const key = privateMapKey ? `&privateMapKey=${encodeURIComponent(privateMapKey)}` : '';
  return `${base}/live/${app}/${name}/${publisher}?user=${encodeURIComponent(user)}&token=${encodeURIComponent(userSig)}${key}`;
}
