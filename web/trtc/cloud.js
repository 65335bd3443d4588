/** The class of trtc-cloud-js-sdk, over a room of this server. */

import { deviceError, notSupported } from './errors.js';
import { LOCAL } from './local.js';
import { viewKey } from './remote.js';
import { RoomCloud } from './room_cloud.js';

/** What applications compare with the version that they need. */
const VERSION = '2.12.0';

/** The vendor's methods with nothing behind them here: each is there and rejects. */
const MISSING = [
  'setAudioCaptureVolume', 'setSubStreamEncoderParam', 'startScreenCapture', 'pauseScreenCapture', 'resumeScreenCapture',
  'getScreenCaptureSources', 'selectScreenCaptureTarget', 'useBeautyStyle', 'setTestVirtualBackground', 'setTestBeautyStyle',
  'startCameraDeviceTest', 'stopCameraDeviceTest', 'startMicDeviceTest', 'stopMicDeviceTest',
];

/** @type {TRTCCloud | null} */
let shared = null;

/**
 * @typedef {import('./views.js').Place} Place
 * @typedef {import('./views.js').RenderParams} RenderParams
 */

export class TRTCCloud extends RoomCloud {
  // ---- one per page ----

  /** @param {object} [config] the vendor's: framework, component, language */
  static getTRTCShareInstance(config) {
    void config;
    return (shared ??= new TRTCCloud());
  }

  static destroyTRTCShareInstance() {
    shared?.destroy();
    shared = null;
  }

  /** Logs go to the console in few words whatever is set. @param {number} [level] */
  static setLogLevel(level) {
    void level;
  }

  static isSupported() {
    return Boolean(globalThis.RTCPeerConnection && globalThis.navigator?.mediaDevices);
  }

  /** Another room beside this one; each has its own devices. */
  createSubCloud() {
    return new TRTCCloud();
  }

  async destroy() {
    await super.destroy();
    if (shared === this) shared = null;
  }

  getSDKVersion() {
    return VERSION;
  }

  // ---- the others' ----

  /** @param {string} userId @param {Place | Place[]} view @param {number} [streamType] */
  async startRemoteView(userId, view, streamType) {
    this._remote.show(userId, view, streamType);
  }

  /** @param {string} userId @param {Place | Place[]} view @param {number} [streamType] */
  async updateRemoteView(userId, view, streamType) {
    this._remote.show(userId, view, streamType);
  }

  /** @param {string} userId @param {number} [streamType] */
  async stopRemoteView(userId, streamType) {
    this._remote.hide(userId, streamType);
  }

  async stopAllRemoteView() {
    this._remote.hideAll();
  }

  /** @param {string} userId @param {number} streamType @param {RenderParams} params */
  async setRemoteRenderParams(userId, streamType, params) {
    this._remote.setRender(userId, streamType, params ?? {});
  }

  async muteRemoteAudio(/** @type {string} */ userId, mute = true) {
    this._remote.muteAudio(userId, mute);
  }

  muteAllRemoteAudio(/** @type {boolean} */ mute) {
    this._remote.muteAllAudio(mute);
  }

  /** @param {string} userId @param {boolean} mute @param {number} [streamType] */
  async muteRemoteVideoStream(userId, mute, streamType) {
    this._remote.muteVideo(userId, mute, streamType);
  }

  async muteAllRemoteVideoStreams(/** @type {boolean} */ mute) {
    this._remote.muteAllVideo(mute);
  }

  /** @param {string} userId @param {number} volume 0 to 100 */
  setRemoteAudioVolume(userId, volume) {
    this._remote.setVolume(userId, volume);
  }

  /** @param {number} volume 0 to 100 */
  async setAudioPlayoutVolume(volume) {
    this._remote.playoutVolume = volume;
  }

  getAudioPlayoutVolume() {
    return this._remote.playoutVolume;
  }

  /** @param {number} intervalMs 0 or less stops it */
  enableAudioVolumeEvaluation(intervalMs) {
    this._remote.tellVolumes(intervalMs);
  }

  /** @param {string} userId `''`: oneself @param {number} [streamType] @returns {string} a data URL, or `''` */
  snapshotVideo(userId, streamType) {
    return this._views.snapshot(userId ? viewKey(userId, streamType) : LOCAL);
  }

  // ---- devices ----

  getCameraDevicesList() {
    return this._devices.list('camera');
  }

  getMicDevicesList() {
    return this._devices.list('microphone');
  }

  getSpeakerDevicesList() {
    return this._devices.list('speaker');
  }

  getCurrentCameraDevice() {
    return this._devices.current('camera');
  }

  getCurrentMicDevice() {
    return this._devices.current('microphone');
  }

  getCurrentSpeakerDevice() {
    return this._devices.current('speaker');
  }

  /** @param {string} cameraId */
  setCurrentCameraDevice(cameraId) {
    return this.#choose('camera', cameraId);
  }

  /** @param {string} micId */
  setCurrentMicDevice(micId) {
    return this.#choose('microphone', micId);
  }

  /** @param {string} speakerId */
  async setCurrentSpeakerDevice(speakerId) {
    await this._playback.setSpeaker(speakerId);
    await this.#choose('speaker', speakerId);
  }

  isFrontCamera() {
    return this._local.isFront;
  }

  /** @param {boolean} front */
  async switchCamera(front) {
    await this._told(this._local.turnCamera(front));
  }

  // ---- what is not there ----

  /** Switches of the vendor's laboratory; those that would change a picture or a sound are refused. @param {string} json */
  async callExperimentalAPI(json) {
    const { api, params } = JSON.parse(json);
    if (api === 'enableVirtualBackground' && params?.enable === false) return;
    if (/virtualbackground|beauty|denoise/i.test(api)) throw notSupported(api);
  }

  async useVirtualBackground() {
    throw notSupported('a virtual background');
  }

  async setVirtualBackground() {
    throw notSupported('a virtual background');
  }

  async setBeautyStyle() {
    throw notSupported('a beauty filter');
  }

  /** After `onAutoplayFailed`, from a click. */
  async resumeAudio() {
    this._views.resume();
    await this._playback.resume();
  }

  /** @param {import('../core/devices.js').DeviceType} type @param {string} deviceId */
  async #choose(type, deviceId) {
    await this._told(this._media.choose(type, deviceId).catch((error) => {
      throw type === 'speaker' ? error : deviceError(error, type);
    }));
    await this._devices.refresh();
    this._devices.activated(type);
  }
}

for (const name of MISSING) {
  const value = () => Promise.reject(notSupported(name));
  Object.defineProperty(TRTCCloud.prototype, name, { value, configurable: true, writable: true });
}
