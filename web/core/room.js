/**
 * One room at a time: who is in it, what they send, and one's own media. The seat outlives lost sockets, lost media paths
 * and a restarted server: the client enters again and everything goes on.
 */

import { backOff, systemClock } from './clock.js';
import { Emitter } from './emitter.js';
import { asCarillonError, CarillonError, Code, GatewayCode } from './errors.js';
import { kindOf, MediaLink } from './media_link.js';

/** How often and how long an entry that failed by the network is tried again: as long as the server may keep the seat. */
const REENTER_BASE_MS = 500;
const REENTER_MAX_MS = 4_000;
const REENTER_FOR_MS = 60_000;

/**
 * @typedef {import('./protocol.js').RoomId} RoomId
 * @typedef {import('./protocol.js').TrackName} TrackName
 * @typedef {import('./protocol.js').TrackState} TrackState
 * @typedef {import('./protocol.js').Tracks} Tracks
 * @typedef {import('./protocol.js').Participant} Participant
 * @typedef {import('./media_link.js').Publication} Publication
 *
 * @typedef {object} GatewayLike what a room needs of a GatewayClient
 * @property {string} state
 * @property {string} user
 * @property {(verb: string, body?: object, options?: object) => Promise<any>} request
 * @property {(name: string, fn: (payload: any) => void) => () => void} on
 *
 * @typedef {object} RoomOptions
 * @property {boolean} [autoSubscribe] receive everything that is on (default), or only what `subscribe` names
 * @property {typeof RTCPeerConnection} [RTCPeerConnection]
 * @property {import('./clock.js').Clock} [clock]
 */

/**
 * Events: `participantEntered` Participant; `participantLeft` {user, reason}; `tracks` {user, tracks, previous};
 * `media` {user, track, mediaTrack | null}; `volumes` {volumes, speaker}; `quality` {users}; `mediaState` {state, previous};
 * `reentered` EnteredRoom; `removed` {reason, error?}: one is out; `error` CarillonError.
 */
export class RoomClient extends Emitter {
  #gateway;
  #options;
  #clock;
  /** @type {RoomId | null} */ #room = null;
  /** @type {string | undefined} */ #privateMapKey;
  /** @type {Map<string, Participant>} */ #participants = new Map();
  /** @type {Partial<Record<TrackName, TrackState>>} */ #states = {};
  /** @type {Map<string, Set<TrackName>>} asked for by `subscribe` */ #wanted = new Map();
  /** @type {Map<string, Set<TrackName>>} told as `media` */ #shown = new Map();
  /** @type {MediaLink | null} */ #media = null;
  /** @type {(() => void)[]} */ #listening = [];
  /** The seat was taken; false while the first entry is under way. */
  #inside = false;
  /** Grows with each entry and leave, so that what belongs to an earlier stay is recognised. */
  #stay = 0;

  /**
   * @param {GatewayLike} gateway
   * @param {RoomOptions} [options]
   */
  constructor(gateway, options = {}) {
    super();
    this.#gateway = gateway;
    this.#options = { autoSubscribe: true, ...options };
    this.#clock = options.clock ?? systemClock;
  }

  /** The room one is in, or `null`. */
  get room() {
    return this.#room;
  }

