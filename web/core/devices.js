/**
 * Microphone, camera and screen of this machine: opened, kept over a call, switched, given back.
 */

import { Emitter } from './emitter.js';
import { CarillonError, Code } from './errors.js';

/** @typedef {'microphone' | 'camera' | 'screen'} Source */
/** @typedef {'camera' | 'microphone' | 'speaker'} DeviceType */
/** @typedef {{microphone: 'on' | 'muted' | 'off', camera: 'on' | 'muted' | 'off', screen: 'on' | 'muted' | 'off'}} LocalState */

/** @typedef {{width: number, height: number, maxFramerate: number, maxBitrate: number}} Quality */

/** Size, frames per second and bit/s of what is sent; the bit rates are those usual for talking heads. */
export const QUALITIES = Object.freeze({
  '360p': { width: 640, height: 360, maxFramerate: 20, maxBitrate: 700_000 },
  '480p': { width: 854, height: 480, maxFramerate: 24, maxBitrate: 1_000_000 },
  '720p': { width: 1280, height: 720, maxFramerate: 24, maxBitrate: 1_800_000 },
  '1080p': { width: 1920, height: 1080, maxFramerate: 24, maxBitrate: 3_000_000 },
});

const KINDS = Object.freeze({ camera: 'videoinput', microphone: 'audioinput', speaker: 'audiooutput' });
const SCREEN_FRAMERATE = 15;

/**
 * Events: `changed` {source} when a track came, went or was switched; `devices` when something was plugged or unplugged;
 * `lost` {source} when a running device ended by itself (unplugged, taken, screen share stopped by the browser).
 */
export class LocalMedia extends Emitter {
  /** @type {Partial<Record<Source | 'screenAudio', MediaStreamTrack>>} */
  #tracks = {};
  /** Muted sources keep their place. @type {Set<Source>} */
  #muted = new Set();
  /** @type {Partial<Record<DeviceType, string>>} */
  #chosen = {};
  /** @type {'user' | 'environment'} */
  #facing = 'user';
  /** @type {Quality} */
  #quality = QUALITIES['720p'];
  #media;
  #onDevices = () => this.emit('devices');

  /** @param {MediaDevices | undefined} [mediaDevices] */
  constructor(mediaDevices = globalThis.navigator?.mediaDevices) {
    super();
    this.#media = mediaDevices;
    this.#media?.addEventListener?.('devicechange', this.#onDevices);
  }

