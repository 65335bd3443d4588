/** Remote sound and pictures in the page: sound plays by itself, pictures go where the application asks. */

import { Emitter } from './emitter.js';

/** @typedef {import('./protocol.js').TrackName} TrackName */
/** @typedef {{place: string | HTMLElement, objectFit: string, video: HTMLVideoElement | null}} View */

/** Events: `blocked` when the browser wants a click before it plays sound. */
export class Playback extends Emitter {
  /** @type {Map<string, MediaStreamTrack>} by user and track */ #tracks = new Map();
  /** @type {Map<string, HTMLAudioElement>} */ #sounds = new Map();
  /** @type {Map<string, View>} */ #views = new Map();
  /** @type {Map<string, number>} by user, 0 to 1 */ #volumes = new Map();
  #speaker = '';

  /**
   * @param {string} user `''` for oneself
   * @param {TrackName} track
   * @param {MediaStreamTrack | null} mediaTrack
   */
  set(user, track, mediaTrack) {
    const key = keyOf(user, track);
    if (mediaTrack) this.#tracks.set(key, mediaTrack);
    else this.#tracks.delete(key);
    if (track === 'microphone' || track === 'screenAudio') {
      // One's own voice is not played back.
      if (user !== '') this.#sound(key, mediaTrack);
    } else this.#draw(key);
  }

  /**
   * @param {string} user
   * @param {'camera' | 'screen'} track
   * @param {string | HTMLElement} place an element or its id
   * @param {string} [objectFit]
   */
  show(user, track, place, objectFit = 'cover') {
    const key = keyOf(user, track);
    this.hide(user, track);
    this.#views.set(key, { place, objectFit, video: null });
    this.#draw(key);
  }

  /**
   * @param {string} user
   * @param {'camera' | 'screen'} track
   */
  hide(user, track) {
    const key = keyOf(user, track);
    const view = this.#views.get(key);
    this.#views.delete(key);
    if (view) clear(view);
  }

  /** @param {string} deviceId */
  async setSpeaker(deviceId) {
    this.#speaker = deviceId;
    await Promise.all([...this.#sounds.values()].map((sound) => this.#route(sound)));
  }

  /**
   * How loud somebody is played.
   * @param {string} user
   * @param {number} volume 0 to 1
   */
  setVolume(user, volume) {
    this.#volumes.set(user, volume);
    for (const [key, sound] of this.#sounds) if (key.startsWith(`${user} `)) sound.volume = volume;
  }

  /** Plays what was blocked; to be called from a click. */
  async resume() {
    await Promise.all([...this.#sounds.values()].map((sound) => sound.play().catch(() => {})));
    for (const { video } of this.#views.values()) video?.play().catch(() => {});
  }

  /** Forgets the others; one's own picture stays. */
  clear() {
    for (const key of [...this.#tracks.keys()]) if (!key.startsWith(' ')) this.#tracks.delete(key);
    for (const key of [...this.#sounds.keys()]) this.#sound(key, null);
    for (const [key, view] of [...this.#views]) {
      if (key.startsWith(' ')) continue;
      clear(view);
      this.#views.delete(key);
    }
  }

  /**
   * @param {string} key
   * @param {MediaStreamTrack | null} mediaTrack
   */
  #sound(key, mediaTrack) {
    const old = this.#sounds.get(key);
    if (!mediaTrack) {
      this.#sounds.delete(key);
      if (old) old.srcObject = null;
      old?.remove();
      return;
    }
    if (!globalThis.document) return;
    const sound = old ?? document.createElement('audio');
    this.#sounds.set(key, sound);
    sound.autoplay = true;
    sound.volume = this.#volumes.get(key.slice(0, key.lastIndexOf(' '))) ?? 1;
    sound.srcObject = new MediaStream([mediaTrack]);
    if (!old) {
      sound.hidden = true;
      document.body.append(sound);
      this.#route(sound).catch(() => {});
    }
    sound.play().catch((error) => {
      if (error?.name === 'NotAllowedError') this.emit('blocked');
    });
  }

  /** @param {HTMLAudioElement} sound */
  async #route(sound) {
    const output = /** @type {any} */ (sound);
    if (this.#speaker && output.setSinkId) await output.setSinkId(this.#speaker);
  }

  /** @param {string} key */
  #draw(key) {
    const view = this.#views.get(key);
    if (!view) return;
    const track = this.#tracks.get(key);
    const place = typeof view.place === 'string' ? document.getElementById(view.place) : view.place;
    if (!track || !place) return clear(view);
    const video = (view.video ??= newVideo(view.objectFit));
    if (video.parentElement !== place) place.append(video);
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {
      // Muted pictures are allowed everywhere; a view taken away meanwhile ends up here too.
    });
  }
}

/**
 * @param {string} user
 * @param {TrackName} track
 */
const keyOf = (user, track) => `${user} ${track}`;

/** @param {string} objectFit */
function newVideo(objectFit) {
  const video = document.createElement('video');
  Object.assign(video, { autoplay: true, playsInline: true, muted: true });
  Object.assign(video.style, { width: '100%', height: '100%', objectFit });
  return video;
}

/** @param {View} view */
function clear(view) {
  if (view.video) view.video.srcObject = null;
  view.video?.remove();
  view.video = null;
}
