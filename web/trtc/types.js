/** Parameter classes of trtc-cloud-js-sdk: plain holders that applications make with `new`. */

import { TRTCRoleType, TRTCScreenCaptureSourceType, TRTCVideoFillMode, TRTCVideoMirrorType, TRTCVideoResolution, TRTCVideoResolutionMode, TRTCVideoRotation } from './constants.js';

export class TRTCDeviceInfo {
  constructor(deviceId = '', deviceName = '', kind = '', groupId = '') {
    this.deviceId = deviceId;
    this.deviceName = deviceName;
    this.kind = kind;
    this.label = deviceName;
    this.groupId = groupId;
  }
}

export class TRTCParams {
  constructor(sdkAppId = 0, userId = '', userSig = '', roomId = 0, strRoomId = '', role = TRTCRoleType.TRTCRoleAnchor, privateMapKey = null) {
    this.sdkAppId = sdkAppId;
    this.userId = userId;
    this.userSig = userSig;
    this.roomId = roomId;
    this.strRoomId = strRoomId;
    this.role = role;
    this.privateMapKey = privateMapKey;
  }
}

export class TRTCVideoEncParam {
  constructor(
    videoResolution = TRTCVideoResolution.TRTCVideoResolution_640_360,
    resMode = TRTCVideoResolutionMode.TRTCVideoResolutionModeLandscape,
    videoFps = 15,
    videoBitrate = 550,
  ) {
    this.videoResolution = videoResolution;
    this.resMode = resMode;
    /** frames per second */
    this.videoFps = videoFps;
    /** kbit/s */
    this.videoBitrate = videoBitrate;
  }
}

export class TRTCRenderParams {
  constructor(
    rotation = TRTCVideoRotation.TRTCVideoRotation0,
    fillMode = TRTCVideoFillMode.TRTCVideoFillMode_Fit,
    mirrorType = TRTCVideoMirrorType.TRTCVideoMirrorType_Auto,
  ) {
    this.rotation = rotation;
    this.fillMode = fillMode;
    this.mirrorType = mirrorType;
  }
}

export class TRTCVolumeInfo {
  constructor(userId = '', volume = 0) {
    this.userId = userId;
    /** 0 to 100 */
    this.volume = volume;
  }
}

export class TRTCQualityInfo {
  constructor(userId = '', quality = 0) {
    this.userId = userId;
    /** a TRTCQuality */
    this.quality = quality;
  }
}

export class TRTCScreenCaptureSourceInfo {
  constructor(type = TRTCScreenCaptureSourceType.TRTCScreenCaptureSourceTypeUnknown, sourceId = '', sourceName = '') {
    this.type = type;
    this.sourceId = sourceId;
    this.sourceName = sourceName;
  }
}

export class Rect {
  constructor(left = 0, top = 0, right = 0, bottom = 0) {
    this.left = left;
    this.top = top;
    this.right = right;
    this.bottom = bottom;
  }
}

/** Never told here (`onStatistics`): for applications that name the class. */
export class TRTCStatistics {
  constructor(upLoss = 0, downLoss = 0, appCpu = 0, systemCpu = 0, rtt = 0, receivedBytes = 0, sentBytes = 0) {
    Object.assign(this, { upLoss, downLoss, appCpu, systemCpu, rtt, receivedBytes, sentBytes });
    this.localStatisticsArray = [];
    this.remoteStatisticsArray = [];
  }
}
