/** Our errors under the codes that users of trtc-cloud-js-sdk know. */

import { asCarillonError, CarillonError, Code } from '../core/errors.js';

export const TRTCErrorCode = Object.freeze({
  CAMERA_START_FAILED: -1301,
  MIC_START_FAILED: -1302,
  SCREEN_NOT_AUTHORIZED: -1308,
  CAMERA_NOT_AUTHORIZED: -1314,
  CAMERA_OCCUPIED: -1316,
  MIC_NOT_AUTHORIZED: -1317,
  MIC_OCCUPIED: -1319,
  ENTER_ROOM_FAILED: -3301,
  INVALID_PARAMETER: -3316,
  NOT_SUPPORTED: -1205,
});

const DEVICE = Object.freeze({
  camera: { denied: -1314, busy: -1316, failed: -1301 },
  microphone: { denied: -1317, busy: -1319, failed: -1302 },
  screen: { denied: -1308, busy: -1308, failed: -1308 },
});

/**
 * @param {unknown} error
 * @param {keyof typeof DEVICE} source
 */
export function deviceError(error, source) {
  const { code, message, cause } = asCarillonError(error);
  const codes = DEVICE[source];
  /** @type {Record<number, number>} */
  const known = { [Code.PERMISSION_DENIED]: codes.denied, [Code.DEVICE_BUSY]: codes.busy };
  return new CarillonError(known[code] ?? codes.failed, message, cause ?? error);
}

/** What entering a room failed with: the server's own negative code, else the general one. @param {unknown} error */
export function enterError(error) {
  const { code, message } = asCarillonError(error);
  return new CarillonError(code < 0 ? code : TRTCErrorCode.ENTER_ROOM_FAILED, message, error);
}

/** @param {string} what */
export function notSupported(what) {
  return new CarillonError(TRTCErrorCode.NOT_SUPPORTED, `${what} is not supported by this media server`);
}
