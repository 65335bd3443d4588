/** Pictures in the page: which track stands in which places, and how it is fitted, turned and mirrored there. */

import { TRTCVideoFillMode, TRTCVideoMirrorType } from './constants.js';

/**
 * @typedef {string | HTMLElement} Place an element or its id
 * @typedef {{fillMode?: number, mirrorType?: number, rotation?: number}} RenderParams
 *
 * @typedef {object} View
 * @property {Place[]} places
 * @property {HTMLVideoElement[]} videos one per place that is in the page
 */

export class Views {
  /** @type {Map<string, MediaStreamTrack>} */ #tracks = new Map();
  /** @type {Map<string, View>} */ #views = new Map();
  /** @type {Map<string, RenderParams>} outlives the view: applications set it before and after */ #params = new Map();
  #firstFrame;

  /** @param {(key: string, size: {width: number, height: number}) => void} [firstFrame] a picture shows for the first time */
  constructor(firstFrame = () => {}) {
    this.#firstFrame = firstFrame;
  }

  /** @param {string} key @param {MediaStreamTrack | null} track */
  setTrack(key, track) {
    if (this.#tracks.get(key) === (track ?? undefined)) return;
    if (track) this.#tracks.set(key, track);
    else this.#tracks.delete(key);
    this.#draw(key);
  }

  /** @param {string} key @param {Place | Place[] | null | undefined} place nothing: the picture is shown nowhere */
  show(key, place) {
    const places = (Array.isArray(place) ? place : [place]).filter((one) => one !== null && one !== undefined && one !== '');
    const before = this.#views.get(key);
    if (before && same(before.places, places) && before.videos.every((video) => video.isConnected)) return;
    this.hide(key);
    if (places.length === 0) return;
    this.#views.set(key, { places: /** @type {Place[]} */ (places), videos: [] });
    this.#draw(key);
  }

  /** @param {string} key */
  hide(key) {
    const view = this.#views.get(key);
    this.#views.delete(key);
    if (view) clear(view);
  }

  /** @param {string} key @param {RenderParams} params those not given stay */
  setParams(key, params) {
    this.#params.set(key, { ...this.#params.get(key), ...params });
    for (const video of this.#views.get(key)?.videos ?? []) this.#dress(key, video);
  }

  /** Forgets all whose key passes. @param {(key: string) => boolean} which */
  forget(which) {
    for (const key of [...this.#views.keys()].filter(which)) this.hide(key);
    for (const key of [...this.#tracks.keys()].filter(which)) this.#tracks.delete(key);
    for (const key of [...this.#params.keys()].filter(which)) this.#params.delete(key);
  }

  /** Pictures that the browser stopped, from a click. */
  resume() {
    for (const { videos } of this.#views.values()) for (const video of videos) play(video);
  }

  /** @param {string} key the place's picture as a data URL, or `''` */
  snapshot(key) {
    const video = this.#views.get(key)?.videos[0];
    if (!video?.videoWidth) return '';
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    return canvas.toDataURL();
  }

  /** @param {string} key */
  #draw(key) {
    const view = this.#views.get(key);
    if (!view) return;
    clear(view);
    const track = this.#tracks.get(key);
    if (!track) return;
    for (const place of view.places) {
      const parent = typeof place === 'string' ? document.getElementById(place) : place;
      if (parent) view.videos.push(this.#put(key, parent, track));
    }
  }

  /** @param {string} key @param {HTMLElement} parent @param {MediaStreamTrack} track */
  #put(key, parent, track) {
    const video = document.createElement('video');
    Object.assign(video, { autoplay: true, playsInline: true, muted: true });
    video.addEventListener('loadeddata', () => this.#firstFrame(key, { width: video.videoWidth, height: video.videoHeight }), { once: true });
    this.#dress(key, video);
    parent.append(video);
    video.srcObject = new MediaStream([track]);
    play(video);
    return video;
  }

  /** @param {string} key @param {HTMLVideoElement} video */
  #dress(key, video) {
    const { fillMode = TRTCVideoFillMode.TRTCVideoFillMode_Fill, mirrorType, rotation = 0 } = this.#params.get(key) ?? {};
    const mirrored = mirrorType === TRTCVideoMirrorType.TRTCVideoMirrorType_Enable;
    Object.assign(video.style, {
      display: 'block',
      width: '100%',
      height: '100%',
      objectFit: fillMode === TRTCVideoFillMode.TRTCVideoFillMode_Fit ? 'contain' : 'cover',
      transform: [mirrored && 'scaleX(-1)', rotation && `rotate(${rotation * 90}deg)`].filter(Boolean).join(' '),
    });
  }
}

/** @param {Place[]} a @param {any[]} b */
const same = (a, b) => a.length === b.length && a.every((one, index) => one === b[index]);

/** @param {HTMLVideoElement} video */
function play(video) {
  video.play().catch(() => {
    // Silent pictures may always play; a view taken away meanwhile ends up here.
  });
}

/** @param {View} view */
function clear(view) {
  for (const video of view.videos) {
    video.srcObject = null;
    video.remove();
  }
  view.videos = [];
}
