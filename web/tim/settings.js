/**
 * What an application may set, and the place where the modules of one application meet: the chat module signs in, the
 * media module goes through the same connection. They are separate files, in mini-programs without a common scope, so the
 * place is an object on `wx` there and on `globalThis` elsewhere.
 */

import { GatewayClient } from '../core/gateway.js';
import { uuid } from '../core/clock.js';
import { platformTransport } from './transport.js';

/**
 * @typedef {object} Settings
 * @property {string} [gateway] address of the gateway, `wss://host/ws`; default in pages: `/ws` of the page's host
 * @property {string} [deviceId] default: one per device (mini-programs) or tab (pages)
 * @property {() => Promise<string>} [renewUserSig] asked when the signature expired
 * @property {string} [rtmp] base of the stream addresses; default: `rtmp://<the gateway's host>:1935`
 * @property {any} [WebSocket] instead of the platform's own
 * @property {import('../core/clock.js').Clock} [clock]
 *
 * @typedef {{settings: Settings, clients: Map<string, GatewayClient>}} Place
 */

/** Replaced by `npm run build -- --gateway=…`; empty where the build named none. */
const BUILT_GATEWAY = typeof CARILLON_GATEWAY === 'string' ? CARILLON_GATEWAY : '';

/** @returns {Place} */
export function place() {
  const holder = /** @type {any} */ (globalWx() ?? globalThis);
  const kept = holder.$carillon ?? {};
  // An application may have put bare settings there before any module was loaded.
  if (!kept.clients) holder.$carillon = { settings: kept.settings ?? { ...kept }, clients: new Map() };
  return holder.$carillon;
}

/** @param {Settings} settings */
export function configure(settings) {
  Object.assign(place().settings, settings);
}

/** The mini-program's global, or `null`. */
export function globalWx() {
  const found = typeof wx === 'object' ? wx : null;
  return found?.connectSocket ? found : null;
}

/**
 * A gateway client that other modules find under its user once it is signed in.
 * @param {number} app
 * @param {Settings} own what this instance sets above the common settings
 */
export async function makeClient(app, own = {}) {
  const { settings } = place();
  const { gateway, deviceId, renewUserSig, WebSocket, clock } = { ...settings, ...own };
  const transport = await platformTransport();
  return new GatewayClient({
    app,
    url: gateway || gatewayUrl() || undefined,
    deviceId: deviceId ?? keptDeviceId(),
    renewUserSig,
    clock,
    platform: transport.platform,
    WebSocket: WebSocket ?? transport.WebSocket,
    network: transport.network,
  });
}

/** The gateway's address as it was set, or `''`. */
export const gatewayUrl = () => place().settings.gateway || BUILT_GATEWAY;

/** @param {number} app @param {GatewayClient} client */
export function share(app, client) {
  place().clients.set(`${app}/${client.user}`, client);
}

/** @param {number} app @param {string} user @param {GatewayClient} client */
export function unshare(app, user, client) {
  const { clients } = place();
  if (clients.get(`${app}/${user}`) === client) clients.delete(`${app}/${user}`);
}

/**
 * The connection that `user` is signed in with, or `undefined`.
 * @param {number} app
 * @param {string} user
 */
export function sharedClient(app, user) {
  return place().clients.get(`${app}/${user}`);
}

/** In mini-programs one id per installation; elsewhere the client finds its own. */
function keptDeviceId() {
  const wxGlobal = globalWx();
  if (!wxGlobal) return undefined;
  const key = 'carillon.device';
  try {
    const kept = wxGlobal.getStorageSync(key);
    if (kept) return String(kept);
    const made = uuid();
    wxGlobal.setStorageSync(key, made);
    return made;
  } catch {
    // The storage is full or forbidden: a new device each time.
    return uuid();
  }
}
