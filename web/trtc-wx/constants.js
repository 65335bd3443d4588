/** The vendor's names of events, states' codes and attributes' defaults, as pages and engines read them. */

export const EVENT = Object.freeze(Object.fromEntries([
  'LOCAL_JOIN', 'LOCAL_LEAVE', 'KICKED_OUT', 'REMOTE_USER_JOIN', 'REMOTE_USER_LEAVE', 'REMOTE_VIDEO_ADD', 'REMOTE_VIDEO_REMOVE',
  'REMOTE_AUDIO_ADD', 'REMOTE_AUDIO_REMOVE', 'REMOTE_STATE_UPDATE', 'LOCAL_NET_STATE_UPDATE', 'REMOTE_NET_STATE_UPDATE',
  'LOCAL_AUDIO_VOLUME_UPDATE', 'REMOTE_AUDIO_VOLUME_UPDATE', 'VIDEO_FULLSCREEN_UPDATE', 'BGM_PLAY_START', 'BGM_PLAY_FAIL',
  'BGM_PLAY_PROGRESS', 'BGM_PLAY_COMPLETE', 'ERROR', 'PLAYER_WARNING', 'IM_READY', 'IM_MESSAGE_RECEIVED', 'IM_NOT_READY',
  'IM_KICKED_OUT', 'IM_ERROR',
].map((name) => [name, name])));

/** What a live-pusher says by `bindstatechange`, and what the roster is told as. */
export const State = Object.freeze({
  ENTERED: 1018,
  LEFT: 1019,
  USERS_IN: 1031,
  USERS_OUT: 1032,
  VIDEO: 1033,
  AUDIO: 1034,
  CAMERA_FAILED: -1301,
  MICROPHONE_FAILED: -1302,
  VIDEO_ENCODER_FAILED: -1303,
  AUDIO_ENCODER_FAILED: -1304,
  PUSH_BROKEN: -1307,
  ENTER_FAILED: -3301,
  BAD_SIGNATURE: -100018,
});

/** Codes that an application is told as ERROR. @type {Set<number>} */
export const ERRORS = new Set([
  State.CAMERA_FAILED, State.MICROPHONE_FAILED, State.VIDEO_ENCODER_FAILED, State.AUDIO_ENCODER_FAILED, State.PUSH_BROKEN,
  State.ENTER_FAILED, State.BAD_SIGNATURE,
]);

export const PUSHER_DEFAULTS = Object.freeze({
  url: '',
  mode: 'RTC',
  autopush: false,
  enableCamera: false,
  enableMic: false,
  enableAgc: false,
  enableAns: false,
  enableEarMonitor: false,
  enableAutoFocus: true,
  enableZoom: false,
  minBitrate: 600,
  maxBitrate: 900,
  videoWidth: 360,
  videoHeight: 640,
  beautyLevel: 0,
  whitenessLevel: 0,
  videoOrientation: 'vertical',
  videoAspect: '9:16',
  frontCamera: 'front',
  enableRemoteMirror: false,
  localMirror: 'auto',
  enableBackgroundMute: false,
  audioQuality: 'high',
  audioVolumeType: 'voicecall',
  audioReverbType: 0,
  waitingImage: '',
  waitingImageHash: '',
  beautyStyle: 'smooth',
  filter: '',
  netStatus: {},
});

export const PLAYER_DEFAULTS = Object.freeze({
  src: '',
  mode: 'RTC',
  autoplay: true,
  muteAudio: false,
  muteVideo: false,
  orientation: 'vertical',
  objectFit: 'fillCrop',
  enableBackgroundMute: false,
  // Seconds. The vendor's 1 and 2 are for its own transport; over plain RTMP these keep a call's delay low.
  minCache: 0.2,
  maxCache: 0.8,
  soundMode: 'speaker',
  enableRecvMessage: false,
  autoPauseIfNavigate: true,
  autoPauseIfOpenNative: true,
  isVisible: true,
  _definitionType: 'main',
  netStatus: {},
});
