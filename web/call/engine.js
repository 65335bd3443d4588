import { systemClock } from '../core/clock.js';
import { LocalMedia } from '../core/devices.js';
import { Emitter } from '../core/emitter.js';
import { CarillonError } from '../core/errors.js';
import { GatewayClient } from '../core/gateway.js';
import { Playback } from '../core/playback.js';
import { CallEvent as E, CancelReason, EndReason, ErrorCode, MediaType } from './constants.js';
import { Flow } from './flow.js';
import { Inbox } from './inbox.js';
import { forgetRinging, recallRinging } from './memory.js';
import { describe, roomNames } from './state.js';

const MAX_ROOM_NUMBER = 2_147_483_647;
const DEFAULT_TIMEOUT_S = 30;
const MAX_KNOWN_PROFILES = 1_000;

/** @typedef {import('../core/protocol.js').CallState} CallState */

/**
 * @typedef {object} EngineOptions
 * @property {number} SDKAppID
 * @property {string} [url]
 * @property {string} [deviceId]
 * @property {any} [platform]
 * @property {boolean} [autoOpenDevices]
 * @property {() => Promise<string>} [renewUserSig]
 * @property {any} [WebSocket] for Node and tests, as the next three
 * @property {any} [RTCPeerConnection]
 * @property {any} [mediaDevices]
 * @property {import('../core/clock.js').Clock} [clock]
 */

/** Calls with the vendor's method and event names; README.md is its contract. */
export class CallEngine extends Emitter {
  /** @type {CallEngine | null} */ static #shared = null;
  #flow;
  #inbox;
  #local;
  #playback = new Playback();
  #clock;
  /** @type {any} */ #profile = null;
  /** @type {import('../core/protocol.js').CallState | null} */ #resumable = null;
  /** @type {Map<string, any>} */ #profiles = new Map();
  #multiDevice = false;

