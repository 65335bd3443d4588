// One call to be measured: publishers' pages → proxy → server → proxy → players' pages, and its connections by name.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { launchChromium } from '../browser/support/browser.mjs';
import { endInOrder } from '../browser/support/ends.mjs';
import { Server } from '../browser/support/server.mjs';
import { Proxy, throughProxy } from './proxy.mjs';
import { sums } from './figures.mjs';
import { shareUrgency } from './priority.mjs';

const run = promisify(execFile);
/** One way, on each link. */
export const DELAY_MS = 20;
const PAGE = join(import.meta.dirname, 'page.js');
const PATIENCE_MS = 60_000;
const URGENCY_MS = 1_000;
export const CAMERA = { size: { width: 640, height: 360, fps: 30 }, maxBitrate: 800_000 };

/**
 * @typedef {{media?: import('./proxy.mjs').Profile, feedback?: import('./proxy.mjs').Profile}} Leg
 * @typedef {{size: {width: number, height: number, fps: number}, maxBitrate: number}} Camera
 * @typedef {{uplink?: Leg, downlink?: Leg, camera?: Camera}} Weather
 * @typedef {import('playwright-core').Page} Page
 */

export class Call {
  /** @param {{seed: number, speech: Buffer}} how */
  static async start({ seed, speech }) {
    const server = await Server.start();
    const proxy = new Proxy();
    const browsers = await Promise.all([launchChromium(), launchChromium()]);
    return new Call(server, proxy, browsers, speech, seed);
  }

  constructor(server, proxy, browsers, speech, seed) {
    Object.assign(this, { server, proxy, browsers, speech, seed });
    this.media = `127.0.0.1:${server.env.CARILLON_LISTEN_UDP_PORT}`;
    this.routes = new Map();
    // Pages come and go, and with them processes.
    this.urgency = setInterval(() => shareUrgency(), URGENCY_MS);
  }

  async stop() {
    clearInterval(this.urgency);
    await endInOrder(
      ['the browsers', () => Promise.all(this.browsers.map((browser) => browser.close()))],
      ['the proxy', () => this.proxy.stop()],
      ['the server', () => this.server.stop()],
    );
  }

  /** A page that can publish and play. @param {number} browser 0: the publishers', 1: the players' @returns {Promise<Page>} */
  async page(browser) {
    const page = await (await this.browsers[browser].newContext()).newPage();
    page.on('pageerror', (error) => console.error(`page: ${error}`));
    await page.route('**/speech.wav', (route) => route.fulfill({ body: this.speech, contentType: 'audio/wav' }));
    await page.route('**/blank', (route) => route.fulfill({ body: '<!doctype html><title>weather</title>', contentType: 'text/html' }));
    await page.goto(`${this.server.origin}/blank`);
    await page.evaluate(() => {
      const Real = RTCPeerConnection;
      globalThis.__peerConnections = [];
      globalThis.RTCPeerConnection = class extends Real {
        constructor(...args) { super(...args); globalThis.__peerConnections.push(this); }
      };
    });
    await page.addScriptTag({ content: `globalThis.throughProxy = ${throughProxy};\n${await readFile(PAGE, 'utf8')}` });
    return page;
  }

  async sig(user) {
    const env = { ...process.env, ...this.server.env };
    return (await run(String(process.env.CARILLON_BIN), ['user-sig', '--user', user], { env })).stdout.trim();
  }

  /**
   * @param {Page} page @param {string} user
   * @param {{leg?: Leg, link?: string, camera?: Camera}} [how] `link`: behind which link, if not one of its own
   */
  async publish(page, user, { leg = {}, link = user, camera = CAMERA } = {}) {
    const proxy = await this.link(link, uplink(leg), 0);
    const url = `${this.server.origin}/whip/1400000000/str:weather/${user}`;
    await page.evaluate((where) => globalThis.publishWeather(where), { url, sig: await this.sig(user), proxy, speechUrl: '/speech.wav', ...camera });
  }

  /** @param {Page} page @param {string} user @param {{leg?: Leg, from?: string, judged?: boolean}} [how] `from`: the one who is played, else all */
  async play(page, user, { leg = {}, from, judged = true } = {}) {
    const proxy = await this.link(user, downlink(leg), 1000);
    const url = `${this.server.origin}/whep/1400000000/str:weather/${user}${from ? `?from=${from}` : ''}`;
    await page.evaluate((where) => globalThis.playWeather(where), { url, sig: await this.sig(user), proxy, name: user, judged });
  }

  /** Plays from one page to the other with nothing but the proxy between; the delay is that of both links. */
  async direct(from, to, camera = CAMERA) {
    const half = { delay_ms: 2 * DELAY_MS };
    const offer = await from.evaluate((what) => globalThis.offerDirect(what), { speechUrl: '/speech.wav', ...camera });
    const { answer, address, port } = await to.evaluate((where) => globalThis.answerDirect(where), { name: 'direct', offer });
    // A browser without permission for devices hides its address, and listens on all of them.
    const target = `${/^[0-9.]+$/.test(address) ? address : '127.0.0.1'}:${port}`;
    const proxy = await this.proxy.open('direct', target, { up: half, down: half }, this.seed);
    await from.evaluate((what) => globalThis.acceptDirect(what), { answer, proxy });
  }

  async link(name, weather, seed) {
    if (!this.routes.has(name)) this.routes.set(name, await this.proxy.open(name, this.media, weather, this.seed + seed + this.routes.size));
    return this.routes.get(name);
  }

  /** Pictures came for a while, so everything has started. @param {Page} page @param {string} name */
  async runs(page, name) {
    await page.waitForFunction((n) => globalThis.__seen[n].frames.length > 20, name, { timeout: PATIENCE_MS });
  }

  /** Another weather for a publisher's link. @param {string} link @param {Leg} [leg] */
  async rainUp(link, leg = {}) {
    await this.proxy.set(link, uplink(leg));
  }

  /** … for a player's. @param {string} link @param {Leg} [leg] */
  async rainDown(link, leg = {}) {
    await this.proxy.set(link, downlink(leg));
  }

  /** All totals of a pair at this moment. @param {Page} publisher @param {Page} player @param {{up?: string, down?: string}} [links] */
  async look(publisher, player, { up = 'publisher', down = 'player' } = {}) {
    const [out, into, above, below] = await Promise.all([
      publisher.evaluate(sums, 'outbound-rtp'), player.evaluate(sums, 'inbound-rtp'), this.proxy.counters(up), this.proxy.counters(down),
    ]);
    return { at: Date.now(), out, into, uplink: above.up, downlink: below.down };
  }
}

function uplink(leg) {
  return { up: { delay_ms: DELAY_MS, ...leg.media }, down: { delay_ms: DELAY_MS, ...leg.feedback } };
}

function downlink(leg) {
  return { up: { delay_ms: DELAY_MS, ...leg.feedback }, down: { delay_ms: DELAY_MS, ...leg.media } };
}
