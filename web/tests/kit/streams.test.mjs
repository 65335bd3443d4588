// The addresses that mini-programs are given, used as live-pusher and live-player use them: by a real RTMP client.
import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { Device } from './support/device.mjs';
import { run, sources } from './support/modules.mjs';
import { makeWx } from './support/wx.mjs';
import { APP, KEY, startServer, until, userSig } from './support/world.mjs';

const { Api } = createRequire(import.meta.url)('tls-sig-api-v2');
const WITHIN_MS = 60_000;
const PUSH = '-v error -re -f lavfi -i testsrc2=s=320x240:r=15 -re -f lavfi -i sine=r=48000 -c:v libx264 -preset ultrafast -tune zerolatency'
  + ' -g 15 -pix_fmt yuv420p -c:a aac -f flv';

const pushers = new Set();

function ffmpeg(...args) {
  const child = spawn('ffmpeg', ['-nostdin', ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: WITHIN_MS });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said += text; });
  const ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
  return { child, ended };
}

function push(url) {
  const pusher = ffmpeg(...PUSH.split(' '), url);
  pushers.add(pusher);
}

/** Decodes the first pictures, and sound with them. */
async function plays(url) {
  const { code, said } = await ffmpeg('-v', 'error', '-xerror', '-i', url, '-map', '0:v', '-map', '0:a', '-frames:v', '15', '-f', 'framecrc', '-').ended;
  assert.equal(code, 0, said);
  const tracks = said.split('\n').filter((line) => /^\d, /.test(line)).map((line) => line[0]);
  assert.ok(tracks.filter((track) => track === '0').length >= 15 && tracks.includes('1'), said);
}

async function end(server) {
  for (const { child, ended } of pushers) {
    child.kill();
    await ended;
  }
  pushers.clear();
  await Device.endAll();
  await server?.stop();
}

describe('a call of the engine', () => {
  let server;
  before(async () => { server = await startServer(); });
  after(() => end(server));

  it('pushes to the pusher\'s address and plays the players\'', async () => {
    const [amy, ben] = [await Device.of(server, APP, 'amy'), await Device.of(server, APP, 'ben')];
    await amy.engine.call({ userID: 'ben', type: 2 });
    await ben.sees('INVITED');
    await ben.engine.accept();
    const player = (device, user) => device.updates.at(-1)?.playerList.find(({ userID, hasVideo }) => userID === user && hasVideo);
    for (const [one, other] of [[amy, ben], [ben, amy]]) {
      await until(() => player(one, other.user), `${one.name} has a player of ${other.name}`);
      push(one.updates.at(-1).pusher.url);
    }
    await Promise.all([plays(player(amy, 'ben').src), plays(player(ben, 'amy').src)]);
    const pushing = [...pushers].map(({ ended }) => ended);
    await amy.engine.hangup();
    await ben.sees('CALL_END');
    for (const { code } of await Promise.all(pushing)) assert.notEqual(code, 0, 'who is out of the room does not push on');
  });
});

describe('rooms that are entered with a key', () => {
  let server;
  before(async () => { server = await startServer({ CARILLON_ROOMS_REQUIRE_PRIVATE_MAP_KEY: 'true' }); });
  after(() => end(server));

  /** A page's media module alone, in the room of this name. */
  async function enters(user, key) {
    const { wx } = makeWx({ log: () => {} });
    wx.$carillon = { gateway: server.gateway, rtmp: server.rtmp };
    const TRTC = run((await sources()).trtc, { wx });
    const trtc = new TRTC({});
    const told = [];
    for (const event of Object.values(trtc.EVENT)) trtc.on(event, ({ eventCode, data }) => told.push([eventCode, data]));
    trtc.createPusher({});
    const privateMapKey = key ? new Api(APP, KEY).genPrivateMapKeyWithStringRoomID(user, 600, 'a lobby', 255) : '';
    const { url } = trtc.enterRoom({ sdkAppID: APP, userID: user, userSig: userSig(user), strRoomID: 'a lobby', privateMapKey, enableMic: true, enableCamera: true });
    return { url, told, of: (name) => until(() => told.find(([event]) => event === name)?.[1] ?? told.find(([event]) => event === name), `${user} is told ${name}`), exit: () => trtc.exitRoom() };
  }

  it('open to its bearer, whose addresses carry it', async () => {
    const amy = await enters('amy', true);
    await amy.of('LOCAL_JOIN');
    const ben = await enters('ben', true);
    const { player } = await ben.of('REMOTE_VIDEO_ADD');
    push(amy.url);
    await plays(player.src);
    amy.exit();
    await ben.of('REMOTE_USER_LEAVE');
    ben.exit();
  });

  it('say why they stay closed without one', async () => {
    const cat = await enters('cat', false);
    assert.equal((await cat.of('ERROR')).code, -100018);
    cat.exit();
  });
});
