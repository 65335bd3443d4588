/**
 * The client's end of the gateway: one session over one WebSocket after the other. A lost socket is resumed without a
 * missed or a doubled frame; where that is too late, a new session begins with a snapshot.
 */

import { backOff, systemClock, uuid } from './clock.js';
import { Emitter } from './emitter.js';
import { CarillonError, Code, GatewayCode } from './errors.js';
import { Link } from './link.js';
import { Requests } from './requests.js';

const VERSION = 1;
/** First wait after a lost socket; doubles up to the limits below. */
const RETRY_BASE_MS = 300;
/** While a resume is still possible, tries must be close. */
const RETRY_MAX_RESUMABLE_MS = 4_000;
const RETRY_MAX_MS = 15_000;
const RETRY_TOO_MANY_TRIES_MS = 60_000;
/** A sign-in that the application waits for. */
const SIGN_IN_WITHIN_MS = 20_000;
const REQUEST_WITHIN_MS = 15_000;
const SIGN_OUT_WITHIN_MS = 1_000;
/** Frames may stay unacknowledged this long, or until there are this many. */
const ACK_AFTER_MS = 1_000;
const ACK_AFTER_FRAMES = 32;

/** Refusals that another try may not meet; all others end the session. */
/** @type {Set<number>} */
const TRANSIENT_REFUSALS = new Set([GatewayCode.OVERLOADED, GatewayCode.INTERNAL, GatewayCode.TOO_MANY_TRIES]);
/** Requests that change nothing when done twice; `message.send` has its `clientId`. */
const REPEATABLE = /^(message\.(send|read|list)|conversation\.list|profile\.|user\.find|status\.|group\.(get|find|list|members|membersOf|attributes\.get)$|room\.leave|call\.)/;

/**
 * @typedef {'signedOut' | 'connecting' | 'online' | 'reconnecting' | 'ended'} GatewayState
 *
 * @typedef {object} GatewayOptions
 * @property {string} [url] default: `/ws` of the page's host
 * @property {number} app
 * @property {string} [deviceId] default: one per browser tab, kept across reloads
 * @property {'web' | 'miniProgram' | 'android' | 'ios' | 'windows' | 'mac' | 'linux' | 'server'} [platform]
 * @property {'answers' | 'all'} [sync]
 * @property {() => Promise<string>} [renewUserSig] asked when the signature expired
 * @property {any} [WebSocket] for Node: the `ws` package's class
 * @property {import('./clock.js').Clock} [clock]
 * @property {EventTarget | null} [network] tells `online`; default: the window
 */

/**
 * Events: `state` {state, previous}; `session` (a Welcome) at each new session; `resumed`; `ended` {reason, code, message};
 * `event` {event, body} for each event of the server, and the same under the event's own name with its body.
 */
export class GatewayClient extends Emitter {
  #options;
  #clock;
  #requests;
  /** @type {GatewayState} */ #state = 'signedOut';
  /** @type {{user: string, userSig: string} | null} */ #credentials = null;
  /**
   * `tries`: to resume; a hello of an older one that arrives late is told from the newest by it.
   * @type {{secret: string, handled: number, acked: number, tries: number, resumeWithinMs: number, resumeUntil: number} | null}
   */
  #session = null;
  /** @type {Link | null} */ #link = null;
  #attempt = 0;
  /** @type {any} */ #retryTimer = null;
  /** @type {any} */ #ackTimer = null;
  /** @type {{resolve: (w: any) => void, reject: (e: Error) => void, timer: any} | null} */ #signingIn = null;
  #serverOffsetMs = 0;
  /** @type {() => void} */ #unwatch = () => {};

