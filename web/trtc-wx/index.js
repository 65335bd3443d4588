/** The face of `trtc-wx-sdk`: states of the live-pusher and live-players of a page, on this server's rooms. */

import { Emitter } from '../core/emitter.js';
import { gatewayUrl, place, sharedClient } from '../tim/settings.js';
import { pushAddress, rtmpBase } from './address.js';
import { ERRORS, EVENT, State } from './constants.js';
import { Players } from './players.js';
import { Pusher } from './pusher.js';
import { Seat } from './seat.js';

const ROOM_MAX = 0xffff_ffff;
const CHINESE = /[\u4e00-\u9fa5]/;

export default class TRTC {
  EVENT = EVENT;
  #page;
  #emitter = new Emitter();
  #players = new Players();
  /** @type {Pusher | null} */ #pusher = null;
  /** @type {Seat | null} */ #seat = null;

  /** @param {any} page the page or component that holds the tags */
  constructor(page) {
    this.#page = page;
  }

  /** @param {string} event @param {(event: {eventCode: string, data: any}) => void} handler @param {any} [context] */
  on(event, handler, context) {
    this.#emitter.on(event, handler, context);
  }

  /** @param {string} event @param {(event: any) => void} [handler] */
  off(event, handler) {
    if (event === '*') this.#emitter.removeAllListeners();
    else this.#emitter.off(event, handler);
  }

  /** Logs of this module go nowhere. @param {number} _level */
  setLogLevel(_level) {}

  // ---- room ----

  /** @param {object} [attributes] */
  createPusher(attributes = {}) {
    this.#pusher = new Pusher(this.#page, attributes);
    return this.#pusher;
  }

  getPusherInstance() {
    return this.#pusher ?? this.createPusher();
  }

  /**
   * Takes the seat. The attributes with the address to push to are there at once, the others' streams come as events.
   * @param {{sdkAppID: number, userID: string, userSig: string, roomID?: number, strRoomID?: string, privateMapKey?: string, [attribute: string]: any}} config
   */
  enterRoom(config) {
    const pusher = this.getPusherInstance();
    if (Object.keys(pusher.pusherAttributes).length === 0) this.createPusher();
    const room = roomOf(config);
    if (room === null) {
      this.#tell(EVENT.ERROR, { message: 'enterRoom: a numeric roomID or a strRoomID, sdkAppID, userID and userSig are needed' });
      return this.setPusherAttributes({ ...config, url: null });
    }
    const who = { app: Number(config.sdkAppID), room, user: config.userID, userSig: config.userSig, privateMapKey: config.privateMapKey };
    const base = place().settings.rtmp || rtmpBase(sharedClient(who.app, who.user)?.url ?? gatewayUrl());
    this.setPusherAttributes({ ...config, scene: config.scene ?? 'videocall', url: pushAddress(base, who) });
    this.#seat?.leave();
    this.#players.clear();
    this.#seat = new Seat(who, base, (code, message) => this.pusherEventHandler({ detail: { code, message } }));
    this.#tellStates();
    this.#seat.enter();
    return this.getPusherAttributes();
  }

  exitRoom() {
    this.#seat?.leave();
    this.#seat = null;
    this.#players.clear();
    this.getPusherInstance().reset();
    this.#tell(EVENT.LOCAL_LEAVE);
    return { pusher: this.getPusherAttributes(), playerList: [] };
  }

  getPusherAttributes() {
    return this.getPusherInstance().pusherAttributes;
  }

  /** @param {object} attributes */
  setPusherAttributes(attributes) {
    const all = this.getPusherInstance().setPusherAttributes(attributes);
    this.#tellStates();
    return all;
  }

  getPlayerList() {
    return this.#players.playerList();
  }

  /** @param {string} streamID @param {object} attributes */
  setPlayerAttributes(streamID, attributes) {
    return this.#players.update(streamID, attributes);
  }

  /** @param {string} streamID */
  getPlayerInstance(streamID) {
    return this.#players.get(streamID) ? wx.createLivePlayerContext(streamID, this.#page) : undefined;
  }

  /** There is one quality of a stream here. */
  switchStreamType() {
    return this.getPlayerList();
  }

  // ---- what the tags say ----

