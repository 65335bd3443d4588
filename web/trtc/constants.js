/** The names and numbers of trtc-cloud-js-sdk that applications and the call engines use. */

export const TRTCVideoStreamType = Object.freeze({
  TRTCVideoStreamTypeBig: 0,
  TRTCVideoStreamTypeSmall: 1,
  TRTCVideoStreamTypeSub: 2,
});

export const TRTCVideoFillMode = Object.freeze({ TRTCVideoFillMode_Fill: 0, TRTCVideoFillMode_Fit: 1 });

export const TRTCVideoMirrorType = Object.freeze({
  TRTCVideoMirrorType_Auto: 0,
  TRTCVideoMirrorType_Enable: 1,
  TRTCVideoMirrorType_Disable: 2,
});

/** Quarter turns, clockwise. */
export const TRTCVideoRotation = Object.freeze({
  TRTCVideoRotation0: 0,
  TRTCVideoRotation90: 1,
  TRTCVideoRotation180: 2,
  TRTCVideoRotation270: 3,
});

export const TRTCAppScene = Object.freeze({
  TRTCAppSceneVideoCall: 0,
  TRTCAppSceneLIVE: 1,
  TRTCAppSceneAudioCall: 2,
  TRTCAppSceneVoiceChatRoom: 3,
});

export const TRTCRoleType = Object.freeze({ TRTCRoleAnchor: 20, TRTCRoleAudience: 21 });

export const TRTCAudioQuality = Object.freeze({
  TRTCAudioQualitySpeech: 1,
  TRTCAudioQualityDefault: 2,
  TRTCAudioQualityMusic: 3,
});

export const TRTCDeviceType = Object.freeze({
  TRTCDeviceTypeUnknow: -1,
  TRTCDeviceTypeMic: 0,
  TRTCDeviceTypeSpeaker: 1,
  TRTCDeviceTypeCamera: 2,
});

export const TRTCDeviceState = Object.freeze({
  TRTCDeviceStateAdd: 0,
  TRTCDeviceStateRemove: 1,
  TRTCDeviceStateActive: 2,
});

export const TRTCQuality = Object.freeze({
  TRTCQuality_Unknown: 0,
  TRTCQuality_Excellent: 1,
  TRTCQuality_Good: 2,
  TRTCQuality_Poor: 3,
  TRTCQuality_Bad: 4,
  TRTCQuality_Vbad: 5,
  TRTCQuality_Down: 6,
});

export const TRTCVideoResolutionMode = Object.freeze({
  TRTCVideoResolutionModeLandscape: 0,
  TRTCVideoResolutionModePortrait: 1,
});

export const TRTCVideoQosPreference = Object.freeze({ TRTCVideoQosPreferenceSmooth: 1, TRTCVideoQosPreferenceClear: 2 });
export const TRTCQosControlMode = Object.freeze({ TRTCQosControlModeClient: 0, TRTCQosControlModeServer: 1 });
export const TRTCBeautyStyle = Object.freeze({ TRTCBeautyStyleSmooth: 0, TRTCBeautyStyleNature: 1 });

export const TRTCScreenCaptureSourceType = Object.freeze({
  TRTCScreenCaptureSourceTypeUnknown: -1,
  TRTCScreenCaptureSourceTypeWindow: 0,
  TRTCScreenCaptureSourceTypeScreen: 1,
  TRTCScreenCaptureSourceTypeCustom: 2,
});

export const TRTCLogLevel = Object.freeze({
  TRTCLogLevelVerbose: 0,
  TRTCLogLevelDebug: 1,
  TRTCLogLevelInfo: 2,
  TRTCLogLevelWarn: 3,
  TRTCLogLevelError: 4,
  TRTCLogLevelFatal: 5,
  TRTCLogLevelNone: 6,
});

/** @type {[number, number, number][]} number, width, height */
const SIZES = [
  [1, 120, 120], [3, 160, 160], [5, 270, 270], [7, 480, 480], [50, 160, 120], [52, 240, 180], [54, 280, 210],
  [56, 320, 240], [58, 400, 300], [60, 480, 360], [62, 640, 480], [64, 960, 720], [100, 160, 90], [102, 256, 144],
  [104, 320, 180], [106, 480, 270], [108, 640, 360], [110, 960, 540], [112, 1280, 720], [114, 1920, 1080],
];

/** @type {Readonly<Record<string, number>>} */
export const TRTCVideoResolution = Object.freeze(
  Object.fromEntries(SIZES.map(([value, width, height]) => [`TRTCVideoResolution_${width}_${height}`, value])),
);

/**
 * @param {number} resolution a TRTCVideoResolution
 * @returns {{width: number, height: number} | null}
 */
export function sizeOf(resolution) {
  const found = SIZES.find(([value]) => value === resolution);
  return found ? { width: found[1], height: found[2] } : null;
}
