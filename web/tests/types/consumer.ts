// What an application in TypeScript writes against the built files; it is checked, not run.
import TencentCloudChat, { EVENT, TSignaling } from '../../dist/chat.mjs';
import TIM from '../../dist/tim-wx-sdk.mjs';
import TRTCCloud, { TRTCVideoResolution } from '../../dist/trtc-cloud-js-sdk.mjs';
import TRTC from '../../dist/trtc-wx.js';

const chat = TencentCloudChat.create({ SDKAppID: 1 });
chat.on(EVENT.SDK_READY, ({ name }) => name.length);
chat.addSignalingListener(TSignaling.INVITEE_ACCEPTED, ({ data }) => data);
export const invited: Promise<{ inviteID: string }> = chat.invite({ userID: 'ben', data: '', timeout: 30 });

const tim = TIM.create({ SDKAppID: 1 });
TIM.configure({ gateway: 'wss://call.example.com/ws' });
export const sent = tim.sendMessage(tim.createTextMessage({ to: 'ben', conversationType: TIM.TYPES.CONV_C2C, payload: { text: 'hi' } }));
// @ts-expect-error a conversation is named
tim.getMessageList({});

const cloud = TRTCCloud.getTRTCShareInstance();
export const size: number | undefined = TRTCVideoResolution.TRTCVideoResolution_640_480;
export const entered: Promise<void> = cloud.enterRoom({ sdkAppId: 1, userId: 'amy', userSig: 'sig', roomId: 7 });
// @ts-expect-error a volume is a number
cloud.setRemoteAudioVolume('ben', 'loud');

export const address: string = new TRTC({}).enterRoom({ sdkAppID: 1, userID: 'amy', userSig: 'sig', roomID: 7 }).url;