  /** @returns {LocalState} */
  get state() {
    return { microphone: this.#stateOf('microphone'), camera: this.#stateOf('camera'), screen: this.#stateOf('screen') };
  }

  get quality() {
    return this.#quality;
  }

  /** The track to send now: `null` while muted or off. @param {Source | 'screenAudio'} source */
  track(source) {
    if (source !== 'screenAudio' && this.#muted.has(source)) return null;
    return this.#tracks[source] ?? null;
  }

  /** @param {Source} source */
  async open(source) {
    if (source === 'screen') return this.#openScreen();
    const running = this.#tracks[source];
    if (running?.readyState === 'live') running.enabled = true;
    else await this.#capture(source);
    this.#muted.delete(source);
    this.emit('changed', { source });
  }

  /** Closes it to others. The camera and the screen are given back; the microphone stays, so that it is back at once. */
  mute(/** @type {Source} */ source) {
    if (!this.#tracks[source]) return;
    if (source !== 'microphone') this.#stop(source);
    if (source === 'screen') this.#stop('screenAudio');
    else this.#muted.add(source);
    this.emit('changed', { source });
  }

  /** Gives one device back. @param {Source} source */
  close(source) {
    this.#stop(source);
    if (source === 'screen') this.#stop('screenAudio');
    this.#muted.delete(source);
    this.emit('changed', { source });
  }

  /** Gives all devices back. */
  closeAll() {
    for (const source of /** @type {const} */ (['microphone', 'camera', 'screen', 'screenAudio'])) this.#stop(source);
    this.#muted.clear();
    this.emit('changed', { source: null });
  }

  destroy() {
    this.closeAll();
    this.#media?.removeEventListener?.('devicechange', this.#onDevices);
    this.removeAllListeners();
  }

  /**
   * @param {DeviceType} type
   * @returns {Promise<{deviceId: string, deviceName: string}[]>}
   */
  async list(type) {
    const all = (await this.#media?.enumerateDevices?.()) ?? [];
    return all
      .filter(({ kind, deviceId }) => kind === KINDS[type] && deviceId !== '')
      .map(({ deviceId, label }) => ({ deviceId, deviceName: label }));
  }

  /** @param {DeviceType} type the device in use, or the one chosen for the next use, or `''` */
  current(type) {
    const running = type === 'speaker' ? undefined : this.#tracks[type]?.getSettings().deviceId;
    return running ?? this.#chosen[type] ?? '';
  }

  /**
   * @param {DeviceType} type
   * @param {string} deviceId
   */
  async choose(type, deviceId) {
    const before = this.#chosen[type];
    this.#chosen[type] = deviceId;
    try {
      if (type !== 'speaker') await this.#reopen(type);
    } catch (error) {
      this.#chosen[type] = before;
      throw error;
    }
  }

  /** @param {'user' | 'environment'} facing */
  async face(facing) {
    this.#facing = facing;
    delete this.#chosen.camera;
    await this.#reopen('camera');
  }

  /** @param {string | Quality} quality a key of QUALITIES, or one's own */
  async setQuality(quality) {
    const known = typeof quality === 'string' ? QUALITIES[/** @type {keyof typeof QUALITIES} */ (quality)] : quality;
    if (!known) throw new CarillonError(-1202, `no video quality "${quality}"`);
    this.#quality = known;
    const { width, height, maxFramerate } = this.quality;
    await this.#tracks.camera?.applyConstraints({ width, height, frameRate: maxFramerate });
    this.emit('changed', { source: 'camera' });
  }

  // ---- capture ----

  /** @param {Source} source */
  #stateOf(source) {
    if (this.#muted.has(source)) return 'muted';
    return this.#tracks[source] ? 'on' : 'off';
  }

  /** @param {'microphone' | 'camera'} type */
  async #reopen(type) {
    if (!this.#tracks[type]) return;
    // Phones cannot open their second camera while the first one runs.
    if (type === 'camera') this.#stop('camera');
    await this.#capture(type);
    this.emit('changed', { source: type });
  }

  /** @param {'microphone' | 'camera'} source */
  async #capture(source) {
    const stream = await this.#ask(() => this.#mediaOrThrow().getUserMedia(this.#constraints(source)), source);
    const [track] = stream.getTracks();
    this.#take(source, track);
  }

  async #openScreen() {
    if (this.#tracks.screen) return;
    const media = this.#mediaOrThrow();
    if (!media.getDisplayMedia) throw new CarillonError(-1205, 'this browser cannot share its screen');
    const video = { frameRate: { max: SCREEN_FRAMERATE } };
    const stream = await this.#ask(() => media.getDisplayMedia({ video, audio: true }), 'screen');
    const [picture] = stream.getVideoTracks();
    const [sound] = stream.getAudioTracks();
    picture.contentHint = 'detail';
    this.#take('screen', picture);
    if (sound) this.#take('screenAudio', sound);
    this.emit('changed', { source: 'screen' });
  }

  /** @param {'microphone' | 'camera'} source */
  #constraints(source) {
    const chosen = this.#chosen[source];
    const deviceId = chosen ? { exact: chosen } : undefined;
    if (source === 'microphone') {
      return { audio: { deviceId, echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
    }
    const { width, height, maxFramerate } = this.quality;
    const facingMode = deviceId ? undefined : this.#facing;
    return { video: { deviceId, facingMode, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: maxFramerate } } };
  }

  /**
   * @param {Source | 'screenAudio'} source
   * @param {MediaStreamTrack} track
   */
  #take(source, track) {
    this.#stop(source);
    this.#tracks[source] = track;
    track.onended = () => {
      if (this.#tracks[source] !== track) return;
      delete this.#tracks[source];
      if (source === 'screen') this.#stop('screenAudio');
      if (source === 'screenAudio') return;
      this.emit('changed', { source });
      this.emit('lost', { source });
    };
  }

  /** @param {Source | 'screenAudio'} source */
  #stop(source) {
    const track = this.#tracks[source];
    if (!track) return;
    delete this.#tracks[source];
    track.onended = null;
    track.stop();
  }

  #mediaOrThrow() {
    if (this.#media) return this.#media;
    throw new CarillonError(Code.INSECURE_PAGE, 'devices are open to pages of https:// and localhost only');
  }

  /**
   * @template T
   * @param {() => Promise<T>} ask
   * @param {string} source
   */
  async #ask(ask, source) {
    try {
      return await ask();
    } catch (error) {
      throw deviceError(error, source);
    }
  }
}

/**
 * @param {any} error
 * @param {string} source
 */
function deviceError(error, source) {
  if (error instanceof CarillonError) return error;
  // The user closed the browser's own dialog: the application tells this from a fault by the name.
  if (source === 'screen' && error?.name === 'NotAllowedError') return Object.assign(new CarillonError(Code.PERMISSION_DENIED, 'not shared'), { name: 'AbortError' });
  /** @type {Record<string, number>} */
  const codes = {
    NotAllowedError: Code.PERMISSION_DENIED,
    SecurityError: Code.PERMISSION_DENIED,
    NotFoundError: Code.DEVICE_NOT_FOUND,
    OverconstrainedError: Code.DEVICE_NOT_FOUND,
    NotReadableError: Code.DEVICE_BUSY,
  };
  return new CarillonError(codes[error?.name] ?? Code.DEVICE_FAILED, `${source}: ${error?.message ?? error}`, error);
}
