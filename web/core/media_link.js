/**
 * One RTCPeerConnection that carries everything sent and received in one room. The owner says what is to be published and
 * received; this brings the connection there: one negotiation at a time, sections reused, ICE restarted when the path
 * breaks, all rebuilt when that does not help.
 */

import { backOff, systemClock } from './clock.js';
import { Emitter } from './emitter.js';
import { asCarillonError, CarillonError, Code } from './errors.js';

/** A path that is `disconnected` often comes back by itself within this time. */
const DISCONNECTED_PATIENCE_MS = 2_000;
/** ICE and DTLS over a bad network take seconds; a try that is not through by then is made anew. */
const CONNECT_WITHIN_MS = 10_000;
/** Restarts of ICE before all is rebuilt. */
const MAX_RESTARTS = 2;
const REBUILD_BASE_MS = 500;
const REBUILD_MAX_MS = 8_000;

/**
 * @typedef {import('./protocol.js').TrackName} TrackName
 * @typedef {'idle' | 'connecting' | 'connected' | 'reconnecting' | 'closed'} MediaState
 *
 * @typedef {object} Publication
 * @property {'audio' | 'video'} kind
 * @property {MediaStreamTrack | null} track `null`: the section is there and silent
 * @property {number} [maxBitrate] bit/s
 * @property {number} [maxFramerate]
 * @property {'balanced' | 'maintain-framerate' | 'maintain-resolution'} [degradation]
 *
 * @typedef {{user: string, track: TrackName}} Subscription
 *
 * @typedef {object} OfferBody
 * @property {string} sdp
 * @property {{mid: string, track: TrackName}[]} publish
 * @property {{mid: string, user: string, track: TrackName}[]} subscribe
 *
 * @typedef {object} Slot one section of the connection
 * @property {RTCRtpTransceiver} transceiver
 * @property {'send' | 'recv'} side
 * @property {'audio' | 'video'} kind
 * @property {string | null} use key of the publication or subscription that has it; `null`: free
 * @property {boolean} told the owner knows the track that is received here
 *
 * @typedef {object} MediaLinkOptions
 * @property {(offer: OfferBody) => Promise<{sdp: string}>} negotiate brings an offer to the server
 * @property {typeof RTCPeerConnection} [RTCPeerConnection]
 * @property {import('./clock.js').Clock} [clock]
 */

/** @param {TrackName} track */
export function kindOf(track) {
  return track === 'camera' || track === 'screen' ? 'video' : 'audio';
}

/** @param {Subscription} subscription */
const keyOf = ({ user, track }) => `${user} ${track}`;

/**
 * Events: `state` {state, previous}; `track` {user, track, mediaTrack} when a subscription's sound or picture can be shown
 * (again after a rebuild); `error` CarillonError.
 */
export class MediaLink extends Emitter {
  #negotiate;
  #PeerConnection;
  #clock;
  /** @type {Map<TrackName, Publication>} */ #publications = new Map();
  /** @type {Map<string, Subscription>} */ #subscriptions = new Map();
  /** @type {RTCPeerConnection | null} */ #pc = null;
  /** @type {Slot[]} */ #slots = [];
  /** @type {MediaState} */ #state = 'idle';
  #ready = false;
  #dirty = false;
  #running = false;
  #restarts = 0;
  #rebuilds = 0;
  /** @type {any} */ #watch = null;
  /** @type {any} */ #rebuildTimer = null;

  /** @param {MediaLinkOptions} options */
  constructor(options) {
    super();
    this.#negotiate = options.negotiate;
    this.#PeerConnection = options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    this.#clock = options.clock ?? systemClock;
  }

  get state() {
    return this.#state;
  }

  /** For statistics; `null` before there is anything to carry. */
  get peerConnection() {
    return this.#pc;
  }

  /**
   * Publishes, changes or (with `null`) ends a track. A change of the media track needs no negotiation.
   * @param {TrackName} name
   * @param {Publication | null} publication
   */
  publish(name, publication) {
    if (publication) this.#publications.set(name, publication);
    else this.#publications.delete(name);
    const slot = this.#slots.find(({ side, use }) => side === 'send' && use === name);
    if (slot && publication && slot.kind === publication.kind) this.#feed(slot, publication);
    else this.#plan();
  }

  /** @param {Iterable<Subscription>} subscriptions all that is to be received from now on */
  subscribe(subscriptions) {
    const wanted = new Map([...subscriptions].map((s) => [keyOf(s), s]));
    const same = wanted.size === this.#subscriptions.size && [...wanted.keys()].every((k) => this.#subscriptions.has(k));
    if (same) return;
    this.#subscriptions = wanted;
    this.#plan();
  }

  /**
   * The server may not have filled a section whose track came later: asks again for those.
   * @param {Subscription} subscription
   */
  refresh(subscription) {
    const slot = this.#slots.find(({ side, use }) => side === 'recv' && use === keyOf(subscription));
    if (slot && slot.transceiver.mid !== null && !receives(slot.transceiver)) this.#plan();
  }

