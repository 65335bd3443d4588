/** The others in the room: their coming and going, what they send, and where it is shown and heard. */

import { availability } from '../core/availability.js';
import { LOCAL_SCREEN } from './local.js';
import { TRTCVideoMirrorType, TRTCVideoStreamType } from './constants.js';
import { TRTCQualityInfo, TRTCVolumeInfo } from './types.js';

/** onRemoteUserLeaveRoom's second argument. @type {Record<string, number>} */
const LEAVE = { left: 0, lost: 1, kicked: 2, dissolved: 2, takenOver: 2, endedByServer: 2 };
const NOTHING = Object.freeze({ video: false, audio: false, screen: false });
/**
 * The call engine asks the server who a newcomer is before its page makes a place for them, and forgets what it is told
 * of them until then. So what a newcomer sends is told when its first track is here (one round trip later than that
 * question), or after this time where none is received.
 */
const NEWCOMER_WITHIN_MS = 1_000;

/**
 * @typedef {import('../core/room.js').RoomClient} RoomClient
 * @typedef {import('../core/protocol.js').TrackName} TrackName
 * @typedef {ReturnType<typeof availability>} Availability
 */

/** @param {string} user @param {number} [streamType] */
export function viewKey(user, streamType) {
  return `${user} ${streamType === TRTCVideoStreamType.TRTCVideoStreamTypeSub ? 'screen' : 'camera'}`;
}

/** @param {string} key of a view @returns {{user: string, screen: boolean}} `''` is oneself */
export function splitKey(key) {
  const space = key.lastIndexOf(' ');
  if (space < 0) return { user: '', screen: key === LOCAL_SCREEN };
  return { user: key.slice(0, space), screen: key.endsWith(' screen') };
}

export class Remote {
  #views;
  #playback;
  #emit;
  /** @type {RoomClient | null} */ #room = null;
  /** @type {Map<string, Availability>} */ #told = new Map();
  /** @type {Map<string, {now: Availability, timer: any}>} of newcomers: not told yet */ #held = new Map();
  /** @type {Set<string>} keys `user track` that the application does not want */ #refused = new Set();
  #receive = { audio: true, video: true };
  #allAudioMuted = false;
  #allVideoMuted = false;
  #playoutVolume = 1;
  /** @type {Map<string, number>} 0 to 1 */ #volumes = new Map();
  #volumeEveryMs = 0;
  #volumesToldAtMs = 0;

  /**
   * @param {import('./views.js').Views} views
   * @param {import('../core/playback.js').Playback} playback
   * @param {(name: string, ...args: any[]) => void} emit
   */
  constructor(views, playback, emit) {
    this.#views = views;
    this.#playback = playback;
    this.#emit = emit;
  }

  /** For the next room. @param {boolean} audio @param {boolean} video receive without being asked */
  setMode(audio, video) {
    this.#receive = { audio, video };
  }

