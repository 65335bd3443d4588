// The whole kit of 2022 (npm @tencentcloud/call-uikit-wechat 1.1.2): its component's own methods, its engine and its
// signalling, only lib/tim-wx-sdk.js and lib/trtc-wx.js replaced; also against the engine of npm.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Device } from './support/device.mjs';
import { Kit } from './support/kit2022.mjs';
import { APP, startServer, until } from './support/world.mjs';

let server;
let app = APP;
before(async () => { server = await startServer({ CARILLON_CALL_GRACE_MS: '1000' }); });
after(async () => { await server?.stop(); });

/** @param {string} name @param {(sign: (...users: string[]) => Promise<Kit[]>) => Promise<void>} play */
function kitTest(name, play) {
  test(name, async () => {
    app += 1;
    try {
      await play(async (...users) => {
        const kits = [];
        for (const user of users) kits.push(await Kit.of(server, app, user));
        return kits;
      });
    } finally {
      await Device.endAll();
    }
  });
}

kitTest('a video call of two, from ring to end', async (sign) => {
  const [amy, ben] = await sign('amy', 'ben');
  await amy.component.setSelfInfo('Amy', 'https://example.com/amy.png');
  await amy.component.call({ userID: 'ben', type: 2 });
  assert.deepEqual([amy.data.callStatus, amy.data.isSponsor], ['calling', true]);
  await ben.shows('calling');
  await until(() => ben.data.remoteUsers[0]?.nick === 'Amy', 'the caller has a name');
  assert.equal(ben.data.remoteUsers[0].avatar, 'https://example.com/amy.png');
  ben.taps('accept');
  await Promise.all([amy.shows('connected'), ben.shows('connected')]);
  await Promise.all([amy.showsPlayersOf('ben'), ben.showsPlayersOf('amy')]);
  assert.match(amy.data.pusher.url, /^rtmp:\/\/127\.0\.0\.1:1935\/live\/\d+\/\d+\/amy\?user=amy&token=/);
  assert.match(ben.data.playerList[0].src, /\/amy\?user=ben&token=/);
  await until(() => ben.data.pusher.chatTime, 'the clock runs');
  ben.taps('hangup');
  await Promise.all([amy.shows('idle'), ben.shows('idle')]);
  await amy.toast('通话结束');
  assert.ok(amy.sent.some(({ name }) => name === 'sendMessage'));
});

kitTest('reject, cancel, no answer and busy say what they are', async (sign) => {
  const [amy, ben, cat] = await sign('amy', 'ben', 'cat');
  await amy.component.call({ userID: 'ben', type: 1 });
  await ben.shows('calling');
  ben.taps('reject');
  await Promise.all([amy.shows('idle'), ben.shows('idle')]);
  await amy.toast('ben已拒绝');
  await amy.component.call({ userID: 'ben', type: 1 });
  await ben.shows('calling');
  amy.taps('hangup');
  await ben.shows('idle');
  await ben.toast('amy取消通话');
  await amy.shows('idle');
  await amy.component.call({ userID: 'ben', type: 1 });
  await ben.shows('calling');
  await cat.component.call({ userID: 'ben', type: 1 });
  await cat.toast('ben忙线中');
  await cat.shows('idle');
  await Promise.all([amy.shows('idle'), ben.shows('idle')]);
  await amy.toast('ben无应答');
});

kitTest('a video call becomes an audio call, on both sides', async (sign) => {
  const [amy, ben] = await sign('amy', 'ben');
  await amy.component.call({ userID: 'ben', type: 2 });
  await ben.shows('calling');
  ben.taps('accept');
  await Promise.all([amy.showsPlayersOf('ben'), ben.showsPlayersOf('amy')]);
  ben.taps('switchAudioCall');
  await until(() => amy.data.config.type === 1 && ben.data.config.type === 1, 'both are in an audio call');
  await until(() => amy.data.playerList?.[0]?.hasVideo === false, 'the picture is gone');
  amy.taps('hangup');
  await ben.shows('idle');
});

kitTest('muting and the camera are seen by the other side', async (sign) => {
  const [amy, ben] = await sign('amy', 'ben');
  await amy.component.call({ userID: 'ben', type: 2 });
  await ben.shows('calling');
  ben.taps('accept');
  await amy.showsPlayersOf('ben');
  ben.taps('pusherVideoHandler');
  await until(() => amy.data.playerList?.[0]?.hasVideo === false, 'no picture');
  ben.taps('pusherAudioHandler');
  await until(() => amy.data.playerList?.[0]?.hasAudio === false, 'no sound');
  ben.taps('pusherVideoHandler');
  ben.taps('pusherAudioHandler');
  await amy.showsPlayersOf('ben');
  ben.taps('hangup');
  await amy.shows('idle');
});

kitTest('a group call of three, one of them leaves', async (sign) => {
  const [amy, ben, cat] = await sign('amy', 'ben', 'cat');
  const { data: { group } } = await amy.tim.createGroup({ type: 'ChatRoom', name: 'team', memberList: [{ userID: 'ben' }, { userID: 'cat' }] });
  await amy.component.groupCall({ userIDList: ['ben', 'cat'], type: 2, groupID: group.groupID });
  await Promise.all([ben.shows('calling'), cat.shows('calling')]);
  assert.equal(ben.data.isGroup, true);
  await until(() => ben.data.allUsers.length === 3 && amy.data.allUsers.length === 3, 'all users are listed');
  ben.taps('accept');
  await Promise.all([amy.showsPlayersOf('ben'), ben.showsPlayersOf('amy')]);
  cat.taps('accept');
  await Promise.all([amy.showsPlayersOf('ben', 'cat'), ben.showsPlayersOf('amy', 'cat'), cat.showsPlayersOf('amy', 'ben')]);
  cat.taps('hangup');
  await cat.shows('idle');
  await Promise.all([amy.showsPlayersOf('ben'), ben.showsPlayersOf('amy')]);
  amy.taps('hangup');
  await Promise.all([amy.shows('idle'), ben.shows('idle')]);
});

kitTest('it calls the engine of npm, and is called by it', async (sign) => {
  const [amy] = await sign('amy');
  const dan = await Device.of(server, app, 'dan');
  await amy.component.call({ userID: 'dan', type: 2 });
  await dan.sees('INVITED');
  await dan.engine.accept();
  await amy.showsPlayersOf('dan');
  await dan.engine.hangup();
  await amy.shows('idle');
  await dan.engine.call({ userID: 'amy', type: 1 });
  await amy.shows('calling');
  amy.taps('accept');
  await dan.sees('USER_ENTER', 2);
  amy.taps('hangup');
  await dan.sees('CALL_END', 2);
});

kitTest('destroyed, it is not called any more; a new one is', async (sign) => {
  const [amy, ben] = await sign('amy', 'ben');
  ben.component.destroyed();
  await ben.ownTim.logout();
  const [again] = await sign('ben');
  await amy.component.call({ userID: 'ben', type: 1 });
  await again.shows('calling');
  assert.equal(ben.data.callStatus, 'idle');
  amy.taps('hangup');
  await again.shows('idle');
});