  /**
   * @param {Subscription} subscription
   * @returns {MediaStreamTrack | null}
   */
  trackOf(subscription) {
    const slot = this.#slots.find(({ side, use, told }) => side === 'recv' && told && use === keyOf(subscription));
    return slot?.transceiver.receiver.track ?? null;
  }

  /**
   * Whether the server can be asked now. On becoming ready a broken path is restarted at once.
   * @param {boolean} ready
   */
  setReady(ready) {
    if (this.#ready === ready || this.#state === 'closed') return;
    this.#ready = ready;
    if (!ready) return;
    const broken = this.#pc?.remoteDescription && this.#pc.connectionState !== 'connected';
    if (broken && !this.#running) this.restartIce();
    else this.#run();
  }

  /** The server wants something else of what is published: its answer to the next offer says what. */
  renegotiate() {
    if (this.#pc) this.#plan();
  }

  /** The path may be dead: looks for a new one, media goes on over the old one meanwhile. */
  restartIce() {
    const pc = this.#pc;
    if (!pc || this.#state === 'closed') return;
    if (!this.#ready) {
      // Without the server no restart is possible; `setReady` looks again.
      this.#setState('reconnecting');
      return;
    }
    if (this.#restarts >= MAX_RESTARTS || !pc.remoteDescription) {
      this.rebuild();
      return;
    }
    this.#restarts += 1;
    if (this.#state !== 'connecting') this.#setState('reconnecting');
    pc.restartIce();
    this.#plan();
    this.#expectConnected();
  }

  /** Begins again with a new connection; all publications and subscriptions are kept. */
  rebuild() {
    if (this.#state === 'closed') return;
    this.#discard();
    this.#setState(this.#state === 'idle' ? 'idle' : 'reconnecting');
    this.#plan();
  }

  close() {
    this.#discard();
    this.#publications.clear();
    this.#subscriptions.clear();
    this.#setState('closed');
  }

  // ---- negotiation ----

  #plan() {
    this.#dirty = true;
    // What is asked for in one go is negotiated in one go.
    queueMicrotask(() => this.#run());
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#dirty && this.#ready && this.#state !== 'closed' && this.#rebuildTimer === null) {
        this.#dirty = false;
        await this.#exchange();
      }
    } finally {
      this.#running = false;
    }
  }

  async #exchange() {
    if (!this.#pc && this.#publications.size === 0 && this.#subscriptions.size === 0) return;
    const pc = (this.#pc ??= this.#open());
    try {
      this.#assign(pc);
      await pc.setLocalDescription(await pc.createOffer());
      if (this.#pc !== pc) return;
      const { sdp } = await this.#negotiate({ sdp: pc.localDescription?.sdp ?? '', ...this.#uses() });
      if (this.#pc !== pc) return;
      await pc.setRemoteDescription({ type: 'answer', sdp });
      if (this.#pc !== pc) return;
      this.#applyLimits();
      this.#tellTracks();
    } catch (error) {
      if (this.#pc === pc) this.#failed(error);
    }
  }

  #open() {
    const pc = new this.#PeerConnection({ bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    pc.onconnectionstatechange = () => this.#pc === pc && this.#connectionChanged(pc);
    this.#slots = [];
    if (this.#state === 'idle') this.#setState('connecting');
    this.#expectConnected();
    return pc;
  }

  /**
   * Gives each publication and subscription a section: a free one of its kind, or a new one.
   * @param {RTCPeerConnection} pc
   */
  #assign(pc) {
    for (const slot of this.#slots) {
      if (slot.use !== null && !this.#isWanted(slot)) free(slot);
    }
    for (const [name, publication] of this.#publications) {
      const slot = this.#take(pc, 'send', publication.kind, name);
      if (slot) this.#feed(slot, publication);
    }
    for (const [key, { track }] of this.#subscriptions) this.#take(pc, 'recv', kindOf(track), key);
  }

  /** @param {Slot} slot */
  #isWanted({ side, use, kind }) {
    if (use === null) return false;
    if (side === 'recv') return this.#subscriptions.has(use);
    return this.#publications.get(/** @type {TrackName} */ (use))?.kind === kind;
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {'send' | 'recv'} side
   * @param {'audio' | 'video'} kind
   * @param {string} use
   * @returns {Slot | null} `null` where it has one already
   */
  #take(pc, side, kind, use) {
    if (this.#slots.some((slot) => slot.side === side && slot.use === use)) return null;
    let slot = this.#slots.find((s) => s.side === side && s.kind === kind && s.use === null);
    const direction = side === 'send' ? 'sendonly' : 'recvonly';
    if (slot) {
      slot.transceiver.direction = direction;
    } else {
      const transceiver = pc.addTransceiver(kind, { direction });
      slot = { transceiver, side, kind, use, told: false };
      this.#slots.push(slot);
    }
    slot.use = use;
    slot.told = false;
    return slot;
  }

  /**
   * @param {Slot} slot
   * @param {Publication} publication
   */
  #feed(slot, publication) {
    slot.transceiver.sender.replaceTrack(publication.track).catch((error) => this.emit('error', asCarillonError(error)));
    this.#limit(slot);
  }

  #uses() {
    /** @type {OfferBody['publish']} */ const publish = [];
    /** @type {OfferBody['subscribe']} */ const subscribe = [];
    for (const { transceiver, side, use } of this.#slots) {
      const { mid } = transceiver;
      if (use === null || mid === null) continue;
      const subscription = this.#subscriptions.get(use);
      if (side === 'send') publish.push({ mid, track: /** @type {TrackName} */ (use) });
      else if (subscription) subscribe.push({ mid, ...subscription });
    }
    return { publish, subscribe };
  }

  #applyLimits() {
    for (const slot of this.#slots) if (slot.side === 'send') this.#limit(slot);
  }

  /** @param {Slot} slot */
  #limit({ transceiver, use }) {
    const publication = this.#publications.get(/** @type {TrackName} */ (use));
    if (!publication || transceiver.currentDirection !== 'sendonly') return;
    const { sender } = transceiver;
    const parameters = sender.getParameters();
    if (!parameters.encodings?.length) return;
    const [encoding] = parameters.encodings;
    if (publication.maxBitrate) encoding.maxBitrate = publication.maxBitrate;
    if (publication.maxFramerate) encoding.maxFramerate = publication.maxFramerate;
    // Not in every browser yet; those without it leave the member alone.
    if (publication.degradation) /** @type {any} */ (parameters).degradationPreference = publication.degradation;
    sender.setParameters(parameters).catch(() => {
      // Another change came between reading and writing; the next negotiation sets it again.
    });
  }

  #tellTracks() {
    for (const slot of this.#slots) {
      const subscription = slot.use === null ? undefined : this.#subscriptions.get(slot.use);
      if (slot.side !== 'recv' || slot.told || !subscription || !receives(slot.transceiver)) continue;
      slot.told = true;
      this.emit('track', { ...subscription, mediaTrack: slot.transceiver.receiver.track });
    }
  }

  // ---- the watch over the path ----

  /** @param {RTCPeerConnection} pc */
  #connectionChanged(pc) {
    switch (pc.connectionState) {
      case 'connected':
        this.#restarts = 0;
        this.#rebuilds = 0;
        this.#unwatch();
        return this.#setState('connected');
      case 'disconnected':
        this.#unwatch();
        this.#watch = this.#clock.setTimeout(() => this.restartIce(), DISCONNECTED_PATIENCE_MS);
        return undefined;
      case 'failed':
        return this.restartIce();
      case 'new':
      case 'connecting':
      case 'closed':
        return undefined;
    }
  }

  #expectConnected() {
    this.#unwatch();
    this.#watch = this.#clock.setTimeout(() => {
      const state = this.#pc?.connectionState;
      if (state === 'connected') {
        // An ICE restart that changed nothing visible.
        this.#restarts = 0;
        this.#setState('connected');
      } else if (this.#pc) {
        this.#failed(new CarillonError(Code.MEDIA_FAILED, `no media connection within ${CONNECT_WITHIN_MS} ms (${state})`));
      }
    }, CONNECT_WITHIN_MS);
  }

  #unwatch() {
    this.#clock.clearTimeout(this.#watch);
    this.#watch = null;
  }

  /** @param {unknown} error */
  #failed(error) {
    this.emit('error', asCarillonError(error));
    if (this.#state === 'closed') return;
    this.#discard();
    this.#setState('reconnecting');
    const wait = backOff(this.#clock, this.#rebuilds++, REBUILD_BASE_MS, REBUILD_MAX_MS);
    this.#rebuildTimer = this.#clock.setTimeout(() => {
      this.#rebuildTimer = null;
      this.#plan();
    }, wait);
  }

  #discard() {
    this.#unwatch();
    this.#clock.clearTimeout(this.#rebuildTimer);
    this.#rebuildTimer = null;
    this.#restarts = 0;
    const pc = this.#pc;
    this.#pc = null;
    this.#slots = [];
    if (!pc) return;
    pc.onconnectionstatechange = null;
    pc.close();
  }

  /** @param {MediaState} state */
  #setState(state) {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    this.emit('state', { state, previous });
  }
}

/** @param {RTCRtpTransceiver} transceiver */
function receives({ currentDirection }) {
  return currentDirection === 'recvonly' || currentDirection === 'sendrecv';
}

/** @param {Slot} slot */
function free(slot) {
  slot.use = null;
  slot.told = false;
  slot.transceiver.direction = 'inactive';
  if (slot.side === 'send') slot.transceiver.sender.replaceTrack(null).catch(() => {});
}
