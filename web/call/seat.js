/** The place in the call's room: what others send becomes events, what this device has open is sent. */

import { availability } from '../core/availability.js';
import { RoomClient } from '../core/room.js';
import { CallEvent as E, CancelReason, EndReason } from './constants.js';

/** @typedef {import('./state.js').Call} Call */

/** Enough for speech with a good margin; Opus uses less in silence. */
const VOICE_BITRATE = 48_000;
const SCREEN_BITRATE = 2_000_000;

/** @type {Record<string, string>} */
const END_BY_LEAVE = {
  lost: EndReason.LOST,
  kicked: EndReason.KICKED,
  dissolved: EndReason.KICKED,
  takenOver: EndReason.TAKEN_OVER,
  endedByServer: EndReason.ENDED_BY_SERVER,
};

export class Seat {
  /** @type {RoomClient | null} */ room = null;
  /** @type {string | null} */ #speaker = null;
  /** @type {Set<string>} tracks that have a section */ #published = new Set();
  #flow;

  /** @param {import('./flow.js').Flow} flow */
  constructor(flow) {
    this.#flow = flow;
  }

  /** The others in the room. */
  users() {
    return (this.room?.participants ?? []).map(({ user }) => user);
  }

  /** @param {Call} call */
  async enter(call) {
    const { gateway, clock, RTCPeerConnection } = this.#flow.host;
    const room = new RoomClient(gateway, { clock, RTCPeerConnection });
    this.room = room;
    this.#listen(room, call);
    this.publish();
    await room.enter(call.room);
  }

  async leave() {
    const room = this.room;
    this.room = null;
    this.#published.clear();
    this.#speaker = null;
    room?.removeAllListeners();
    await room?.leave();
  }

  /** Sends what is open. While it rings, sections are made and stay silent, so that a call connects at once. */
  publish() {
    const { room } = this;
    if (!room) return;
    const { local } = this.#flow.host;
    const sending = this.#flow.status === 'connected';
    const states = local.state;
    for (const name of /** @type {const} */ (['microphone', 'camera', 'screen', 'screenAudio'])) {
      const track = local.track(name);
      const state = name === 'screenAudio' ? (track ? 'on' : 'off') : states[name];
      this.#put(room, name, state, sending ? track : null);
      const told = state === 'on' && !sending ? 'muted' : state;
      if (told !== 'off' || this.#published.has(name)) room.setStates({ [name]: told });
      if (state === 'off') this.#published.delete(name);
    }
  }

  /**
   * @param {RoomClient} room
   * @param {import('../core/protocol.js').TrackName} name
   * @param {'on' | 'muted' | 'off'} state
   * @param {MediaStreamTrack | null} track
   */
  #put(room, name, state, track) {
    if (state === 'off') {
      if (this.#published.has(name)) room.publish(name, null);
      return;
    }
    this.#published.add(name);
    const { maxBitrate, maxFramerate } = this.#flow.host.local.quality;
    if (name === 'camera') room.publish(name, { track, maxBitrate, maxFramerate, degradation: 'balanced' });
    else if (name === 'screen') room.publish(name, { track, maxBitrate: SCREEN_BITRATE, degradation: 'maintain-resolution' });
    else room.publish(name, { track, maxBitrate: VOICE_BITRATE });
  }

  /** @param {RoomClient} room @param {Call} call */
  #listen(room, call) {
    const { emit, playback } = this.#flow.host;
    room.on('participantEntered', ({ user }) => this.#entered(call, user));
    room.on('participantLeft', ({ user, reason }) => this.#left(call, user, reason));
    room.on('tracks', ({ user, tracks, previous }) => this.#tracks(user, tracks, previous));
    room.on('media', ({ user, track, mediaTrack }) => playback.set(user, track, mediaTrack));
    room.on('volumes', (told) => this.#volumes(told));
    room.on('quality', ({ users }) => emit(E.ON_USER_NETWORK_QUALITY_CHANGED, { networkQualityList: users.map(quality) }));
    room.on('mediaState', ({ state }) => state !== 'closed' && emit(E.MEDIA_CHANGED, { state }));
    room.on('removed', ({ reason }) => this.#removed(call, reason));
    room.on('error', (error) => console.warn('carillon: media', error));
  }

  /** @param {Call} call @param {string} user */
  #entered(call, user) {
    const flow = this.#flow;
    if (call.invitees.get(user) === 'waiting') {
      // The answer is on its way; who holds no such invitation learns it here.
      if (flow.status === 'connected') flow.settle(call, [user], 'accepted');
    } else if (user !== call.inviter && call.groupID) call.invitees.set(user, 'accepted');
    flow.host.emit(E.USER_ENTER, { userID: user });
  }

  /** @param {Call} call @param {string} user @param {string} reason */
  #left(call, user, reason) {
    const flow = this.#flow;
    if (flow.call !== call) return;
    flow.settle(call, [user], 'left');
    flow.host.emit(E.USER_LEAVE, { userID: user });
    if (flow.status !== 'connected') return;
    const why = reason === 'lost' ? EndReason.LOST : EndReason.REMOTE_HANGUP;
    if (!call.groupID) flow.peerGone(call, why, user);
    else flow.endIfAlone(call, CancelReason.CANCELED, user);
  }

  /**
   * @param {string} userID
   * @param {import('../core/protocol.js').Tracks} tracks
   * @param {import('../core/protocol.js').Tracks} previous
   */
  #tracks(userID, tracks, previous) {
    const { emit } = this.#flow.host;
    const [now, before] = [availability(tracks), availability(previous)];
    if (now.video !== before.video) emit(E.USER_VIDEO_AVAILABLE, { userID, isVideoAvailable: now.video });
    if (now.audio !== before.audio) emit(E.USER_AUDIO_AVAILABLE, { userID, isAudioAvailable: now.audio });
    if (now.screen !== before.screen) emit(E.USER_SCREEN_AVAILABLE, { userID, isScreenAvailable: now.screen });
  }

  /** @param {{volumes: {user: string, volume: number}[], speaker: string | null}} told */
  #volumes({ volumes, speaker }) {
    const { emit } = this.#flow.host;
    emit(E.USER_VOICE_VOLUME, { volumeMap: volumes.map(({ user, volume }) => ({ userId: user, audioVolume: volume })) });
    if (speaker === this.#speaker) return;
    this.#speaker = speaker;
    emit(E.SPEAKER_CHANGED, { userID: speaker });
  }

  /** @param {Call} call @param {string} reason */
  #removed(call, reason) {
    const why = END_BY_LEAVE[reason] ?? EndReason.ENDED_BY_SERVER;
    this.#flow.stop(call, why, CancelReason.ENDED_BY_SERVER, this.#flow.me);
  }
}

/** @param {{user: string, uplink: number, downlink: number}} one */
function quality({ user, uplink, downlink }) {
  return { userId: user, quality: Math.max(uplink, downlink), uplink, downlink };
}
