// One measured call: publisher page → proxy → server → proxy → player page.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { launchChromium } from '../browser/support/browser.mjs';
import { Server } from '../browser/support/server.mjs';
import { judgePicture } from './judge.mjs';
import { Proxy, throughProxy } from './proxy.mjs';

const run = promisify(execFile);
const DELAY_MS = 20;
const PAGE = join(import.meta.dirname, 'page.js');
const CAMERA = { size: { width: 640, height: 360, fps: 30 }, maxBitrate: 800_000 };
const JOIN_WITHIN_MS = 20_000;

/**
 * @typedef {{media?: import('./proxy.mjs').Profile, feedback?: import('./proxy.mjs').Profile}} Leg
 * @typedef {{uplink?: Leg, downlink?: Leg, camera?: {size: {width: number, height: number, fps: number}, maxBitrate: number}}} Weather
 */

/**
 * @param {Weather} weather
 * @param {{seed: number, settleMs?: number, measureMs?: number, speech: Buffer, ear: import('./judge.mjs').Ear}} how
 */
export async function measure(weather, { seed, settleMs = 10_000, measureMs = 30_000, speech, ear }) {
  const server = await Server.start();
  const proxy = new Proxy();
  const browsers = await Promise.all([launchChromium(), launchChromium()]);
  try {
    const call = new Call(server, proxy, browsers, speech, seed);
    const clear = { uplink: {}, downlink: {} };
    await call.publish(clear.uplink, weather.camera ?? CAMERA);
    const player = await call.play('player', clear.downlink);
    await player.waitForFunction(() => globalThis.__seen.frames.length > 20, null, { timeout: 60_000 });
    await proxy.set('publisher', call.uplink(weather.uplink));
    await proxy.set('player', call.downlink(weather.downlink));
    await sleep(settleMs);
    const before = await call.look(player);
    await player.evaluate(() => globalThis.takeRecording());
    const from = Date.now();
    await sleep(measureMs);
    const to = Date.now();
    const recording = await player.evaluate(() => globalThis.takeRecording());
    const after = await call.look(player);
    const join = await call.joinNow(weather.downlink);
    const sound = Buffer.from(recording.sound, 'base64');
    return {
      ...judgePicture(recording.frames, from, to),
      stoi: ear.judge(new Int16Array(sound.buffer, sound.byteOffset, sound.length >> 1)),
      ...call.figures(before, after, (to - from) / 1000),
      joinMs: join.firstFrame,
      joinConnectedMs: join.connected,
    };
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
    await proxy.stop();
    await server.stop();
  }
}

class Call {
  constructor(server, proxy, browsers, speech, seed) {
    Object.assign(this, { server, proxy, browsers, speech, seed });
    this.media = `127.0.0.1:${server.env.CARILLON_LISTEN_UDP_PORT}`;
  }

  uplink(leg = {}) {
    return { up: { delay_ms: DELAY_MS, ...leg.media }, down: { delay_ms: DELAY_MS, ...leg.feedback } };
  }

  downlink(leg = {}) {
    return { up: { delay_ms: DELAY_MS, ...leg.feedback }, down: { delay_ms: DELAY_MS, ...leg.media } };
  }

  async page(browser) {
    const page = await (await browser.newContext()).newPage();
    page.on('pageerror', (error) => console.error(`page: ${error}`));
    await page.route('**/speech.wav', (route) => route.fulfill({ body: this.speech, contentType: 'audio/wav' }));
    await page.route('**/blank', (route) => route.fulfill({ body: '<!doctype html><title>weather</title>', contentType: 'text/html' }));
    await page.goto(`${this.server.origin}/blank`);
    await page.addScriptTag({ content: `globalThis.throughProxy = ${throughProxy};\n${await readFile(PAGE, 'utf8')}` });
    await page.evaluate(() => {
      const Real = RTCPeerConnection;
      globalThis.__peerConnections = [];
      globalThis.RTCPeerConnection = class extends Real {
        constructor(...args) { super(...args); globalThis.__peerConnections.push(this); }
      };
    });
    return page;
  }

  async sig(user) {
    const env = { ...process.env, ...this.server.env };
    return (await run(String(process.env.CARILLON_BIN), ['user-sig', '--user', user], { env })).stdout.trim();
  }

  async publish(leg, camera) {
    const proxy = await this.proxy.open('publisher', this.media, this.uplink(leg), this.seed);
    this.publisher = await this.page(this.browsers[0]);
    const url = `${this.server.origin}/whip/1400000000/str:weather/publisher`;
    await this.publisher.evaluate((where) => globalThis.publishWeather(where), {
      url, sig: await this.sig('publisher'), proxy, speechUrl: '/speech.wav', ...camera,
    });
  }

  async play(name, leg) {
    const proxy = await this.proxy.open(name, this.media, this.downlink(leg), this.seed + 1000);
    const page = await this.page(this.browsers[1]);
    const url = `${this.server.origin}/whep/1400000000/str:weather/${name}`;
    await page.evaluate((where) => globalThis.playWeather(where), { url, sig: await this.sig(name), proxy });
    return page;
  }

  /** A second player who comes in this weather. */
  async joinNow(leg) {
    const page = await this.play('joiner', leg);
    const seen = () => page.evaluate(() => globalThis.joinTimes());
    await page.waitForFunction(() => globalThis.__seen.frames.length > 0, null, { timeout: JOIN_WITHIN_MS }).catch(() => {});
    return seen();
  }

  async look(player) {
    const [out, into, uplink, downlink] = await Promise.all([
      this.publisher.evaluate(sums, 'outbound-rtp'),
      player.evaluate(sums, 'inbound-rtp'),
      this.proxy.counters('publisher'),
      this.proxy.counters('player'),
    ]);
    return { out, into, uplink: uplink.up, downlink: downlink.down };
  }

  figures(before, after, seconds) {
    const kbps = (of) => ((of(after) - of(before)) * 8) / 1000 / seconds;
    const once = kbps((l) => l.out.bytes - l.out.repeated);
    return {
      videoKbps: kbps((l) => l.out.video - l.out.repeated),
      uplinkKbps: kbps((l) => l.uplink.bytes),
      downlinkKbps: kbps((l) => l.downlink.bytes),
      uplinkTimes: kbps((l) => l.uplink.bytes) / once,
      downlinkTimes: kbps((l) => l.downlink.bytes) / once,
      concealed: (100 * (after.into.concealed - before.into.concealed)) / Math.max(1, after.into.samples - before.into.samples),
      nacks: after.into.nacks - before.into.nacks,
      plis: after.into.plis - before.into.plis,
      target: after.out.target,
    };
  }
}

/** Runs in the page: sums over the streams of one kind. */
async function sums(type) {
  const sum = { bytes: 0, video: 0, repeated: 0, target: 0, samples: 0, concealed: 0, nacks: 0, plis: 0 };
  for (const s of (await globalThis.__peerConnections[0].getStats()).values()) {
    if (s.type !== type) continue;
    const bytes = (s.bytesSent ?? 0) + (s.headerBytesSent ?? 0);
    sum.bytes += bytes;
    sum.repeated += s.retransmittedBytesSent ?? 0;
    sum.nacks += s.nackCount ?? 0;
    sum.plis += s.pliCount ?? 0;
    if (s.kind === 'video') {
      sum.video += bytes;
      sum.target = s.targetBitrate ?? 0;
    } else {
      sum.samples += s.totalSamplesReceived ?? 0;
      sum.concealed += s.concealedSamples ?? 0;
    }
  }
  return sum;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
