import test, { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import TRTCCloud, { TRTCRoleType, TRTCVideoResolution } from '../../trtc/index.js';
import { Emitter } from '../../core/emitter.js';
import { CarillonError } from '../../core/errors.js';

const PARAMS = { sdkAppId: 1, userId: 'amy', userSig: 'sig', roomId: 7 };

/** The page's session: keeps what is asked, says what the test wants. */
class Gateway extends Emitter {
  app = 1;
  user = 'amy';
  state = 'online';
  asked = [];
  others = [];
  refusal = null;
  async request(verb, body) {
    this.asked.push({ verb, body });
    if (verb === 'room.enter' && this.refusal) throw this.refusal;
    if (verb === 'room.enter') return { room: body.room, participants: this.others, may: [] };
    if (verb === 'room.offer') return { sdp: 'answer' };
    return {};
  }
  states() {
    return Object.assign({}, ...this.asked.filter(({ verb }) => verb === 'room.state').map(({ body }) => body.tracks));
  }
  of(verb) {
    return this.asked.filter((one) => one.verb === verb).map(({ body }) => body);
  }
}

class Track extends Emitter {
  readyState = 'live';
  stopped = false;
  constructor(kind, settings) { super(); this.kind = kind; this.settings = settings; }
  getSettings() { return this.settings; }
  async applyConstraints(c) { this.constraints = c; }
  stop() { this.stopped = true; }
}

class MediaDevices extends EventTarget {
  opened = [];
  plugged = [
    { kind: 'videoinput', deviceId: 'c1', label: 'Front' }, { kind: 'videoinput', deviceId: 'c2', label: 'Rear' },
    { kind: 'audioinput', deviceId: 'm1', label: 'Mic' }, { kind: 'audiooutput', deviceId: 's1', label: 'Speaker' },
  ];
  denied = false;
  async getUserMedia(constraints) {
    if (this.denied) throw Object.assign(new Error('no'), { name: 'NotAllowedError' });
    const kind = constraints.audio ? 'audio' : 'video';
    const asked = (constraints.audio ?? constraints.video).deviceId?.exact;
    const track = new Track(kind, { deviceId: asked ?? (kind === 'audio' ? 'm1' : 'c1') });
    this.opened.push({ constraints, track });
    return { getTracks: () => [track] };
  }
  async enumerateDevices() { return this.plugged; }
}

/** Negotiates with nobody; keeps which tracks are fed into it. */
class PeerConnection {
  static all = [];
  transceivers = [];
  connectionState = 'new';
  constructor() { PeerConnection.all.push(this); }
  addTransceiver(kind, { direction }) {
    const sender = { track: null, parameters: { encodings: [{}] }, replaceTrack: async (t) => { sender.track = t; }, getParameters: () => sender.parameters, setParameters: async (p) => { sender.parameters = p; } };
    const t = { kind, direction, currentDirection: null, mid: null, sender, receiver: { track: { kind } } };
    this.transceivers.push(t);
    return t;
  }
  async createOffer() { return { sdp: 'offer' }; }
  async setLocalDescription() { this.localDescription = { sdp: 'offer' }; this.transceivers.forEach((t, i) => { t.mid = String(i); }); }
  async setRemoteDescription() { this.remoteDescription = {}; for (const t of this.transceivers) t.currentDirection = t.direction; }
  close() { this.connectionState = 'closed'; }
}

/** A connection that is watched keeps its timers: each test ends what it began. */
let clouds = [];
afterEach(async () => {
  await Promise.all(clouds.splice(0).map((cloud) => cloud.destroy()));
});

async function setUp() {
  const gateway = new Gateway();
  globalThis.$carillon = { settings: {}, clients: new Map([['1/amy', gateway]]) };
  PeerConnection.all = [];
  const mediaDevices = new MediaDevices();
  const cloud = new TRTCCloud({ mediaDevices, RTCPeerConnection: PeerConnection });
  clouds.push(cloud);
  const told = [];
  const names = ['onEnterRoom', 'onExitRoom', 'onRemoteUserEnterRoom', 'onRemoteUserLeaveRoom', 'onUserVideoAvailable', 'onUserAudioAvailable',
    'onUserVoiceVolume', 'onNetworkQuality', 'onDeviceChange', 'onError'];
  for (const name of names) cloud.on(name, (...args) => told.push([name, ...args]));
  const take = () => told.splice(0);
  return { gateway, mediaDevices, cloud, take };
}

const tracks = (camera, microphone) => ({ camera: { state: camera, live: true }, microphone: { state: microphone, live: true } });
const ben = { user: 'ben', nick: '', avatar: '', tracks: tracks('on', 'muted') };

test('entering uses the page\'s session and tells those who are there after onEnterRoom', async () => {
  const { gateway, cloud, take } = await setUp();
  gateway.others = [ben];
  await cloud.enterRoom(PARAMS);
  const [entered, ...rest] = take();
  assert.equal(entered[0], 'onEnterRoom');
  assert.ok(entered[1] > 0);
  assert.deepEqual(rest, []);
  await wait(5);
  assert.deepEqual(take(), [['onRemoteUserEnterRoom', 'ben'], ['onUserVideoAvailable', 'ben', true]]);
  assert.equal(gateway.of('room.enter')[0].room, 7);
});

test('a text room is entered where the number is 0', async () => {
  const { gateway, cloud } = await setUp();
  await cloud.enterRoom({ ...PARAMS, roomId: 0, strRoomId: 'blue' });
  assert.equal(gateway.of('room.enter')[0].room, 'blue');
});

test('a refused entry tells a negative result and rejects with the code', async () => {
  const { gateway, cloud, take } = await setUp();
  gateway.refusal = new CarillonError(-100018, 'no seat');
  await assert.rejects(cloud.enterRoom(PARAMS), { code: -100018 });
  assert.deepEqual(take(), [['onEnterRoom', -100018]]);
  await assert.rejects(cloud.enterRoom({ ...PARAMS, roomId: 0 }), { code: -3316 });
});

test('caller publishes muted and unmutes without a new negotiation', async () => {
  const { gateway, cloud } = await setUp();
  await cloud.enterRoom(PARAMS);
  await cloud.startLocalPreview(undefined, 'nowhere');
  await cloud.startLocalAudio();
  await cloud.muteLocalVideo(true);
  await cloud.muteLocalAudio(true);
  await wait(5);
  assert.deepEqual(gateway.states(), { microphone: 'muted', camera: 'muted' });
  const [pc] = PeerConnection.all;
  assert.deepEqual(pc.transceivers.map(({ sender }) => sender.track), [null, null]);
  const offers = gateway.of('room.offer').length;
  await cloud.muteLocalVideo(false);
  await cloud.muteLocalAudio(false);
  await wait(5);
  assert.deepEqual(gateway.states(), { microphone: 'on', camera: 'on' });
  assert.deepEqual(pc.transceivers.map(({ sender }) => sender.track?.kind).sort(), ['audio', 'video']);
  assert.equal(gateway.of('room.offer').length, offers);
});

test('what was opened before the room is sent from its first moment', async () => {
  const { gateway, cloud } = await setUp();
  await cloud.startLocalAudio();
  await cloud.enterRoom(PARAMS);
  await wait(5);
  assert.deepEqual(gateway.states(), { microphone: 'on' });
});

test('an offer that is refused is a warning, and not the end of the stay', async () => {
  const { gateway, cloud, take } = await setUp();
  const warnings = [];
  cloud.on('onWarning', (warning) => warnings.push(warning.code));
  const { request } = gateway;
  gateway.request = async (verb, body) => {
    if (verb === 'room.offer') throw new CarillonError(60021, 'later');
    return request.call(gateway, verb, body);
  };
  await cloud.startLocalAudio();
  await cloud.enterRoom(PARAMS);
  await wait(5);
  assert.deepEqual([warnings, take().map(([name]) => name)], [[60021], ['onEnterRoom']]);
});

test('an audience sends nothing until it becomes an anchor', async () => {
  const { gateway, cloud } = await setUp();
  await cloud.startLocalAudio();
  await cloud.enterRoom({ ...PARAMS, role: TRTCRoleType.TRTCRoleAudience });
  await wait(5);
  assert.deepEqual(gateway.states(), {});
  await cloud.switchRole(TRTCRoleType.TRTCRoleAnchor);
  assert.deepEqual(gateway.states(), { microphone: 'on' });
});

test('others coming, changing and going are told once each', async () => {
  const { gateway, cloud, take } = await setUp();
  await cloud.enterRoom(PARAMS);
  await wait(5);
  take();
  gateway.emit('room.entered', { room: 7, participant: ben });
  assert.deepEqual(take(), [['onRemoteUserEnterRoom', 'ben']], 'what a newcomer sends comes after its first track');
  await wait(5);
  gateway.emit('room.tracks', { room: 7, user: 'ben', tracks: tracks('on', 'on') });
  gateway.emit('room.tracks', { room: 7, user: 'ben', tracks: tracks('on', 'on') });
  gateway.emit('room.left', { room: 7, user: 'ben', reason: 'lost' });
  assert.deepEqual(take(), [
    ['onUserVideoAvailable', 'ben', true], ['onUserAudioAvailable', 'ben', true],
    ['onUserVideoAvailable', 'ben', false], ['onUserAudioAvailable', 'ben', false], ['onRemoteUserLeaveRoom', 'ben', 1],
  ]);
});

test('everything of the others is received unless it is refused', async () => {
  const { gateway, cloud } = await setUp();
  gateway.others = [{ ...ben, tracks: tracks('on', 'on') }];
  await cloud.enterRoom(PARAMS);
  await wait(5);
  const names = () => gateway.of('room.offer').at(-1).subscribe.map(({ track }) => track).sort();
  assert.deepEqual(names(), ['camera', 'microphone']);
  await cloud.muteRemoteAudio('ben', true);
  await wait(5);
  assert.deepEqual(names(), ['camera']);
});

test('leaving and being removed are told with their reasons', async () => {
  const { gateway, cloud, take } = await setUp();
  for (const [reason, told] of [['kicked', 1], ['dissolved', 2]]) {
    await cloud.enterRoom(PARAMS);
    take();
    gateway.emit('room.removed', { room: 7, reason });
    assert.deepEqual(take(), [['onExitRoom', told]]);
  }
  await cloud.enterRoom(PARAMS);
  take();
  await cloud.exitRoom();
  assert.deepEqual(take(), [['onExitRoom', 0]]);
  assert.equal(gateway.of('room.leave').length, 1);
});

test('a room left while it is entered is not entered', async () => {
  const { gateway, cloud } = await setUp();
  const entering = cloud.enterRoom(PARAMS);
  await cloud.exitRoom();
  await assert.rejects(entering);
  await wait(5);
  assert.equal(gateway.of('room.state').length, 0);
});

test('volumes come at the asked pace with oneself as the empty user', async () => {
  const { gateway, cloud, take } = await setUp();
  await cloud.enterRoom(PARAMS);
  await wait(5);
  take();
  const body = { room: 7, volumes: [{ user: 'amy', volume: 30 }, { user: 'ben', volume: 5 }], speaker: 'amy' };
  gateway.emit('room.volumes', body);
  assert.deepEqual(take(), []);
  cloud.enableAudioVolumeEvaluation(1000);
  gateway.emit('room.volumes', body);
  gateway.emit('room.volumes', body);
  assert.deepEqual(take().map(([name, list]) => [name, list.map((v) => ({ ...v }))]), [['onUserVoiceVolume', [{ userId: '', volume: 30 }, { userId: 'ben', volume: 5 }]]]);
});

test('quality names oneself first and then the others', async () => {
  const { gateway, cloud, take } = await setUp();
  await cloud.enterRoom(PARAMS);
  await wait(5);
  take();
  gateway.emit('room.quality', { room: 7, users: [{ user: 'ben', uplink: 2, downlink: 5 }, { user: 'amy', uplink: 1, downlink: 3 }] });
  const [[, local, others]] = take();
  assert.deepEqual([{ ...local }, others.map((q) => ({ ...q }))], [{ userId: 'amy', quality: 3 }, [{ userId: 'ben', quality: 2 }]]);
});

test('devices are listed, chosen by id, and named at once', async () => {
  const { mediaDevices, cloud } = await setUp();
  await cloud.startLocalPreview();
  assert.deepEqual({ ...cloud.getCurrentCameraDevice() }, { deviceId: 'c1', deviceName: 'Front', kind: 'videoinput', label: 'Front', groupId: '' });
  await cloud.setCurrentCameraDevice('c2');
  assert.equal(cloud.getCurrentCameraDevice().deviceName, 'Rear');
  assert.deepEqual(mediaDevices.opened.map(({ track }) => track.stopped), [true, false]);
  mediaDevices.plugged = mediaDevices.plugged.filter(({ deviceId }) => deviceId !== 's1');
});

test('plugging and unplugging is told by device', async () => {
  const { mediaDevices, cloud, take } = await setUp();
  await cloud.getMicDevicesList();
  mediaDevices.plugged = [{ kind: 'audioinput', deviceId: 'm2', label: 'Headset' }];
  mediaDevices.dispatchEvent(new Event('devicechange'));
  await wait(5);
  assert.deepEqual(take(), [['onDeviceChange', 'm2', 0, 0], ['onDeviceChange', 'm1', 0, 1]]);
});

test('a denied camera is told with the vendor\'s code', async () => {
  const { mediaDevices, cloud, take } = await setUp();
  mediaDevices.denied = true;
  await assert.rejects(cloud.startLocalPreview(), { code: -1314 });
  assert.deepEqual(take().map(([name, code]) => [name, code]), [['onError', -1314]]);
});

test('the encoder takes the asked size and bit rate, and its own rate for the vendor\'s default', async () => {
  const { mediaDevices, cloud } = await setUp();
  await cloud.startLocalPreview();
  await cloud.setVideoEncoderParam({ videoResolution: TRTCVideoResolution.TRTCVideoResolution_1280_720, videoFps: 15, videoBitrate: 1500 });
  assert.deepEqual(mediaDevices.opened[0].track.constraints, { width: 1280, height: 720, frameRate: 24 });
  await cloud.setVideoEncoderParam({ videoResolution: TRTCVideoResolution.TRTCVideoResolution_640_480, resMode: 1, videoFps: 10 });
  assert.deepEqual(mediaDevices.opened[0].track.constraints, { width: 480, height: 640, frameRate: 10 });
  await assert.rejects(cloud.setVideoEncoderParam({ videoResolution: 999 }), { code: -3316 });
});

/** What the two generations of web engines call, and hook. */
const CALLED = `
  enterRoom exitRoom startLocalAudio stopLocalAudio muteLocalAudio startLocalPreview stopLocalPreview muteLocalVideo startRemoteView
  stopRemoteView setRemoteRenderParams setLocalRenderParams setVideoEncoderParam enableAudioVolumeEvaluation switchCamera
  getCameraDevicesList getMicDevicesList getSpeakerDevicesList getCurrentCameraDevice getCurrentMicDevice getCurrentSpeakerDevice
  setCurrentCameraDevice setCurrentMicDevice setCurrentSpeakerDevice callExperimentalAPI useVirtualBackground on off
  createSubCloud removeAllListeners getSDKVersion switchRole updateLocalView updateRemoteView setVideoEncoderMirror
`.trim().split(/\s+/);

test('everything that the call engines call is there', async () => {
  const { cloud } = await setUp();
  for (const name of CALLED) assert.equal(typeof cloud[name], 'function', name);
  assert.equal(TRTCCloud.getTRTCShareInstance({ frameWorkType: 30 }), TRTCCloud.getTRTCShareInstance());
  TRTCCloud.destroyTRTCShareInstance();
  TRTCCloud.setLogLevel(1);
});

test('what a media server cannot do is refused by name', async () => {
  const { cloud } = await setUp();
  await assert.rejects(cloud.useVirtualBackground(), { code: -1205 });
  await assert.rejects(cloud.callExperimentalAPI('{"api":"enableVirtualBackground","params":{"enable":true}}'), { code: -1205 });
  await cloud.callExperimentalAPI('{"api":"setFramework","params":{}}');
  assert.equal(typeof cloud.getSDKVersion(), 'string');
  for (const name of ['setBeautyStyle', 'setVirtualBackground', 'setAudioCaptureVolume', 'startScreenCapture', 'startMicDeviceTest']) {
    await assert.rejects(cloud[name](), { code: -1205 }, name);
  }
});

test('listeners of one event go without those of the others', async () => {
  const { cloud } = await setUp();
  const heard = [];
  for (const name of ['onWarning', 'onStatistics']) cloud.on(name, (value) => heard.push([name, value]));
  cloud.removeAllListeners('onWarning');
  cloud.emit('onWarning', 1);
  cloud.emit('onStatistics', 2);
  cloud.off('*');
  cloud.emit('onStatistics', 3);
  assert.deepEqual(heard, [['onStatistics', 2]]);
});
