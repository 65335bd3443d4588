/** Names and numbers of the call API. Where the vendor's web engine has one, it is the vendor's. */

/** Names of the events of a CallEngine; README.md lists their payloads. */
export const CallEvent = Object.freeze({
  SDK_READY: 'sdkReady',
  KICKED_OUT: 'onKickedOut',
  ERROR: 'onError',
  INVITED: 'onInvited',
  ON_CALL_RECEIVED: 'onCallReceived',
  USER_ACCEPT: 'onUserAccept',
  ON_CALL_BEGIN: 'onCallBegin',
  USER_ENTER: 'onUserEnter',
  USER_LEAVE: 'onUserLeave',
  REJECT: 'onReject',
  NO_RESP: 'onNoResp',
  LINE_BUSY: 'onLineBusy',
  CALLING_TIMEOUT: 'onCallingTimeout',
  CALLING_CANCEL: 'onCallingCancel',
  ON_CALL_CANCELED: 'onCallCanceled',
  CALL_END: 'onCallEnd',
  CALL_TYPE_CHANGED: 'onCallTypeChanged',
  GROUP_CALL_INVITEE_LIST_UPDATE: 'onGroupCallInviteeListUpdate',
  USER_VIDEO_AVAILABLE: 'onUserVideoAvailable',
  USER_AUDIO_AVAILABLE: 'onUserAudioAvailable',
  USER_VOICE_VOLUME: 'onUserVoiceVolume',
  ON_USER_NETWORK_QUALITY_CHANGED: 'onUserNetworkQualityChanged',
  DEVICE_UPDATED: 'onDeviceUpdated',
  MESSAGE_SENT_BY_ME: 'onMessageSentByMe',
  // Carillon's own.
  STATUS_CHANGED: 'onStatusChanged',
  CONNECTION_CHANGED: 'onConnectionChanged',
  MEDIA_CHANGED: 'onMediaChanged',
  CALL_TIME: 'onCallTime',
  CALL_RESUMABLE: 'onCallResumable',
  USER_SCREEN_AVAILABLE: 'onUserScreenAvailable',
  SPEAKER_CHANGED: 'onSpeakerChanged',
  LOCAL_MEDIA_CHANGED: 'onLocalMediaChanged',
  AUTOPLAY_BLOCKED: 'onAutoplayBlocked',
  MESSAGE_RECEIVED: 'onMessageReceived',
});

/** What a CallEngine is doing. */
export const CallStatus = Object.freeze({ IDLE: 'idle', CALLING: 'calling', CONNECTED: 'connected' });

/** The kind of a call. */
export const MediaType = Object.freeze({ UNKNOWN: 0, AUDIO: 1, VIDEO: 2 });

export const CallRole = Object.freeze({ INVITER: 'inviter', INVITEE: 'invitee' });

export const DeviceType = Object.freeze({ CAMERA: 'camera', MICROPHONE: 'microphone', SPEAKER: 'speaker' });

export const VideoQuality = Object.freeze({ P360: '360p', P480: '480p', P720: '720p', P1080: '1080p' });

/** Why a call that never connected ended: `reason` of CALLING_CANCEL and ON_CALL_CANCELED. */
export const CancelReason = Object.freeze({
  /** Oneself, or the caller, cancelled. */
  CANCELED: 'canceled',
  REJECTED: 'rejected',
  NO_RESPONSE: 'noResponse',
  LINE_BUSY: 'lineBusy',
  ACCEPTED_ELSEWHERE: 'otherDeviceAccepted',
  REJECTED_ELSEWHERE: 'otherDeviceRejected',
  ENDED_BY_SERVER: 'endedByServer',
  /** A message or a room could not be reached; an ERROR event says more. */
  FAILED: 'failed',
});

/** Why a connected call ended: `reason` of CALL_END. */
export const EndReason = Object.freeze({
  HANGUP: 'hangup',
  /** The other side hung up, or nobody else is left. */
  REMOTE_HANGUP: 'remoteHangup',
  /** A connection was lost for longer than the grace time. */
  LOST: 'lost',
  KICKED: 'kicked',
  /** The call went on on another device of the same user. */
  TAKEN_OVER: 'takenOver',
  ENDED_BY_SERVER: 'endedByServer',
  FAILED: 'failed',
});

/** `code` of a CallError and of ERROR events. Codes of the gateway pass through unchanged. */
export const ErrorCode = Object.freeze({
  PERMISSION_DENIED: -1101,
  DEVICE_NOT_FOUND: -1102,
  DEVICE_BUSY: -1103,
  DEVICE_FAILED: -1104,
  NOT_INITIALISED: -1201,
  BAD_PARAMETER: -1202,
  WRONG_STATE: -1203,
  REPEATED: -1204,
  NOT_SUPPORTED: -1205,
  SEND_FAILED: -1401,
  ENTER_ROOM_FAILED: -1402,
  MEDIA_FAILED: -1403,
  BAD_INVITATION: 8010,
  NO_RIGHT: 8011,
  TIMED_OUT: 6002,
  SESSION_LOST: 6003,
  NOT_SIGNED_IN: 6004,
  INSECURE_PAGE: 30000,
  UNKNOWN: 65535,
});
