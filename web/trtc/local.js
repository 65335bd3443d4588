/** One's own microphone, camera and screen: opened, shown, muted, sent to the room one is in. */

import { CarillonError } from '../core/errors.js';
import { sizeOf, TRTCVideoMirrorType, TRTCVideoResolutionMode } from './constants.js';
import { deviceError, TRTCErrorCode } from './errors.js';

/** View key of one's own camera; users' keys hold a space. */
export const LOCAL = 'local';
export const LOCAL_SCREEN = 'localScreen';

/** The vendor's unset value, which the call engines send with every quality: here it means our own default. */
const VENDOR_DEFAULT_FPS = 15;
const DEFAULT_FPS = 24;
const MAX_FPS = 60;
/** bit/s of speech with a good margin, and of music. */
const VOICE_BITRATE = 48_000;
const MUSIC_BITRATE = 128_000;
const SCREEN_BITRATE = 2_000_000;
const MUSIC_QUALITY = 3;

/**
 * @typedef {import('../core/devices.js').Source} Source
 * @typedef {import('../core/room.js').RoomClient} RoomClient
 * @typedef {import('./views.js').Place} Place
 */

export class Local {
  #media;
  #views;
  #emit;
  /** @type {RoomClient | null} */ #room = null;
  /** @type {Set<Source>} */ #wanted = new Set();
  /** @type {Set<Source>} */ #muted = new Set();
  /** @type {Set<string>} tracks that have a section in the room */ #sent = new Set();
  #anchor = true;
  #front = true;
  #voiceBitrate = VOICE_BITRATE;
  /** @type {number} */ #mirror = TRTCVideoMirrorType.TRTCVideoMirrorType_Auto;

  /**
   * @param {import('../core/devices.js').LocalMedia} media
   * @param {import('./views.js').Views} views
   * @param {(name: string, ...args: any[]) => void} emit
   */
  constructor(media, views, emit) {
    this.#media = media;
    this.#views = views;
    this.#emit = emit;
    media.on('changed', () => this.#changed());
    media.on('lost', ({ source }) => this.#lost(source));
  }

  get isFront() {
    return this.#front;
  }

  isOpen(/** @type {Source} */ source) {
    return this.#wanted.has(source);
  }

  /** @param {RoomClient | null} room where everything open is sent from now on */
  setRoom(room) {
    this.#room = room;
    this.#sent.clear();
    this.#publish();
  }

  /** An audience sends nothing. @param {boolean} anchor */
  setAnchor(anchor) {
    this.#anchor = anchor;
    this.#publish();
  }

  /** @param {number} [quality] a TRTCAudioQuality */
  async startAudio(quality) {
    this.#voiceBitrate = quality === MUSIC_QUALITY ? MUSIC_BITRATE : VOICE_BITRATE;
    await this.#open('microphone');
    this.#emit('onMicDidReady');
  }

  /** @param {Place | Place[] | null | undefined} view @param {boolean} [front] */
  async startPreview(view, front) {
    if (front !== undefined && front !== this.#front) await this.turnCamera(front);
    if (view !== undefined) this.#views.show(LOCAL, view);
    this.#dress();
    await this.#open('camera');
    this.#emit('onCameraDidReady');
  }

  /** @param {Place | Place[] | null} view */
  async startScreen(view) {
    if (view) this.#views.show(LOCAL_SCREEN, view);
    await this.#open('screen');
    this.#emit('onScreenCaptureStarted');
  }

  /** @param {Source} source */
  stop(source) {
    this.#wanted.delete(source);
    this.#muted.delete(source);
    if (source === 'camera') this.#views.hide(LOCAL);
    if (source === 'screen') this.#views.hide(LOCAL_SCREEN);
    this.#media.close(source);
  }

  /** The device runs on, so that one still sees oneself; nothing of it is sent. @param {Source} source @param {boolean} muted */
  mute(source, muted) {
    if (muted) this.#muted.add(source);
    else this.#muted.delete(source);
    this.#publish();
  }

  /** @param {boolean} front */
  async turnCamera(front) {
    this.#front = front;
    this.#dress();
    await this.#media.face(front ? 'user' : 'environment');
  }

  /** @param {import('./views.js').RenderParams} params */
  setRender({ mirrorType, ...params }) {
    if (mirrorType !== undefined) this.#mirror = mirrorType;
    this.#views.setParams(LOCAL, params);
    this.#dress();
  }

  /** @param {{videoResolution?: number, resMode?: number, videoFps?: number, videoBitrate?: number}} params kbit/s */
  async setEncoder({ videoResolution, resMode, videoFps, videoBitrate }) {
    const now = this.#media.quality;
    const size = videoResolution === undefined ? now : sizeOf(videoResolution);
    if (!size) throw new CarillonError(TRTCErrorCode.INVALID_PARAMETER, `no video resolution ${videoResolution}`);
    const upright = resMode === TRTCVideoResolutionMode.TRTCVideoResolutionModePortrait;
    await this.#media.setQuality({
      width: upright ? size.height : size.width,
      height: upright ? size.width : size.height,
      maxFramerate: framesPerSecond(videoFps) ?? now.maxFramerate,
      maxBitrate: videoBitrate && videoBitrate > 0 ? videoBitrate * 1000 : now.maxBitrate,
    });
  }

  /** Gives all devices back. */
  closeAll() {
    for (const source of /** @type {const} */ (['microphone', 'camera', 'screen'])) this.stop(source);
  }

  // ---- below: what follows from the wishes ----

  /** @param {Source} source */
  async #open(source) {
    this.#wanted.add(source);
    try {
      await this.#media.open(source);
    } catch (error) {
      this.#wanted.delete(source);
      throw deviceError(error, source);
    }
    // Stopped while the browser still asked its user.
    if (!this.#wanted.has(source)) this.#media.close(source);
  }

  #changed() {
    this.#views.setTrack(LOCAL, this.#media.track('camera'));
    this.#views.setTrack(LOCAL_SCREEN, this.#media.track('screen'));
    this.#publish();
  }

