// A phone (ffmpeg) and two browsers in one room: everybody sees and hears everybody, told by time codes and beeps.
// CARILLON_FIGURES=1 holds what an idle machine must reach; without it the bounds are those of a machine that does other
// things, and the figures are printed all the same.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { keepPeerConnections, launchChromium } from '../browser/support/browser.mjs';
import { Server } from '../browser/support/server.mjs';
import { until } from '../browser/support/user.mjs';
import { endAll, Player, Pusher } from './support/phone.mjs';
import { afterSecond, median } from './support/timecode.mjs';

const run = promisify(execFile);
const APP = 1400000000;
const STRICT = Boolean(process.env.CARILLON_FIGURES);
/** Milliseconds. */
const BOUNDS = STRICT ? { skew: 60, toPage: 250, toPlayer: 350, back: 2_000 } : { skew: 150, toPage: 1_500, toPlayer: 1_500, back: 10_000 };
const WATCHED_MS = STRICT ? 15_000 : 6_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a call of a phone and two browsers', { timeout: 600_000 }, () => {
  /** @type {Server} */ let server;
  /** @type {import('playwright-core').Browser} */ let browser;
  before(async () => {
    server = await Server.start();
    browser = await launchChromium();
  });
  after(async () => {
    endAll();
    await browser?.close();
    await server?.stop();
  });

  const carillon = async (...args) =>
    (await run(process.env.CARILLON_BIN, args, { env: { ...process.env, ...server.env } })).stdout.trim();
  const pushUrl = (room, user) => carillon('url', '--room', room, '--user', user, '--as', 'rtmp-publish');
  const playUrl = (room, user, from) => carillon('url', '--room', room, '--user', user, '--as', 'rtmp-play', '--from', from);

  async function enter(room, user) {
    // The page's policy keeps scripts of others out; these are the test's.
    const context = await browser.newContext({ bypassCSP: true });
    await context.addInitScript(keepPeerConnections);
    const page = await context.newPage();
    page.on('pageerror', (error) => console.log(user, String(error)));
    await page.goto(server.origin);
    const script = await readFile(new URL('./support/page.js', import.meta.url), 'utf8');
    await page.addScriptTag({ type: 'module', content: script });
    await page.waitForFunction(() => globalThis.enterCall);
    const userSig = await carillon('user-sig', '--user', user);
    await page.evaluate((whom) => globalThis.enterCall(whom), { app: APP, user, userSig, room: Number(room) });
    return page;
  }

  /** Ages of pictures and lateness of beeps that a page has of a user, from now on until there are enough. */
  async function watch(page, user, forMs) {
    const all = { frames: [], beeps: [] };
    const started = Date.now();
    await until(async () => {
      const { frames, beeps } = await page.evaluate((whom) => globalThis.takeSeen(whom), user);
      all.frames.push(...frames.filter(([, age]) => age !== null).map(([, age]) => age));
      all.beeps.push(...beeps);
      return all.frames.length > 20 && all.beeps.length > 3 && Date.now() - started > forMs;
    }, () => `${user}: ${all.frames.length} pictures, ${all.beeps.length} beeps\n${server.log.slice(-3000)}`);
    const picture = median(all.frames);
    return { picture, skew: median(all.beeps.map((at) => afterSecond(at - picture))), frames: all.frames.length };
  }

  it('everybody_sees_and_hears_everybody', async () => {
    const room = '7001';
    const [amy, ben] = await Promise.all([enter(room, 'amy'), enter(room, 'ben')]);
    const pusher = new Pusher(await pushUrl(room, 'phone'));
    const player = new Player(await playUrl(room, 'phone', 'amy'));
    await watch(amy, 'phone', 0);
    await watch(ben, 'phone', 0);
    const seen = await watch(amy, 'phone', WATCHED_MS);
    const behind = pusher.behind();
    await watch(ben, 'amy', 0);
    await until(() => player.ages().length > 100, () => `${player.ages().length} pictures for the phone\n${player.log}`);
    // A player begins with the last keyframe and works off what came while it looked at the stream: not what it shows then.
    const settled = Date.now();
    await wait(WATCHED_MS);
    const ages = player.ages(settled);
    const began = player.frames[0].at - player.started;
    await player.stop();
    const judged = await player.judge();
    await player.forget();
    await pusher.stop();
    console.log(`phone -> page: picture ${seen.picture} ms old, sound ${seen.skew.toFixed(0)} ms behind it; ${behind} ms wait for the encoder`);
    console.log(`page -> phone: picture ${median(ages)} ms old, sound ${judged.skew.toFixed(0)} ms behind it; first after ${began} ms`);
    assert.ok(Math.abs(seen.skew) <= BOUNDS.skew, `lips of the phone: ${seen.skew} ms`);
    assert.ok(seen.picture <= BOUNDS.toPage, `the phone's picture is ${seen.picture} ms old`);
    assert.ok(Math.abs(judged.skew) <= BOUNDS.skew, `lips at the phone: ${judged.skews}`);
    assert.ok(median(ages) <= BOUNDS.toPlayer, `a picture at the phone is ${median(ages)} ms old`);
    assert.deepEqual([judged.backwards, judged.gaps], [0, 0], 'steps back and gaps in what the phone got');
  });

  it('a_phone_that_dies_comes_back_to_its_place', async () => {
    const room = '7002';
    const amy = await enter(room, 'amy');
    const url = await pushUrl(room, 'phone');
    let pusher = new Pusher(url);
    await watch(amy, 'phone', 0);
    await pusher.stop('SIGKILL');
    await wait(1_000);
    await amy.evaluate((whom) => globalThis.takeSeen(whom), 'phone');
    pusher = new Pusher(url);
    const started = Date.now();
    const again = await watch(amy, 'phone', 3_000);
    const frame = await amy.evaluate(() => globalThis.client.participants.map((p) => p.user ?? p));
    assert.ok(JSON.stringify(frame).includes('phone'), 'the seat was kept');
    console.log(`back: ${Date.now() - started} ms for ${again.frames} pictures, sound ${again.skew.toFixed(0)} ms behind`);
    assert.ok(Math.abs(again.skew) <= BOUNDS.skew, `lips after the return: ${again.skew} ms`);
    await pusher.stop();
  });

  it('a_muted_page_stays_silent_and_whole_for_the_phone', async () => {
    const room = '7003';
    const amy = await enter(room, 'amy');
    const player = new Player(await playUrl(room, 'phone', 'amy'));
    await until(() => player.ages().length > 50, () => `${player.ages().length} pictures\n${player.log}\n${server.log.slice(-3000)}`);
    await amy.evaluate(() => globalThis.client.publish('microphone', null));
    await wait(3_000);
    await amy.evaluate(() => globalThis.client.publish('microphone', { track: globalThis.mine.microphone }));
    await wait(4_000);
    await player.stop();
    const judged = await player.judge();
    await player.forget();
    console.log(`muted and back: ${judged.beeps} beeps, sound ${judged.skew.toFixed(0)} ms behind, ${judged.gaps} gaps`);
    assert.deepEqual([judged.backwards, judged.gaps], [0, 0]);
    assert.ok(Math.abs(judged.skew) <= BOUNDS.skew, `lips: ${judged.skews}`);
  });
});
