// A call of browsers that somebody watches by RTMP.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { keepPeerConnections, launchChromium, receivedMedia, smallCamera } from './support/browser.mjs';
import { endInOrder } from './support/ends.mjs';
import { Server } from './support/server.mjs';
import { until } from './support/user.mjs';

const run = promisify(execFile);
const ROOM = 77;

/** Runs in the page: enters the room and publishes the fake camera. */
async function enter({ app, user, userSig, room }) {
  const { GatewayClient, RoomClient } = await import('/sdk/core/index.js');
  const gateway = new GatewayClient({ app, url: `${location.origin.replace('http', 'ws')}/ws` });
  await gateway.signIn({ user, userSig });
  const client = new RoomClient(gateway);
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  client.publish('camera', { track: media.getVideoTracks()[0] });
  client.publish('microphone', { track: media.getAudioTracks()[0] });
  client.setStates({ camera: 'on', microphone: 'on' });
  client.on('media', ({ mediaTrack }) => {
    if (!mediaTrack) return;
    const element = Object.assign(document.createElement(mediaTrack.kind), { autoplay: true });
    element.srcObject = new MediaStream([mediaTrack]);
    document.body.append(element);
  });
  await client.enter(room);
}

/** Runs in the page: the codec in which pictures are sent. */
async function sends() {
  for (const pc of globalThis.__peerConnections.filter((p) => p.connectionState !== 'closed')) {
    const stats = await pc.getStats();
    for (const s of stats.values()) if (s.type === 'outbound-rtp' && s.kind === 'video') return stats.get(s.codecId)?.mimeType;
  }
  return undefined;
}

describe('a call that somebody watches by RTMP', () => {
  /** @type {Server} */ let server;
  /** @type {import('playwright-core').Browser} */ let browser;
  before(async () => {
    server = await Server.start();
    browser = await launchChromium();
  });
  after(() => endInOrder(['the browser', () => browser?.close()], ['the server', () => server?.stop()]));

  async function carillon(...args) {
    const { stdout } = await run(/** @type {string} */ (process.env.CARILLON_BIN), args, { env: { ...process.env, ...server.env } });
    return stdout.trim();
  }

  async function person(user) {
    const context = await browser.newContext();
    for (const script of [keepPeerConnections, smallCamera]) await context.addInitScript(script);
    const page = await context.newPage();
    await page.goto(server.origin);
    await page.evaluate(enter, { app: 1_400_000_000, user, userSig: await carillon('user-sig', '--user', user), room: ROOM });
    return page;
  }

  async function seesPictures(page, more = 20) {
    const { framesDecoded } = await page.evaluate(receivedMedia);
    await until(async () => (await page.evaluate(receivedMedia)).framesDecoded >= framesDecoded + more, 'no more pictures');
  }

  it('goes_on_in_h264_when_the_first_rtmp_player_comes', async () => {
    const [amy, ben] = [await person('amy'), await person('ben')];
    await Promise.all([seesPictures(amy), seesPictures(ben)]);
    assert.equal(await amy.evaluate(sends), 'video/VP8');
    const url = await carillon('url', '--room', String(ROOM), '--user', 'phone', '--as', 'rtmp-play', '--from', 'amy');
    const args = ['-v', 'error', '-i', url, '-map', '0:v', '-frames:v', '60', '-f', 'framemd5', '-'];
    const player = spawn('ffmpeg', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const played = { out: '', errors: '' };
    player.stdout.on('data', (text) => { played.out += text; });
    player.stderr.on('data', (text) => { played.errors += text; });
    const ended = new Promise((resolve) => player.once('exit', resolve));
    await until(async () => (await amy.evaluate(sends)) === 'video/H264', 'amy never sent H.264');
    await Promise.all([seesPictures(amy, 60), seesPictures(ben, 60)]);
    assert.equal(await ended, 0, played.errors);
    const frames = played.out.split('\n').filter((line) => line.startsWith('0,'));
    assert.equal(frames.length, 60);
    assert.ok(new Set(frames.map((line) => line.split(',').at(-1))).size > 30, 'the picture moves');
  });
});
