/** What a rejected promise of this SDK holds. */
export class CarillonError extends Error {
  /**
   * @param {number} code a code of the gateway (GATEWAY.md) or one of `Code`
   * @param {string} message for developers
   * @param {unknown} [cause]
   */
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CarillonError';
    this.code = code;
  }
}

/** Codes that arise in the client. */
export const Code = Object.freeze({
  TIMED_OUT: 6002,
  /** The session ended before the answer came: whether the request was done is unknown. */
  SESSION_LOST: 6003,
  NOT_SIGNED_IN: 6004,
  QUEUE_FULL: 6005,
  UNREACHABLE: 6006,
  PERMISSION_DENIED: -1101,
  DEVICE_NOT_FOUND: -1102,
  DEVICE_BUSY: -1103,
  DEVICE_FAILED: -1104,
  MEDIA_FAILED: -1403,
  INSECURE_PAGE: 30000,
});

/** Codes of the gateway that the client acts on. */
export const GatewayCode = Object.freeze({
  USER_SIG_EXPIRED: 70001,
  TOO_MANY_TRIES: 70050,
  RESUME_FAILED: 6017,
  OVERLOADED: 60021,
  INTERNAL: 60020,
  ENTER_REFUSED: -100018,
  NOT_IN_ROOM: -3318,
  BAD_OFFER: -3319,
  INVALID_USER: 20003,
});

/**
 * @param {unknown} error
 * @returns {CarillonError}
 */
export function asCarillonError(error) {
  // By name: each single-file build has this class of its own, and they share one connection.
  if (error instanceof Error && error.name === 'CarillonError') return /** @type {CarillonError} */ (error);
  return new CarillonError(65535, error instanceof Error ? error.message : String(error), error);
}
