/** The room and one's own sound and picture: the lower half of the class of trtc-cloud-js-sdk. */

import { Emitter } from '../core/emitter.js';
import { LocalMedia } from '../core/devices.js';
import { Playback } from '../core/playback.js';
import { Devices } from './devices.js';
import { notSupported } from './errors.js';
import { Local, LOCAL } from './local.js';
import { Remote, splitKey } from './remote.js';
import { Stay } from './stay.js';
import { Views } from './views.js';
import { TRTCRoleType, TRTCVideoStreamType } from './constants.js';

/**
 * @typedef {import('./views.js').Place} Place
 * @typedef {import('./views.js').RenderParams} RenderParams
 * @typedef {import('./stay.js').EnterParams} EnterParams
 */

export class RoomCloud extends Emitter {
  /** @protected */ _media;
  /** @protected */ _playback = new Playback();
  /** @protected */ _views;
  /** @protected */ _devices;
  /** @protected */ _local;
  /** @protected */ _remote;
  /** @protected */ _stay;

  /** @param {{mediaDevices?: MediaDevices, RTCPeerConnection?: any}} [options] for tests; the vendor's are ignored */
  constructor(options = {}) {
    super();
    /** @type {(name: string, ...args: any[]) => void} */
    const emit = (name, ...args) => this.emit(name, ...args);
    this._media = new LocalMedia(options.mediaDevices);
    this._views = new Views((key, size) => this.#firstFrame(key, size));
    this._devices = new Devices(this._media, (...args) => emit('onDeviceChange', ...args));
    this._local = new Local(this._media, this._views, emit);
    this._remote = new Remote(this._views, this._playback, (name, ...args) => this._stay.tell(name, ...args));
    this._stay = new Stay({ local: this._local, remote: this._remote, emit, options });
    this._playback.on('blocked', () => emit('onAutoplayFailed'));
  }

  async destroy() {
    await this.exitRoom();
    this.removeAllListeners();
    this._media.destroy();
  }

  /** @param {string} name @param {(...args: any[]) => void} [fn] `'*'`: all listeners of all events */
  off(name, fn) {
    if (name === '*') this.removeAllListeners();
    else super.off(name, fn);
  }

  // ---- the room ----

  /** @param {EnterParams} params @param {number} [scene] */
  enterRoom(params, scene) {
    void scene;
    this._local.setAnchor(params.role !== TRTCRoleType.TRTCRoleAudience);
    return this._stay.enter(params);
  }

  exitRoom() {
    return this._stay.exit();
  }

  /** @param {number} role */
  async switchRole(role) {
    this._local.setAnchor(role !== TRTCRoleType.TRTCRoleAudience);
    this.emit('onSwitchRole', 0, '');
  }

  /** @param {boolean} audio @param {boolean} video */
  async setDefaultStreamRecvMode(audio, video) {
    this._remote.setMode(audio, video);
  }

  // ---- one's own sound and picture ----

  /** @param {number} [quality] */
  async startLocalAudio(quality) {
    await this._told(this._local.startAudio(quality));
    await this._devices.refresh();
  }

  async stopLocalAudio() {
    this._local.stop('microphone');
  }

  async muteLocalAudio(mute = true) {
    this._local.mute('microphone', Boolean(mute));
  }

  /** `(view)`, or on phones `(front, view)`. @param {...any} args */
  async startLocalPreview(...args) {
    const front = args.find((arg) => typeof arg === 'boolean');
    const view = args.find((arg) => arg !== undefined && typeof arg !== 'boolean');
    await this._told(this._local.startPreview(view, front));
    await this._devices.refresh();
  }

  async stopLocalPreview() {
    this._local.stop('camera');
  }

  async muteLocalVideo(mute = true, /** @type {number | undefined} */ streamType = undefined) {
    this._local.mute(streamType === TRTCVideoStreamType.TRTCVideoStreamTypeSub ? 'screen' : 'camera', Boolean(mute));
  }

  /** @param {Place | Place[] | null} view */
  async updateLocalView(view) {
    this._views.show(LOCAL, view);
  }

  /** @param {RenderParams} params */
  async setLocalRenderParams(params) {
    this._local.setRender(params ?? {});
  }

  /** @param {{videoResolution?: number, resMode?: number, videoFps?: number, videoBitrate?: number}} params */
  setVideoEncoderParam(params) {
    return this._local.setEncoder(params);
  }

  /** @param {boolean} mirror */
  async setVideoEncoderMirror(mirror) {
    if (mirror) throw notSupported('a mirrored sent picture');
  }

  /** Congestion control is the server's and the browser's. */
  async setNetworkQosParam() {}

  /** One size per sender: the server adapts by layers of the codec, not by a second picture. @param {boolean} enable */
  async enableSmallVideoStream(enable) {
    void enable;
    return 0;
  }

  /** @param {Place | null} [view] */
  async startScreenShare(view = null) {
    await this._told(this._local.startScreen(view));
  }

  async stopScreenShare() {
    this._local.stop('screen');
    this.emit('onScreenCaptureStopped', 0);
  }

  // ---- below: what the parts tell ----

  /** A failure goes to its caller and, as the vendor does it, to the listeners. @param {Promise<void>} doing @protected */
  async _told(doing) {
    try {
      await doing;
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      this.emit('onError', code, message);
      throw error;
    }
  }

  /** @param {string} key @param {{width: number, height: number}} size */
  #firstFrame(key, { width, height }) {
    const { TRTCVideoStreamTypeBig, TRTCVideoStreamTypeSub } = TRTCVideoStreamType;
    const { user, screen } = splitKey(key);
    this.emit('onFirstVideoFrame', user, screen ? TRTCVideoStreamTypeSub : TRTCVideoStreamTypeBig, width, height);
  }
}