  /** @param {EngineOptions} options */
  constructor(options) {
    super();
    if (!Number.isInteger(options?.SDKAppID)) throw new CarillonError(ErrorCode.BAD_PARAMETER, 'SDKAppID must be a number');
    this.#clock = options.clock ?? systemClock;
    this.#local = new LocalMedia(options.mediaDevices ?? globalThis.navigator?.mediaDevices);
    const { url, deviceId, platform, renewUserSig, WebSocket, clock } = options;
    /** The connection to the server: `request` and events for all that is not a call. */
    this.gateway = new GatewayClient({ app: options.SDKAppID, url, deviceId, platform, renewUserSig, WebSocket, clock });
    this.#flow = new Flow({
      gateway: this.gateway,
      local: this.#local,
      playback: this.#playback,
      clock: this.#clock,
      autoOpenDevices: options.autoOpenDevices ?? true,
      RTCPeerConnection: options.RTCPeerConnection,
      emit: (name, payload) => this.emit(name, payload),
    });
    this.#inbox = new Inbox(this.#flow);
    this.#listen();
  }

  /** @param {EngineOptions} options */
  static createInstance(options) {
    return (CallEngine.#shared ??= new CallEngine(options));
  }

  get status() {
    return this.#flow.status;
  }

  get userID() {
    return this.gateway.user;
  }

  get profile() {
    return this.#profile;
  }

  get connection() {
    return this.gateway.state;
  }

  get currentCall() {
    const { call, seat } = this.#flow;
    return call && describe(call, seat.room, this.#clock.now());
  }

  get resumableCall() {
    const state = this.#resumable;
    if (!state) return null;
    const { call, room, group, media, caller, connected, state: phase } = state;
    return { callID: call, ...roomNames(room), groupID: group ?? '', mediaType: typeOf(media), caller, connected, phase };
  }

  get localMedia() {
    return this.#local.state;
  }

  get room() {
    return this.#flow.seat.room;
  }

  // ---- session ----

  /** @param {{userID: string, userSig: string}} who */
  async login({ userID, userSig }) {
    if (!userID || typeof userSig !== 'string') throw new CarillonError(ErrorCode.BAD_PARAMETER, 'userID and userSig are texts');
    const welcome = await this.gateway.signIn({ user: userID, userSig });
    this.emit(E.SDK_READY, { userID });
    return welcome.snapshot;
  }

  /** @param {{userID: string, userSig: string}} who */
  init(who) {
    return this.login(who);
  }

  async logout() {
    if (this.#flow.call) await this.hangup().catch(() => {});
    await this.gateway.signOut();
    this.#profile = null;
    this.#resumable = null;
  }

  async destroyInstance() {
    await this.logout();
    this.#local.destroy();
    this.#playback.clear();
    this.removeAllListeners();
    if (CallEngine.#shared === this) CallEngine.#shared = null;
  }

  // ---- calls ----

  /** @param {{userID: string, type: number, roomID?: number, strRoomID?: string, timeout?: number, userData?: string, offlinePushInfo?: any}} wish */
  async call(wish) {
    const { userID, type } = wish;
    if (typeof userID !== 'string' || userID === '' || userID === this.userID) throw new CarillonError(ErrorCode.BAD_PARAMETER, 'call somebody else');
    await this.#mayCall();
    return { ...(await this.#flow.ring({ users: [userID], type: checkedType(type), ...ringOptions(wish) })), userID };
  }

  /** @param {{userIDList: string[], type: number, groupID?: string, roomID?: number, strRoomID?: string, timeout?: number, userData?: string, offlinePushInfo?: any}} wish */
  async groupCall(wish) {
    const users = [...new Set(wish.userIDList ?? [])];
    if (users.length === 0 || users.includes(this.userID)) throw new CarillonError(ErrorCode.BAD_PARAMETER, 'userIDList names others');
    await this.#mayCall();
    const groupID = wish.groupID || (await this.gateway.request('group.create', { members: users })).group.id;
    return this.#flow.ring({ users, groupID, type: checkedType(wish.type), ...ringOptions(wish) });
  }

  /** @param {{userIDList: string[]}} wish */
  async inviteUser({ userIDList }) {
    return this.#flow.inviteMore(userIDList);
  }

  /** @param {{type: number, groupID: string, roomID?: number, strRoomID?: string}} wish */
  async joinInGroupCall({ type, groupID, roomID, strRoomID }) {
    const room = strRoomID || roomID;
    if (!groupID || !room) throw new CarillonError(ErrorCode.BAD_PARAMETER, 'groupID and a room are needed');
    await this.#flow.join({ room, groupID, type: checkedType(type) });
  }

  async accept() {
    await this.#flow.accept();
  }

  async reject() {
    await this.#flow.reject();
  }

  async hangup() {
    await this.#flow.hangup();
  }

  async resumeCall() {
    const state = this.#resumable;
    if (!state) throw new CarillonError(ErrorCode.WRONG_STATE, 'no call to go on with');
    this.#resumable = null;
    const lagMs = this.gateway.serverNow() - this.#clock.now();
    const beganAtMs = state.acceptedMs ? state.acceptedMs - lagMs : undefined;
    const { room, group, media, call, caller } = state;
    const resumed = await this.#flow.join({ room, groupID: group ?? '', type: typeOf(media), callID: call, inviter: caller, beganAtMs });
    if (!group) for (const user of state.connected) if (user !== caller) resumed.invitees.set(user, 'accepted');
  }

  async dismissResumableCall() {
    const state = this.#resumable;
    this.#resumable = null;
    if (state) await this.gateway.request('room.leave', { room: state.room });
  }

  /** @param {number} type */
  async switchCallMediaType(type) {
    if (type !== MediaType.AUDIO) throw new CarillonError(ErrorCode.NOT_SUPPORTED, 'a call can become a voice call only');
    await this.#flow.switchToAudio();
  }

  // ---- own media ----

  /** @param {string | HTMLElement} [place] */
  async openCamera(place) {
    await this.#local.open('camera');
    if (place) this.#playback.show('', 'camera', place);
  }

  async closeCamera() {
    this.#local.mute('camera');
  }

  async openMicrophone() {
    await this.#local.open('microphone');
  }

  async closeMicrophone() {
    this.#local.mute('microphone');
  }

  async startScreenShare() {
    this.#flow.require('connected');
    await this.#local.open('screen');
  }

  async stopScreenShare() {
    this.#local.mute('screen');
  }

  /** @param {string | HTMLElement} place */
  async startLocalView(place) {
    this.#playback.show('', 'camera', place);
  }

  async stopLocalView() {
    this.#playback.hide('', 'camera');
  }

  /** @param {{userID: string, videoViewDomID: string | HTMLElement, options?: {objectFit?: string, streamType?: 'camera' | 'screen'}}} wish */
  async startRemoteView({ userID, videoViewDomID, options = {} }) {
    this.#playback.show(userID, options.streamType ?? 'camera', videoViewDomID, options.objectFit);
  }

  /** @param {{userID: string, streamType?: 'camera' | 'screen'}} wish */
  async stopRemoteView({ userID, streamType = 'camera' }) {
    this.#playback.hide(userID, streamType);
  }

  /** @param {'camera' | 'microphone' | 'speaker'} type */
  getDeviceList(type) {
    return this.#local.list(type);
  }

  /** @param {'camera' | 'microphone' | 'speaker'} type */
  async getCurrentDevice(type) {
    const deviceId = this.#local.current(type);
    return (await this.#local.list(type)).find((one) => one.deviceId === deviceId) ?? { deviceId, deviceName: '' };
  }

  /** @param {{deviceType: 'camera' | 'microphone' | 'speaker', deviceId: string}} wish */
  async switchDevice({ deviceType, deviceId }) {
    await this.#local.choose(deviceType, deviceId);
    if (deviceType === 'speaker') await this.#playback.setSpeaker(deviceId);
    this.#devicesChanged();
  }

  /** @param {number} which 0 front, 1 back */
  async switchCamera(which) {
    await this.#local.face(which === 1 ? 'environment' : 'user');
  }

  /** @param {string} quality */
  async setVideoQuality(quality) {
    await this.#local.setQuality(quality);
  }

  async resumeAudio() {
    await this.#playback.resume();
  }

  // ---- people ----

  /** @param {{nickName?: string, avatar?: string}} info */
  async setSelfInfo({ nickName, avatar }) {
    const { profile } = await this.gateway.request('profile.set', { nick: nickName, avatar });
    this.#profile = profile;
  }

  /** @param {string[]} userIDs */
  async getProfiles(userIDs) {
    const missing = [...new Set(userIDs)].filter((user) => !this.#profiles.has(user));
    if (missing.length > 0) {
      const { profiles } = await this.gateway.request('profile.get', { users: missing });
      if (this.#profiles.size > MAX_KNOWN_PROFILES) this.#profiles.clear();
      missing.forEach((user, index) => profiles[index] && this.#profiles.set(user, profiles[index]));
    }
    return userIDs.map((user) => this.#profiles.get(user) ?? null);
  }

  /** One call at a time over all own devices. @param {boolean} enabled */
  async enableMultiDeviceAbility(enabled) {
    this.#multiDevice = enabled;
  }

  // ---- helpers ----

  #listen() {
    const { gateway } = this;
    gateway.on('state', (change) => this.emit(E.CONNECTION_CHANGED, change));
    gateway.on('message.new', (message) => this.#inbox.receive(message));
    gateway.on('call.changed', (state) => this.#callChanged(state));
    gateway.on('session', ({ snapshot }) => snapshot && this.#newSession(snapshot));
    gateway.on('ended', (facts) => this.#ended(facts));
    gateway.on('profile.changed', (profile) => this.#profileChanged(profile));
    this.#local.on('changed', () => this.#localChanged());
    this.#local.on('devices', () => this.#devicesChanged());
    this.#playback.on('blocked', () => this.emit(E.AUTOPLAY_BLOCKED, {}));
    this.on(E.STATUS_CHANGED, ({ status }) => this.#tellOwnDevices(status));
  }

  /** @param {import('../core/protocol.js').Snapshot} snapshot */
  #newSession(snapshot) {
    this.#profile = snapshot.profile;
    this.#profiles.clear();
    if (!this.#flow.call) this.#pickUp(snapshot.calls ?? []);
    this.#inbox.catchUp(snapshot);
  }

  /** What the page left behind when it was loaded again: an answered call to go on with, an unanswered one to take back. @param {CallState[]} calls */
  #pickUp(calls) {
    const me = this.userID;
    const answered = (/** @type {CallState} */ { state, acceptedMs }) => state === 'connected' || (state === 'waiting' && acceptedMs !== null);
    const mine = calls.filter((call) => call.connected.includes(me) && answered(call));
    // A tab that was closed leaves its seat for the grace time: the newest call is the one that was just left.
    this.#setResumable(mine.sort((a, b) => b.startedMs - a.startedMs)[0] ?? null);
    const ringing = recallRinging(me);
    const rings = calls.some((call) => call.call === ringing?.callID && call.state === 'waiting' && !answered(call));
    forgetRinging();
    if (ringing && rings) this.#flow.takeBack(ringing);
  }

  /** @param {import('../core/protocol.js').CallState} state */
  #callChanged(state) {
    this.#inbox.serverSays(state);
    const left = state.state === 'ended' || !state.connected.includes(this.userID);
    if (this.#resumable?.call === state.call && left) this.#setResumable(null);
  }

  /** @param {import('../core/protocol.js').CallState | null} state */
  #setResumable(state) {
    if (this.#resumable === state) return;
    this.#resumable = state;
    this.emit(E.CALL_RESUMABLE, this.resumableCall);
  }

  /** @param {{reason: string, message: string}} facts */
  #ended({ reason, message }) {
    const { call } = this.#flow;
    const elsewhere = reason === 'kickedByDevice' || reason === 'kickedBySameDevice';
    if (call) this.#flow.stop(call, elsewhere ? EndReason.TAKEN_OVER : EndReason.FAILED, CancelReason.FAILED, '');
    this.#resumable = null;
    if (this.gateway.state === 'ended') this.emit(E.KICKED_OUT, { reason, message });
  }

  /** @param {import('../core/protocol.js').Profile} profile */
  #profileChanged(profile) {
    this.#profiles.set(profile.user, profile);
    if (profile.user === this.userID) this.#profile = profile;
  }

  #localChanged() {
    this.#playback.set('', 'camera', this.#local.track('camera'));
    this.#flow.seat.publish();
    this.emit(E.LOCAL_MEDIA_CHANGED, this.localMedia);
  }

  async #devicesChanged() {
    const types = /** @type {const} */ (['camera', 'microphone', 'speaker']);
    const [cameras, microphones, speakers] = await Promise.all(types.map((type) => this.#local.list(type)));
    const current = Object.fromEntries(types.map((type) => [type, this.#local.current(type)]));
    this.emit(E.DEVICE_UPDATED, { cameras, microphones, speakers, current });
  }

  async #mayCall() {
    this.#flow.require('idle');
    if (!this.#multiDevice) return;
    const { statuses } = await this.gateway.request('status.get', { users: [this.userID] });
    if (statuses[0]?.custom) throw new CarillonError(ErrorCode.WRONG_STATE, 'another device of this user is in a call');
  }

  /** @param {string} status */
  #tellOwnDevices(status) {
    if (!this.#multiDevice) return;
    const custom = { idle: '', calling: 'call_wait', connected: 'call_accept' }[status] ?? '';
    this.gateway.request('status.set', { custom }).catch(() => {
      // The status goes with the session anyway.
    });
  }
}

/** @param {'audio' | 'video'} media */
const typeOf = (media) => (media === 'audio' ? MediaType.AUDIO : MediaType.VIDEO);

/** @param {number} type */
function checkedType(type) {
  if (type === MediaType.AUDIO || type === MediaType.VIDEO) return type;
  throw new CarillonError(ErrorCode.BAD_PARAMETER, 'type is MediaType.AUDIO or MediaType.VIDEO');
}

/** @param {{roomID?: number, strRoomID?: string, timeout?: number, userData?: string, offlinePushInfo?: any}} wish */
function ringOptions({ roomID, strRoomID, timeout = DEFAULT_TIMEOUT_S, userData = '', offlinePushInfo }) {
  const room = strRoomID || roomID || 1 + Math.floor(Math.random() * MAX_ROOM_NUMBER);
  return { room, timeout, userData, offlinePush: offlinePushInfo };
}