  /** @param {GatewayOptions} options */
  constructor(options) {
    super();
    this.#clock = options.clock ?? systemClock;
    this.#options = {
      ...options,
      url: options.url ?? defaultUrl(),
      deviceId: options.deviceId ?? tabDeviceId(),
      platform: options.platform ?? 'web',
      sync: options.sync ?? 'answers',
      Socket: options.WebSocket ?? globalThis.WebSocket,
      network: options.network === undefined ? defaultNetwork() : options.network,
    };
    this.#requests = new Requests(this.#clock);
  }

  get state() {
    return this.#state;
  }

  /** The signed-in user, or `''`. */
  get user() {
    return this.#credentials?.user ?? '';
  }

  /** The gateway's address. */
  get url() {
    return this.#options.url;
  }

  get deviceId() {
    return this.#options.deviceId;
  }

  /** The server's time in ms since 1970, as well as it is known. */
  serverNow() {
    return this.#clock.now() + this.#serverOffsetMs;
  }

  /**
   * Signs in. From then on the client reconnects by itself until `signOut` or `ended`.
   * @param {{user: string, userSig: string}} credentials
   * @returns {Promise<import('./protocol.js').Welcome>}
   */
  async signIn({ user, userSig }) {
    if (this.#state !== 'signedOut' && this.#state !== 'ended') await this.signOut();
    this.#credentials = { user, userSig };
    this.#session = null;
    this.#attempt = 0;
    this.#watchNetwork();
    this.#setState('connecting');
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(
        () => this.#end('signedOut', Code.UNREACHABLE, 'the gateway could not be reached'),
        SIGN_IN_WITHIN_MS,
      );
      this.#signingIn = { resolve, reject, timer };
      this.#connect();
    });
  }

  /** Ends the session for good: no resume, the device is offline at once. */
  async signOut() {
    const link = this.#link;
    if (link && this.#state === 'online') {
      const over = new Promise((resolve) => {
        this.once('ended', resolve);
        this.#clock.setTimeout(() => resolve(undefined), SIGN_OUT_WITHIN_MS);
      });
      link.send({ t: 'signOut' });
      await over;
    }
    this.#end('signedOut', Code.NOT_SIGNED_IN, 'signed out');
  }

  /**
   * Asks the server. Always settles: with the reply's body, with the server's error, by its time-out, or by the end of
   * the session. While the socket is lost, requests wait.
   * @param {string} verb
   * @param {object} [body]
   * @param {{timeoutMs?: number, repeatable?: boolean}} [options]
   * @returns {Promise<any>}
   */
  request(verb, body = {}, { timeoutMs = REQUEST_WITHIN_MS, repeatable = REPEATABLE.test(verb) } = {}) {
    if (this.#state === 'signedOut' || this.#state === 'ended') {
      return Promise.reject(new CarillonError(Code.NOT_SIGNED_IN, `${verb}: not signed in`));
    }
    const reply = this.#requests.add(verb, body, { timeoutMs, repeatable });
    if (this.#state === 'online') this.#sendRequests();
    return reply;
  }

  // ---- sockets ----

  #connect() {
    this.#clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    if (this.#session && this.#clock.now() > this.#session.resumeUntil) this.#session = null;
    /** @type {Link} */
    let link;
    // A callback of a link that was replaced in the meantime must not touch the new one.
    const current = () => this.#link === link;
    try {
      link = new Link(this.#options.url, this.#options.Socket, this.#clock, {
        onOpen: () => current() && link.send(this.#hello()),
        onFrame: (frame) => current() && this.#handle(frame),
        onClosed: () => current() && this.#lost(),
      });
      this.#link = link;
    } catch (error) {
      // A malformed address, or a page that may not open plain sockets.
      this.#end('signedOut', Code.UNREACHABLE, `no socket to ${this.#options.url}: ${error}`);
    }
  }

  #hello() {
    if (this.#session) {
      const { secret: session, handled: ack } = this.#session;
      return { t: 'hello', version: VERSION, resume: { session, ack, attempt: ++this.#session.tries } };
    }
    const { app, deviceId, platform, sync } = this.#options;
    const device = { id: deviceId, platform, sync };
    return { t: 'hello', version: VERSION, app, ...this.#credentials, device };
  }

  #lost() {
    this.#link = null;
    this.#stopAck();
    if (this.#state === 'online') {
      if (this.#session) this.#session.resumeUntil = this.#clock.now() + this.#session.resumeWithinMs;
      this.#setState('reconnecting');
    }
    this.#retryAfter(this.#retryDelay());
  }

  #retryDelay() {
    const max = this.#session ? RETRY_MAX_RESUMABLE_MS : RETRY_MAX_MS;
    return backOff(this.#clock, this.#attempt++, RETRY_BASE_MS, max);
  }

  /** @param {number} ms */
  #retryAfter(ms) {
    this.#clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = this.#clock.setTimeout(() => this.#connect(), ms);
  }

  // ---- frames ----

  /** @param {any} frame */
  #handle(frame) {
    switch (frame.t) {
      case 'welcome':
        return this.#welcome(frame);
      case 'refused':
        return this.#refused(frame);
      case 'reply':
      case 'event':
        return this.#sequenced(frame);
      case 'bye':
        return this.#bye(frame);
      case 'ack':
      case 'pong':
        return undefined;
      default:
        // A later server's frame: not for us.
        return undefined;
    }
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  #welcome(welcome) {
    this.#attempt = 0;
    this.#serverOffsetMs = welcome.serverTimeMs - this.#clock.now();
    this.#link?.established(welcome.pingIntervalMs);
    const resumed = welcome.resumed && this.#session !== null;
    const handled = resumed && this.#session ? this.#session.handled : 0;
    this.#session = {
      secret: welcome.session,
      handled,
      acked: handled,
      tries: resumed && this.#session ? this.#session.tries : 0,
      resumeWithinMs: welcome.resumeWithinMs,
      resumeUntil: Infinity,
    };
    if (!resumed) this.#requests.restart();
    this.#setState('online');
    this.#sendRequests(resumed ? welcome.ack : undefined);
    const signingIn = this.#signingIn;
    this.#signingIn = null;
    this.#clock.clearTimeout(signingIn?.timer);
    if (resumed) this.emit('resumed');
    else this.emit('session', welcome);
    signingIn?.resolve(welcome);
  }

  /** @param {{code: number, message: string}} refusal */
  async #refused({ code, message }) {
    this.#dropLink();
    if (code === GatewayCode.RESUME_FAILED && this.#session) {
      this.#session = null;
      this.#retryAfter(0);
    } else if (code === GatewayCode.USER_SIG_EXPIRED && this.#options.renewUserSig) {
      await this.#renew(message);
    } else if (TRANSIENT_REFUSALS.has(code)) {
      this.#session = null;
      this.#retryAfter(code === GatewayCode.TOO_MANY_TRIES ? RETRY_TOO_MANY_TRIES_MS : this.#retryDelay());
    } else {
      this.#end(code === GatewayCode.USER_SIG_EXPIRED ? 'userSigExpired' : 'refused', code, message);
    }
  }

  /** @param {{reason: string, message: string}} bye */
  async #bye({ reason, message }) {
    this.#dropLink();
    this.#session = null;
    switch (reason) {
      case 'protocolError':
      case 'tooSlow':
      case 'serverStopping':
        if (this.#state === 'online') this.#setState('reconnecting');
        return this.#retryAfter(this.#retryDelay());
      case 'userSigExpired':
        if (this.#options.renewUserSig) return this.#renew(message);
        return this.#end(reason, GatewayCode.USER_SIG_EXPIRED, message);
      case 'signedOut':
        return this.#end(reason, Code.NOT_SIGNED_IN, message);
      case 'kickedByDevice':
      case 'kickedBySameDevice':
      case 'kickedByAdmin':
      default:
        return this.#end(reason, Code.SESSION_LOST, message);
    }
  }

  /** @param {string} message */
  async #renew(message) {
    const credentials = this.#credentials;
    if (this.#state === 'online') this.#setState('reconnecting');
    try {
      const userSig = await this.#options.renewUserSig?.();
      if (!credentials || this.#credentials !== credentials) return;
      if (!userSig) throw new Error('renewUserSig gave nothing');
      this.#credentials = { ...credentials, userSig };
      // Not at once: a signature that is expired again would spin.
      this.#retryAfter(this.#retryDelay());
    } catch (error) {
      if (this.#credentials === credentials) {
        this.#end('userSigExpired', GatewayCode.USER_SIG_EXPIRED, `${message}; ${error}`);
      }
    }
  }

  /** @param {any} frame a reply or an event: each is handled once and in order */
  #sequenced(frame) {
    const session = this.#session;
    if (!session || frame.seq <= session.handled) return;
    if (frame.seq > session.handled + 1) {
      // Something is missing: a resume brings it.
      this.#link?.close();
      return;
    }
    session.handled = frame.seq;
    this.#ackLater(session);
    if (frame.t === 'reply') this.#reply(frame);
    else this.#event(frame);
  }

  /** @param {{re: number, body?: any, error?: {code: number, message: string}}} reply */
  #reply({ re, body, error }) {
    const entry = this.#requests.settle(re);
    if (!entry) return;
    if (error) entry.reject(new CarillonError(error.code, `${entry.verb}: ${error.message}`));
    else entry.resolve(body ?? {});
  }

  /** @param {{event: string, body: any}} frame */
  #event({ event, body }) {
    this.emit('event', { event, body });
    this.emit(event, body);
  }

  /** @param {number} [handled] */
  #sendRequests(handled) {
    const session = this.#session;
    if (!session || !this.#link) return;
    for (const { id, verb, body } of this.#requests.takeUnsent(handled)) {
      this.#link.send({ t: 'request', id, verb, body, ack: session.handled });
      session.acked = session.handled;
    }
  }

  /** @param {{handled: number, acked: number}} session */
  #ackLater(session) {
    if (session.handled - session.acked >= ACK_AFTER_FRAMES) this.#ackNow();
    else this.#ackTimer ??= this.#clock.setTimeout(() => this.#ackNow(), ACK_AFTER_MS);
  }

  #ackNow() {
    this.#stopAck();
    const session = this.#session;
    if (!session || session.acked === session.handled) return;
    session.acked = session.handled;
    this.#link?.send({ t: 'ack', seq: session.handled });
  }

  #stopAck() {
    this.#clock.clearTimeout(this.#ackTimer);
    this.#ackTimer = null;
  }

  // ---- ends ----

  #dropLink() {
    const link = this.#link;
    this.#link = null;
    this.#stopAck();
    link?.close();
  }

  /**
   * @param {string} reason
   * @param {number} code
   * @param {string} message
   */
  #end(reason, code, message) {
    if (this.#state === 'signedOut' || this.#state === 'ended') return;
    this.#dropLink();
    this.#clock.clearTimeout(this.#retryTimer);
    this.#session = null;
    this.#unwatch();
    const signingIn = this.#signingIn;
    this.#signingIn = null;
    this.#clock.clearTimeout(signingIn?.timer);
    this.#credentials = null;
    this.#setState(reason === 'signedOut' || signingIn ? 'signedOut' : 'ended');
    this.#requests.giveUpAll(Code.SESSION_LOST, message);
    signingIn?.reject(new CarillonError(code, message));
    this.emit('ended', { reason, code, message });
  }

  /** @param {GatewayState} state */
  #setState(state) {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    this.emit('state', { state, previous });
  }

  #watchNetwork() {
    this.#unwatch();
    const network = this.#options.network;
    if (!network) return;
    const onChange = () => this.#networkChanged();
    network.addEventListener('online', onChange);
    network.addEventListener('pageshow', onChange);
    this.#unwatch = () => {
      network.removeEventListener('online', onChange);
      network.removeEventListener('pageshow', onChange);
      this.#unwatch = () => {};
    };
  }

  #networkChanged() {
    if (this.#state === 'online') this.#link?.probe();
    else if (this.#retryTimer !== null && !this.#link) {
      this.#attempt = 0;
      this.#connect();
    }
  }
}

function defaultUrl() {
  const { location } = globalThis;
  if (!location?.host) throw new CarillonError(Code.UNREACHABLE, 'no page to take the gateway\'s address from: give `url`');
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
}

function defaultNetwork() {
  return typeof globalThis.addEventListener === 'function' ? /** @type {any} */ (globalThis) : null;
}

/** One id per tab, kept across reloads: two tabs of one browser are two devices. */
function tabDeviceId() {
  const key = 'carillon.device';
  try {
    const kept = globalThis.sessionStorage.getItem(key);
    if (kept) return kept;
    const made = uuid();
    globalThis.sessionStorage.setItem(key, made);
    return made;
  } catch {
    // Storage is forbidden here, or this is no browser.
    return uuid();
  }
}
