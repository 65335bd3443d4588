/** Device lists under the vendor's names: what is plugged in, which is used, what changed. */

import { TRTCDeviceState, TRTCDeviceType } from './constants.js';
import { TRTCDeviceInfo } from './types.js';

/** @typedef {import('../core/devices.js').DeviceType} DeviceType */

/** @type {Record<DeviceType, {type: number, kind: string}>} */
const KINDS = {
  microphone: { type: TRTCDeviceType.TRTCDeviceTypeMic, kind: 'audioinput' },
  speaker: { type: TRTCDeviceType.TRTCDeviceTypeSpeaker, kind: 'audiooutput' },
  camera: { type: TRTCDeviceType.TRTCDeviceTypeCamera, kind: 'videoinput' },
};

const TYPES = /** @type {DeviceType[]} */ (Object.keys(KINDS));

export class Devices {
  #media;
  #changed;
  /** @type {Record<DeviceType, TRTCDeviceInfo[]>} as listed last */ #known = { microphone: [], speaker: [], camera: [] };

  /**
   * @param {import('../core/devices.js').LocalMedia} media
   * @param {(deviceId: string, type: number, state: number) => void} changed
   */
  constructor(media, changed) {
    this.#media = media;
    this.#changed = changed;
    media.on('devices', () => this.#look());
  }

  /** @param {DeviceType} type */
  async list(type) {
    const found = await this.#media.list(type);
    this.#known[type] = found.map(({ deviceId, deviceName }) => new TRTCDeviceInfo(deviceId, deviceName, KINDS[type].kind));
    return [...this.#known[type]];
  }

  /** The one in use, else the first: before the first list it has an id at most. @param {DeviceType} type */
  current(type) {
    const id = this.#media.current(type);
    const known = this.#known[type];
    const found = id === '' ? known[0] : known.find(({ deviceId }) => deviceId === id);
    return found ?? new TRTCDeviceInfo(id, '', KINDS[type].kind);
  }

  /** A device was opened by default: its name is known by the time that somebody asks. */
  async refresh() {
    await Promise.all(TYPES.map((type) => this.list(type)));
  }

  /** @param {DeviceType} type */
  activated(type) {
    this.#changed(this.#media.current(type), KINDS[type].type, TRTCDeviceState.TRTCDeviceStateActive);
  }

  async #look() {
    for (const type of TYPES) {
      const before = this.#known[type];
      const now = await this.list(type);
      this.#tell(type, now, before, TRTCDeviceState.TRTCDeviceStateAdd);
      this.#tell(type, before, now, TRTCDeviceState.TRTCDeviceStateRemove);
    }
  }

  /** Those of `some` that `others` lack. @param {DeviceType} type @param {TRTCDeviceInfo[]} some @param {TRTCDeviceInfo[]} others @param {number} state */
  #tell(type, some, others, state) {
    const ids = new Set(others.map(({ deviceId }) => deviceId));
    for (const { deviceId } of some) if (!ids.has(deviceId)) this.#changed(deviceId, KINDS[type].type, state);
  }
}