  /** @param {{detail: {code: number, message: string}}} event of live-pusher's `bindstatechange`, or of the seat */
  pusherEventHandler({ detail: { code, message } }) {
    if (code === State.ENTERED) this.#tell(EVENT.LOCAL_JOIN);
    else if (code === State.LEFT) this.#left(message);
    else if (code === State.USERS_IN) usersOf(message).forEach(({ userid }) => this.#joined(userid));
    else if (code === State.USERS_OUT) usersOf(message).forEach(({ userid }) => this.#gone(userid));
    else if (code === State.VIDEO) usersOf(message).forEach((user) => this.#video(user));
    else if (code === State.AUDIO) usersOf(message).forEach((user) => this.#audio(user));
    else if (ERRORS.has(code)) this.#tell(EVENT.ERROR, { code, message });
  }

  /** @param {{detail: {info: any}}} event of live-pusher's `bindnetstatus` */
  pusherNetStatusHandler({ detail: { info } }) {
    const pusher = this.setPusherAttributes({ netStatus: info, netQualityLevel: info.netQualityLevel });
    this.#tell(EVENT.LOCAL_NET_STATE_UPDATE, { pusher });
  }

  /** @param {{detail: any}} event */
  pusherErrorHandler({ detail }) {
    this.#tell(EVENT.ERROR, { code: detail?.errCode, message: detail?.errMsg });
  }

  /** @param {any} event */
  pusherBGMStartHandler(event) {
    this.#tell(EVENT.BGM_PLAY_START, event?.detail);
  }

  /** @param {any} event */
  pusherBGMProgressHandler(event) {
    this.#tell(EVENT.BGM_PLAY_PROGRESS, event?.detail);
  }

  /** @param {any} event */
  pusherBGMCompleteHandler(event) {
    this.#tell(EVENT.BGM_PLAY_COMPLETE, event?.detail);
  }

  /** @param {{detail: {volume: number}}} event */
  pusherAudioVolumeNotify({ detail: { volume } }) {
    this.#tell(EVENT.LOCAL_AUDIO_VOLUME_UPDATE, { pusher: this.setPusherAttributes({ volume }) });
  }

  /** @param {any} event of live-player's `bindstatechange` */
  playerEventHandler(event) {
    this.#tell(EVENT.REMOTE_STATE_UPDATE, event?.detail);
  }

  /** @param {any} event */
  playerFullscreenChange(event) {
    this.#tell(EVENT.VIDEO_FULLSCREEN_UPDATE, event?.detail);
  }

  /** @param {any} event */
  playerNetStatus(event) {
    const { info } = event.detail;
    this.#players.update(streamOf(event), { netStatus: info, netQualityLevel: info.netQualityLevel });
    this.#tell(EVENT.REMOTE_NET_STATE_UPDATE, { playerList: this.getPlayerList() });
  }

  /** @param {any} event */
  playerAudioVolumeNotify(event) {
    this.#players.update(streamOf(event), { volume: event.detail.volume });
    this.#tell(EVENT.REMOTE_AUDIO_VOLUME_UPDATE, { playerList: this.getPlayerList() });
  }

  // ---- inside ----

  #tellStates() {
    const { enableMic, enableCamera } = this.getPusherAttributes();
    this.#seat?.setStates({ microphone: enableMic === true, camera: enableCamera === true });
  }

  /** @param {string} message */
  #left(message) {
    if (!message.includes('reason[0]')) this.#tell(EVENT.KICKED_OUT);
  }

  /** @param {string} userID */
  #joined(userID) {
    if (this.#players.add(userID)) this.#tell(EVENT.REMOTE_USER_JOIN, { userID, ...this.#lists() });
  }

  /** @param {string} userID */
  #gone(userID) {
    if (!this.#players.has(userID)) return;
    for (const stream of this.#players.streamsOf(userID)) {
      if (stream.hasAudio) this.#set(userID, stream.streamType, 'hasAudio', false, '');
      if (stream.hasVideo) this.#set(userID, stream.streamType, 'hasVideo', false, '');
    }
    this.#players.remove(userID);
    this.#tell(EVENT.REMOTE_USER_LEAVE, { userID, ...this.#lists() });
  }

  /** @param {any} user */
  #video({ userid, streamtype, hasvideo, playurl }) {
    this.#set(userid, streamtype === 'aux' ? 'aux' : 'main', 'hasVideo', hasvideo === true, playurl);
  }

  /** @param {any} user */
  #audio({ userid, hasaudio, playurl }) {
    this.#set(userid, 'main', 'hasAudio', hasaudio === true, playurl);
  }

  /** @param {string} userID @param {'main' | 'aux'} streamType @param {'hasVideo' | 'hasAudio'} what @param {boolean} on @param {string} playurl */
  #set(userID, streamType, what, on, playurl) {
    const stream = this.#players.set(userID, streamType, what, on, playurl);
    if (!stream) return;
    const event = `REMOTE_${what === 'hasVideo' ? 'VIDEO' : 'AUDIO'}_${on ? 'ADD' : 'REMOVE'}`;
    this.#tell(EVENT[event], { player: { ...stream }, ...this.#lists() });
  }

  #lists() {
    return { userList: this.#players.userList(), playerList: this.#players.playerList() };
  }

  /** @param {string} eventCode @param {any} [data] */
  #tell(eventCode, data) {
    this.#emitter.emit(eventCode, data === undefined ? { eventCode } : { eventCode, data });
  }
}

/** @param {any} config @returns {import('../core/protocol.js').RoomId | null} */
function roomOf({ sdkAppID, userID, userSig, roomID, strRoomID }) {
  if (!sdkAppID || !userID || !userSig || CHINESE.test(userID)) return null;
  if (strRoomID) return CHINESE.test(strRoomID) ? null : String(strRoomID);
  const number = Number(roomID);
  return Number.isInteger(number) && number >= 1 && number <= ROOM_MAX ? number : null;
}

/** @param {string} message @returns {any[]} */
function usersOf(message) {
  try {
    return JSON.parse(message).userlist ?? [];
  } catch {
    // Another version's text under the same code.
    return [];
  }
}

/** @param {any} event */
const streamOf = ({ currentTarget, target }) => currentTarget?.dataset?.streamid ?? target?.dataset?.streamid ?? '';

export { EVENT };