  /** The others in the room. */
  get participants() {
    return [...this.#participants.values()];
  }

  /** @param {string} user */
  participant(user) {
    return this.#participants.get(user) ?? null;
  }

  get mediaState() {
    return this.#media?.state ?? 'idle';
  }

  /** For statistics. */
  get peerConnection() {
    return this.#media?.peerConnection ?? null;
  }

  /**
   * The received track, where it is there already.
   * @param {string} user
   * @param {TrackName} track
   */
  mediaOf(user, track) {
    return this.#media?.trackOf({ user, track }) ?? null;
  }

  /**
   * @param {RoomId} room
   * @param {{privateMapKey?: string}} [options]
   * @returns {Promise<import('./protocol.js').EnteredRoom>}
   */
  async enter(room, { privateMapKey } = {}) {
    if (this.#room !== null) await this.leave();
    const stay = ++this.#stay;
    this.#room = room;
    this.#privateMapKey = privateMapKey;
    this.#listen(room);
    try {
      const entered = await this.#firstEntry(stay);
      this.#inside = true;
      this.#takeRoster(entered.participants);
      this.#sendStates();
      this.#link().setReady(true);
      return entered;
    } catch (error) {
      // Without an answer one may be in: the server would keep the seat for as long as it sees this device.
      const unsure = asCarillonError(error).code === Code.TIMED_OUT;
      if (this.#stay === stay && unsure) this.leave();
      else if (this.#stay === stay) this.#forget();
      throw asCarillonError(error);
    }
  }

  /**
   * @param {number} stay
   * @returns {Promise<import('./protocol.js').EnteredRoom>}
   */
  async #firstEntry(stay) {
    for (let again = true; ; again = false) {
      try {
        const entered = await this.#ask('room.enter', { privateMapKey: this.#privateMapKey });
        if (this.#stay !== stay) throw new CarillonError(Code.SESSION_LOST, 'left while entering');
        return entered;
      } catch (error) {
        // Entering twice is the same as once.
        const lost = asCarillonError(error).code === Code.SESSION_LOST;
        if (!lost || !again || this.#stay !== stay || this.#gateway.state !== 'online') throw error;
      }
    }
  }

  /** Leaves; the others see it at once. Settles even where the server cannot be told. */
  async leave() {
    if (this.#room === null) return;
    const left = this.#ask('room.leave', {});
    this.#forget();
    await left.catch(() => {
      // The seat is gone already, or goes after the grace time.
    });
  }

  /**
   * Sends a track, changes it, or (with `null`) ends it. Before `enter` it waits.
   * @param {TrackName} name
   * @param {Omit<Publication, 'kind'> | null} publication
   */
  publish(name, publication) {
    this.#link().publish(name, publication && { kind: kindOf(name), ...publication });
  }

  /**
   * Tells the others what of one's own tracks is on, muted or off.
   * @param {Partial<Record<TrackName, TrackState>>} states
   */
  setStates(states) {
    const changed = Object.entries(states).filter(([name, state]) => this.#states[/** @type {TrackName} */ (name)] !== state);
    if (changed.length === 0) return;
    Object.assign(this.#states, states);
    if (this.#room !== null) this.#tell(Object.fromEntries(changed));
  }

  /**
   * With `autoSubscribe: false`: receive this track as soon as it is there.
   * @param {string} user
   * @param {TrackName} track
   */
  subscribe(user, track) {
    const tracks = this.#wanted.get(user) ?? new Set();
    this.#wanted.set(user, tracks.add(track));
    this.#resubscribe();
  }

  /**
   * @param {string} user
   * @param {TrackName} track
   */
  unsubscribe(user, track) {
    this.#wanted.get(user)?.delete(track);
    this.#resubscribe();
  }

  /** Looks for a new path, as after a change of the network; media goes on over the old one meanwhile. */
  restartIce() {
    this.#media?.restartIce();
  }

  /** Removes somebody; the room's owner only. @param {string} user */
  kick(user) {
    return this.#ask('room.kick', { user });
  }

  // ---- the server's events ----

  /** @param {RoomId} room */
  #listen(room) {
    /**
     * @param {string} name
     * @param {(body: any) => void} fn
     */
    const on = (name, fn) => this.#gateway.on(name, (body) => body.room === room && fn(body));
    this.#listening = [
      on('room.entered', ({ participant }) => this.#entered(participant)),
      on('room.left', ({ user, reason }) => this.#left(user, reason)),
      on('room.tracks', ({ user, tracks }) => this.#tracks(user, tracks)),
      on('room.volumes', ({ volumes, speaker }) => this.emit('volumes', { volumes, speaker: speaker ?? null })),
      on('room.quality', ({ users }) => this.emit('quality', { users })),
      on('room.unplayable', ({ user, track, codec }) => this.emit('unplayable', { user, track, codec })),
      on('room.renegotiate', () => this.#media?.renegotiate()),
      on('room.media', ({ state }) => this.#mediaChanged(state)),
      // Before the entry was answered it speaks of an earlier seat.
      on('room.removed', ({ reason }) => this.#inside && this.#removed(reason)),
      this.#gateway.on('state', ({ state }) => state !== 'online' && this.#media?.setReady(false)),
      this.#gateway.on('resumed', () => this.#media?.setReady(true)),
      this.#gateway.on('session', () => this.#inside && this.#reenter()),
      this.#gateway.on('ended', () => this.#removed('lost')),
    ];
  }

  /** @param {Participant} participant */
  #entered(participant) {
    const known = this.#participants.has(participant.user);
    const previous = this.#participants.get(participant.user)?.tracks ?? {};
    this.#participants.set(participant.user, participant);
    if (!known) this.emit('participantEntered', participant);
    this.emit('tracks', { user: participant.user, tracks: participant.tracks, previous });
    this.#resubscribe();
  }

  /**
   * @param {string} user
   * @param {string} reason
   */
  #left(user, reason) {
    if (!this.#participants.delete(user)) return;
    this.#resubscribe();
    this.emit('participantLeft', { user, reason });
  }

  /**
   * @param {string} user
   * @param {Tracks} tracks
   */
  #tracks(user, tracks) {
    const participant = this.#participants.get(user);
    if (!participant) return;
    const previous = participant.tracks;
    participant.tracks = tracks;
    this.#resubscribe();
    for (const name of /** @type {TrackName[]} */ (Object.keys(tracks))) {
      if (tracks[name]?.live && !previous[name]?.live) this.#media?.refresh({ user, track: name });
    }
    this.emit('tracks', { user, tracks, previous });
  }

  /** @param {'connected' | 'lost' | 'closed'} state the server's view of the media path */
  #mediaChanged(state) {
    // While the connection is being made anew, an old path's end is no news.
    if (this.#media?.state !== 'connected') return;
    if (state === 'lost') this.#media.restartIce();
    else if (state === 'closed') this.#media.rebuild();
  }

  /**
   * @param {string} reason
   * @param {unknown} [error]
   */
  #removed(reason, error) {
    if (this.#room === null) return;
    this.#forget();
    this.emit('removed', { reason, error });
  }

  // ---- a new session ----

  async #reenter() {
    const stay = ++this.#stay;
    const since = this.#clock.now();
    this.#media?.setReady(false);
    for (let attempt = 0; this.#stay === stay && this.#room !== null; attempt += 1) {
      try {
        const entered = await this.#ask('room.enter', { privateMapKey: this.#privateMapKey });
        if (this.#stay === stay) this.#comeBack(entered);
        return;
      } catch (error) {
        if (this.#stay !== stay) return;
        const { code } = asCarillonError(error);
        const refused = code === GatewayCode.ENTER_REFUSED || this.#clock.now() - since > REENTER_FOR_MS;
        if (refused) return this.#removed('lost', error);
      }
      await this.#wait(backOff(this.#clock, attempt, REENTER_BASE_MS, REENTER_MAX_MS));
    }
  }

  /** @param {import('./protocol.js').EnteredRoom} entered */
  #comeBack(entered) {
    const now = new Set(entered.participants.map(({ user }) => user));
    for (const user of [...this.#participants.keys()]) if (!now.has(user)) this.#left(user, 'lost');
    this.#takeRoster(entered.participants);
    this.#sendStates();
    // The server may be another process: nothing of the old connection is worth anything to it.
    this.#media?.rebuild();
    this.#media?.setReady(true);
    this.emit('reentered', entered);
  }

  // ---- own media ----

  #link() {
    if (this.#media) return this.#media;
    const media = new MediaLink({
      RTCPeerConnection: this.#options.RTCPeerConnection,
      clock: this.#clock,
      negotiate: (offer) => this.#offer(offer),
    });
    media.on('state', (change) => this.#media === media && this.emit('mediaState', change));
    media.on('error', (error) => this.#media === media && this.emit('error', error));
    media.on('track', ({ user, track, mediaTrack }) => this.#media === media && this.#show(user, track, mediaTrack));
    this.#media = media;
    return media;
  }

  /** @param {import('./media_link.js').OfferBody} offer */
  async #offer(offer) {
    try {
      return await this.#ask('room.offer', offer);
    } catch (error) {
      if (asCarillonError(error).code === GatewayCode.NOT_IN_ROOM && this.#inside) this.#reenter();
      throw error;
    }
  }

  /** @param {Participant[]} participants */
  #takeRoster(participants) {
    for (const participant of participants) {
      if (participant.user !== this.#gateway.user) this.#entered(participant);
    }
  }

  #resubscribe() {
    /** @type {import('./media_link.js').Subscription[]} */
    const list = [];
    for (const { user, tracks } of this.#participants.values()) {
      for (const [name, { state, live }] of Object.entries(tracks)) {
        const track = /** @type {TrackName} */ (name);
        const wanted = this.#options.autoSubscribe || this.#wanted.get(user)?.has(track);
        if (wanted && live && state !== 'off') list.push({ user, track });
      }
    }
    this.#link().subscribe(list);
    this.#hideOthers(list);
  }

  /**
   * @param {string} user
   * @param {TrackName} track
   * @param {MediaStreamTrack} mediaTrack
   */
  #show(user, track, mediaTrack) {
    const shown = this.#shown.get(user) ?? new Set();
    this.#shown.set(user, shown.add(track));
    this.emit('media', { user, track, mediaTrack });
  }

  /** @param {import('./media_link.js').Subscription[]} list */
  #hideOthers(list) {
    for (const [user, tracks] of this.#shown) {
      for (const track of tracks) {
        if (list.some((s) => s.user === user && s.track === track)) continue;
        tracks.delete(track);
        this.emit('media', { user, track, mediaTrack: null });
      }
      if (tracks.size === 0) this.#shown.delete(user);
    }
  }

  #sendStates() {
    if (Object.keys(this.#states).length > 0) this.#tell(this.#states);
  }

  /** @param {Partial<Record<TrackName, TrackState>>} tracks */
  #tell(tracks) {
    this.#ask('room.state', { tracks }).catch((error) => {
      // A lost session tells all states again when it enters.
      if (this.#room !== null && this.#gateway.state === 'online') this.emit('error', asCarillonError(error));
    });
  }

  /**
   * @param {string} verb
   * @param {object} body
   */
  #ask(verb, body) {
    return this.#gateway.request(verb, { room: this.#room, ...body });
  }

  #forget() {
    this.#stay += 1;
    for (const off of this.#listening) off();
    this.#listening = [];
    this.#room = null;
    this.#inside = false;
    const media = this.#media;
    this.#media = null;
    media?.close();
    this.#participants.clear();
    this.#wanted.clear();
    this.#shown.clear();
    this.#states = {};
  }

  /** @param {number} ms */
  #wait(ms) {
    return new Promise((resolve) => this.#clock.setTimeout(() => resolve(undefined), ms));
  }
}