  /** @param {Source} source */
  #lost(source) {
    this.#wanted.delete(source);
    if (source === 'screen') this.#emit('onScreenCaptureStopped', 0);
    else this.#emit('onError', source === 'camera' ? TRTCErrorCode.CAMERA_START_FAILED : TRTCErrorCode.MIC_START_FAILED, `the ${source} ended by itself`);
  }

  #publish() {
    const room = this.#room;
    if (!room) return;
    for (const name of /** @type {const} */ (['microphone', 'camera', 'screen', 'screenAudio'])) {
      const track = this.#anchor ? this.#media.track(name) : null;
      if (track) this.#send(room, name, track);
      else if (this.#sent.delete(name)) {
        room.publish(name, null);
        room.setStates({ [name]: 'off' });
      }
    }
  }

  /** @param {RoomClient} room @param {Source | 'screenAudio'} name @param {MediaStreamTrack} track */
  #send(room, name, track) {
    const muted = this.#muted.has(name === 'screenAudio' ? 'screen' : name);
    this.#sent.add(name);
    room.publish(name, { track: muted ? null : track, ...this.#limits(name) });
    room.setStates({ [name]: muted ? 'muted' : 'on' });
  }

  /** @param {Source | 'screenAudio'} name @returns {Partial<import('../core/media_link.js').Publication>} */
  #limits(name) {
    const { maxBitrate, maxFramerate } = this.#media.quality;
    if (name === 'camera') return { maxBitrate, maxFramerate, degradation: 'balanced' };
    if (name === 'screen') return { maxBitrate: SCREEN_BITRATE, degradation: 'maintain-resolution' };
    return { maxBitrate: name === 'microphone' ? this.#voiceBitrate : MUSIC_BITRATE };
  }

  /** `Auto` is a mirror for the camera that looks at its user. */
  #dress() {
    const { TRTCVideoMirrorType_Auto, TRTCVideoMirrorType_Disable, TRTCVideoMirrorType_Enable } = TRTCVideoMirrorType;
    const auto = this.#front ? TRTCVideoMirrorType_Enable : TRTCVideoMirrorType_Disable;
    this.#views.setParams(LOCAL, { mirrorType: this.#mirror === TRTCVideoMirrorType_Auto ? auto : this.#mirror });
  }
}

/** @param {number | undefined} wanted */
function framesPerSecond(wanted) {
  if (!wanted || !(wanted > 0)) return null;
  return wanted === VENDOR_DEFAULT_FPS ? DEFAULT_FPS : Math.min(wanted, MAX_FPS);
}