  /** @param {RoomClient} room @param {string} me */
  listen(room, me) {
    this.#room = room;
    room.on('participantEntered', ({ user }) => this.#entered(user));
    room.on('participantLeft', ({ user, reason }) => this.#left(user, reason));
    room.on('tracks', ({ user, tracks }) => this.#changed(user, availability(tracks)));
    room.on('media', ({ user, track, mediaTrack }) => this.#media(user, track, mediaTrack));
    room.on('volumes', ({ volumes }) => this.#loudness(volumes, me));
    room.on('quality', ({ users }) => this.#quality(users, me));
  }

  /** The room is over. */
  reset() {
    this.#room = null;
    for (const user of [...this.#held.keys()]) this.#release(user);
    this.#told.clear();
    this.#refused.clear();
    this.#volumes.clear();
    this.#playback.clear();
    this.#views.forget((key) => key.includes(' '));
  }

  /** @param {string} user @param {import('./views.js').Place | import('./views.js').Place[]} place @param {number} [streamType] */
  show(user, place, streamType) {
    const key = viewKey(user, streamType);
    this.#views.show(key, place);
    this.#want(user, /** @type {TrackName} */ (key.slice(user.length + 1)));
  }

  /** @param {string} user @param {number} [streamType] */
  hide(user, streamType) {
    const key = viewKey(user, streamType);
    this.#views.hide(key);
    if (!this.#receive.video) this.#refuse(user, /** @type {TrackName} */ (key.slice(user.length + 1)));
  }

  hideAll() {
    for (const user of this.#told.keys()) {
      this.hide(user);
      this.hide(user, TRTCVideoStreamType.TRTCVideoStreamTypeSub);
    }
  }

  /** @param {string} user @param {number} streamType @param {import('./views.js').RenderParams} params */
  setRender(user, streamType, params) {
    // What others send is never mirrored by itself.
    const { mirrorType = TRTCVideoMirrorType.TRTCVideoMirrorType_Disable, ...rest } = params;
    this.#views.setParams(viewKey(user, streamType), { ...rest, mirrorType });
  }

  /** @param {string} user @param {boolean} muted */
  muteAudio(user, muted) {
    this.#toggle(user, 'microphone', muted);
    this.#toggle(user, 'screenAudio', muted);
  }

  /** @param {boolean} muted */
  muteAllAudio(muted) {
    this.#allAudioMuted = muted;
    for (const user of this.#told.keys()) this.muteAudio(user, muted);
  }

  /** @param {string} user @param {boolean} muted @param {number} [streamType] */
  muteVideo(user, muted, streamType) {
    this.#toggle(user, /** @type {TrackName} */ (viewKey(user, streamType).slice(user.length + 1)), muted);
  }

  /** @param {boolean} muted */
  muteAllVideo(muted) {
    this.#allVideoMuted = muted;
    for (const user of this.#told.keys()) {
      this.muteVideo(user, muted);
      this.muteVideo(user, muted, TRTCVideoStreamType.TRTCVideoStreamTypeSub);
    }
  }

  /** @param {string} user @param {number} volume 0 to 100 */
  setVolume(user, volume) {
    this.#volumes.set(user, bounded(volume) / 100);
    this.#playback.setVolume(user, bounded(volume) / 100 * this.#playoutVolume);
  }

  get playoutVolume() {
    return Math.round(this.#playoutVolume * 100);
  }

  set playoutVolume(volume) {
    this.#playoutVolume = bounded(volume) / 100;
    for (const user of this.#told.keys()) this.#playback.setVolume(user, (this.#volumes.get(user) ?? 1) * this.#playoutVolume);
  }

  /** @param {number} ms 0 or less: no volumes */
  tellVolumes(ms) {
    this.#volumeEveryMs = ms;
  }

  // ---- the room's events ----

  /** @param {string} user */
  #entered(user) {
    this.#told.set(user, NOTHING);
    if (this.#playoutVolume !== 1) this.setVolume(user, (this.#volumes.get(user) ?? 1) * 100);
    for (const track of /** @type {const} */ (['microphone', 'screenAudio'])) {
      if (this.#receive.audio && !this.#allAudioMuted) this.#want(user, track);
    }
    for (const track of /** @type {const} */ (['camera', 'screen'])) {
      if (this.#receive.video && !this.#allVideoMuted) this.#want(user, track);
    }
    this.#held.set(user, { now: NOTHING, timer: setTimeout(() => this.#tellHeld(user), NEWCOMER_WITHIN_MS) });
    this.#emit('onRemoteUserEnterRoom', user);
  }

  /** @param {string} user @param {string} reason */
  #left(user, reason) {
    this.#release(user);
    this.#changed(user, NOTHING);
    this.#told.delete(user);
    this.#views.forget((key) => key === viewKey(user) || key === viewKey(user, TRTCVideoStreamType.TRTCVideoStreamTypeSub));
    this.#emit('onRemoteUserLeaveRoom', user, LEAVE[reason] ?? 0);
  }

  /** @param {string} user @param {Availability} now */
  #changed(user, now) {
    const [before, held] = [this.#told.get(user), this.#held.get(user)];
    if (!before) return;
    if (held) {
      held.now = now;
      return;
    }
    this.#told.set(user, now);
    if (now.video !== before.video) this.#emit('onUserVideoAvailable', user, now.video);
    if (now.audio !== before.audio) this.#emit('onUserAudioAvailable', user, now.audio);
    if (now.screen !== before.screen) this.#emit('onUserSubStreamAvailable', user, now.screen);
  }

  /** @param {string} user @param {TrackName} track @param {MediaStreamTrack | null} mediaTrack */
  #media(user, track, mediaTrack) {
    if (track === 'camera' || track === 'screen') this.#views.setTrack(`${user} ${track}`, mediaTrack);
    else this.#playback.set(user, track, mediaTrack);
    this.#tellHeld(user);
  }

  /** @param {string} user */
  #tellHeld(user) {
    const held = this.#release(user);
    if (held) this.#changed(user, held.now);
  }

  /** @param {string} user */
  #release(user) {
    const held = this.#held.get(user);
    clearTimeout(held?.timer);
    this.#held.delete(user);
    return held;
  }

  /** @param {{user: string, volume: number}[]} volumes @param {string} me */
  #loudness(volumes, me) {
    const now = Date.now();
    // The server's beat is not the application's; a beat that is a little early still counts.
    if (this.#volumeEveryMs <= 0 || now - this.#volumesToldAtMs < this.#volumeEveryMs * 0.9) return;
    this.#volumesToldAtMs = now;
    const told = volumes.map(({ user, volume }) => new TRTCVolumeInfo(user === me ? '' : user, volume));
    this.#emit('onUserVoiceVolume', told, told.length);
  }

  /** @param {{user: string, uplink: number, downlink: number}[]} users @param {string} me */
  #quality(users, me) {
    const own = users.find(({ user }) => user === me);
    const others = users.filter(({ user }) => user !== me);
    const local = new TRTCQualityInfo(me, own ? Math.max(own.uplink, own.downlink) : 0);
    this.#emit('onNetworkQuality', local, others.map(({ user, uplink }) => new TRTCQualityInfo(user, uplink)));
  }

  /** @param {string} user @param {TrackName} track @param {boolean} refused */
  #toggle(user, track, refused) {
    if (refused) this.#refuse(user, track);
    else {
      this.#refused.delete(`${user} ${track}`);
      this.#want(user, track);
    }
  }

  /** @param {string} user @param {TrackName} track */
  #want(user, track) {
    if (!this.#refused.has(`${user} ${track}`)) this.#room?.subscribe(user, track);
  }

  /** @param {string} user @param {TrackName} track */
  #refuse(user, track) {
    this.#refused.add(`${user} ${track}`);
    this.#room?.unsubscribe(user, track);
  }
}

/** @param {number} volume */
const bounded = (volume) => Math.min(100, Math.max(0, volume));
