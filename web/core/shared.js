/**
 * The signed-in gateways of this page. Chat and media drop-ins may come out of different bundles and yet must use one
 * session (two sessions of one device would end each other), so the list stands at the global object.
 */

const KEY = Symbol.for('carillon.gateways');

/** @typedef {import('./gateway.js').GatewayClient} GatewayClient */

/** @returns {Set<GatewayClient>} */
function all() {
  const page = /** @type {any} */ (globalThis);
  return (page[KEY] ??= new Set());
}

/** A client signs in. @param {GatewayClient} gateway */
export function share(gateway) {
  all().add(gateway);
}

/** Its session is over. @param {GatewayClient} gateway */
export function unshare(gateway) {
  all().delete(gateway);
}

/**
 * The session that somebody else in this page has for this user, or `null`.
 * @param {number} app
 * @param {string} user
 */
export function sharedGateway(app, user) {
  return [...all()].find((gateway) => gateway.app === app && gateway.user === user) ?? null;
}

/** The gateway's address where the application said it: `globalThis.CARILLON_GATEWAY = 'wss://calls.example/ws'`. */
export function configuredUrl() {
  const url = /** @type {any} */ (globalThis).CARILLON_GATEWAY;
  return typeof url === 'string' && url !== '' ? url : null;
}
