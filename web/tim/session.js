/** Signing in and out, the vendor's events about it, and a session that survives lost connections. */

import { Emitter } from '../core/emitter.js';
import { EVENT, TYPES } from './constants.js';
import { asChatError, badParameter, ChatCode, ChatError, ok } from './errors.js';
import { makeClient, share, unshare } from './settings.js';

/** @type {Record<string, string>} The gateway's `bye.reason` as the vendor's kick type. */
const KICK_TYPE = {
  kickedByDevice: TYPES.KICKED_OUT_MULT_DEVICE,
  kickedBySameDevice: TYPES.KICKED_OUT_MULT_ACCOUNT,
  userSigExpired: TYPES.KICKED_OUT_USERSIG_EXPIRED,
  kickedByAdmin: TYPES.KICKED_OUT_REST_API,
};
/** @type {Record<string, string>} */
const NET_STATE = { connecting: TYPES.NET_STATE_CONNECTING, online: TYPES.NET_STATE_CONNECTED, reconnecting: TYPES.NET_STATE_CONNECTING };

/**
 * @typedef {import('./settings.js').Settings & {SDKAppID: number}} ChatOptions
 * @typedef {import('../core/gateway.js').GatewayClient} GatewayClient
 */

export class Session {
  #emitter = new Emitter();
  #options;
  /** @type {Promise<GatewayClient> | null} */ #making = null;
  /** @type {GatewayClient | null} */ #client = null;
  /** @type {{userID: string, done: Promise<any>} | null} */ #loggingIn = null;
  #user = '';
  #ready = false;

  /** @param {ChatOptions} options */
  constructor(options) {
    const app = Number(options?.SDKAppID);
    if (!Number.isInteger(app) || app <= 0) throw badParameter('create: `SDKAppID` is a positive number');
    this.#options = { ...options, SDKAppID: app };
  }

  get SDKAppID() {
    return this.#options.SDKAppID;
  }

  /** The signed-in user, or `''`. */
  get user() {
    return this.#user;
  }

  isReady() {
    return this.#ready;
  }

  /**
   * @param {string} name
   * @param {(event: {name: string, data: any}) => void} fn
   * @param {any} [context]
   */
  on(name, fn, context) {
    this.#emitter.on(name, fn, context);
  }

  /**
   * @param {string} name
   * @param {(event: {name: string, data: any}) => void} fn
   * @param {any} [context]
   */
  once(name, fn, context) {
    this.#emitter.once(name, fn, context);
  }

  /** @param {string} name @param {(event: any) => void} [fn] */
  off(name, fn) {
    this.#emitter.off(name, fn);
  }

  /** @param {string} name @param {any} [data] */
  emit(name, data) {
    this.#emitter.emit(name, { name, data });
  }

  /** @param {{userID: string, userSig: string}} credentials */
  async login({ userID, userSig } = { userID: '', userSig: '' }) {
    if (typeof userID !== 'string' || userID === '') throw badParameter('login: `userID` is a text');
    if (typeof userSig !== 'string' || userSig === '') throw new ChatError(70002, 'login: `userSig` is missing');
    if (this.#loggingIn?.userID === userID) return this.#loggingIn.done;
    if (this.#ready && this.#user === userID) return ok(this.#loggedIn(userID, true));
    if (this.#ready) await this.logout();
    const done = this.#signIn(userID, userSig).finally(() => { this.#loggingIn = null; });
    this.#loggingIn = { userID, done };
    return done;
  }

  async logout() {
    const user = this.#user;
    this.#notReady();
    await this.#client?.signOut();
    return ok({ actionStatus: 'OK', errorCode: 0, errorInfo: '', userID: user });
  }

  /** The instance is of no use afterwards. */
  async destroy() {
    await this.logout();
    this.emit(EVENT.SDK_DESTROY, { SDKAppID: this.SDKAppID });
    this.#emitter.removeAllListeners();
    return ok({});
  }

  /** Logs of this module go nowhere: there is nothing to set. @param {number} _level */
  setLogLevel(_level) {}

  /**
   * @param {string} verb
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async request(verb, body) {
    if (!this.#client || !this.#user) throw new ChatError(ChatCode.NOT_LOGGED_IN, `${verb}: log in and wait for SDK_READY first`);
    try {
      return await this.#client.request(verb, body);
    } catch (error) {
      throw asChatError(error);
    }
  }

  /** The server's time, ms. */
  serverNow() {
    return this.#client?.serverNow() ?? Date.now();
  }

  // ---- what the faces fill in ----

  /** A session began: the first one of a login, or one after a connection was lost for too long.
   * @param {import('../core/protocol.js').Snapshot} _snapshot @param {boolean} _first */
  began(_snapshot, _first) {}

  /** @param {string} _event @param {any} _body */
  told(_event, _body) {}

  /** The session is over: nothing of its user may be left. */
  over() {}

  // ---- inside ----

  /** @param {string} userID @param {string} userSig */
  async #signIn(userID, userSig) {
    try {
      const client = await this.#connectionClient();
      this.#user = userID;
      await client.signIn({ user: userID, userSig });
    } catch (error) {
      this.#user = '';
      throw asChatError(error);
    }
    this.#ready = true;
    // After the caller of `login` has its answer: many add their listener only then.
    setTimeout(() => this.#ready && this.#user === userID && this.emit(EVENT.SDK_READY), 0);
    return ok(this.#loggedIn(userID, false));
  }

  /** @param {string} userID @param {boolean} repeatLogin */
  #loggedIn(userID, repeatLogin) {
    return { actionStatus: 'OK', errorCode: 0, errorInfo: '', userID, a2Key: '', tinyID: userID, repeatLogin };
  }

  #connectionClient() {
    this.#making ??= makeClient(this.SDKAppID, this.#options).then((client) => {
      this.#client = client;
      this.#listen(client);
      return client;
    });
    // A failed attempt (no address, say) must not be the answer for ever.
    this.#making.catch(() => { this.#making = null; });
    return this.#making;
  }

  /** @param {GatewayClient} client */
  #listen(client) {
    client.on('state', ({ state, previous }) => this.#netState(state, previous));
    client.on('session', ({ snapshot }) => {
      share(this.SDKAppID, client);
      this.began(snapshot, !this.#ready);
    });
    client.on('event', ({ event, body }) => this.told(event, body));
    client.on('ended', (end) => this.#ended(end));
  }

  /** @param {string} state @param {string} previous */
  #netState(state, previous) {
    const mapped = NET_STATE[state];
    if (mapped) this.emit(EVENT.NET_STATE_CHANGE, { state: mapped });
    else if (previous === 'reconnecting') this.emit(EVENT.NET_STATE_CHANGE, { state: TYPES.NET_STATE_DISCONNECTED });
  }

  /** @param {{reason: string, code: number, message: string}} end */
  #ended({ reason, code, message }) {
    if (!this.#ready) return;
    const type = KICK_TYPE[reason];
    if (type) this.emit(EVENT.KICKED_OUT, { type });
    else if (reason !== 'signedOut') this.emit(EVENT.ERROR, { code, message });
    this.#notReady();
  }

  #notReady() {
    if (this.#client) unshare(this.SDKAppID, this.#user, this.#client);
    const was = this.#ready;
    this.#ready = false;
    this.#user = '';
    this.over();
    if (was) this.emit(EVENT.SDK_NOT_READY);
  }
}
