// A room of pages and phones: everybody sends a time code and beeps, so that everybody can tell what came of whom, and when.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { keepPeerConnections, launchChromium } from '../../browser/support/browser.mjs';
import { endInOrder } from '../../browser/support/ends.mjs';
import { Server } from '../../browser/support/server.mjs';
import { until } from '../../browser/support/user.mjs';
import { throughProxy } from '../../weather/proxy.mjs';
import { endAll } from './phone.mjs';
import { afterSecond, median } from './timecode.mjs';

const run = promisify(execFile);
const APP = 1400000000;
/** What a judgement is made of at least. */
const [PICTURES, BEEPS] = [20, 3];
/** Pictures that a beep is judged by were shown so near it. */
const NEAR_MS = 500;

export class Call {
  /** @type {Server} */ server;
  /** @type {import('playwright-core').Browser} */ browser;
  #rooms = 7000;

  /** @param {Record<string, string>} [env] more of the server's configuration */
  async start(env) {
    this.server = await Server.start(env);
    this.browser = await launchChromium();
  }

  /** Everybody: what one test leaves running makes the next one's machine busy. */
  async allLeave() {
    endAll();
    await Promise.all((this.browser?.contexts() ?? []).map((context) => context.close()));
  }

  end() {
    endAll();
    return endInOrder(['the browser', () => this.browser?.close()], ['the server', () => this.server?.stop()]);
  }

  /** A room that nobody has been in. */
  room() {
    this.#rooms += 1;
    return String(this.#rooms);
  }

  async #carillon(...args) {
    return (await run(process.env.CARILLON_BIN, args, { env: { ...process.env, ...this.server.env } })).stdout.trim();
  }

  pushUrl(room, user) {
    return this.#carillon('url', '--room', room, '--user', user, '--as', 'rtmp-publish');
  }

  playUrl(room, user, from, as = 'rtmp-play') {
    return this.#carillon('url', '--room', room, '--user', user, '--as', as, '--from', from);
  }

  /**
   * @param {string} room @param {string} user
   * @param {{publish?: boolean, tone?: boolean, through?: string}} [options] `tone`: without a pause, for beeps; `through`: a proxy's address
   */
  async enter(room, user, { publish = true, tone = false, through } = {}) {
    // The page's policy keeps scripts of others out; these are the test's.
    const context = await this.browser.newContext({ bypassCSP: true });
    await context.addInitScript(keepPeerConnections);
    if (through) await context.addInitScript(`(${sendThrough})(${throughProxy}, ${JSON.stringify(through)})`);
    const page = await context.newPage();
    page.on('pageerror', (error) => console.log(user, String(error)));
    await page.goto(this.server.origin);
    const script = await readFile(new URL('./page.js', import.meta.url), 'utf8');
    await page.addScriptTag({ type: 'module', content: script });
    await page.waitForFunction(() => globalThis.enterCall);
    const userSig = await this.#carillon('user-sig', '--user', user);
    await page.evaluate((whom) => globalThis.enterCall(whom), { app: APP, user, userSig, room: Number(room), publish, tone });
    return page;
  }

  /** What a page has of a user from now on. */
  take(page, user) {
    return page.evaluate((whom) => globalThis.takeSeen(whom), user);
  }

  /**
   * Ages of pictures and lateness of beeps that a page has of a user, until there are enough and `forMs` are over.
   * @param {import('playwright-core').Page} page @param {string} user @param {number} [forMs] @param {import('playwright-core').Page} [from] the user's own
   * @returns {Promise<{picture: number, skew: number, skews: number[], frames: number, first: number}>} ms; `first`: until the first picture that was drawn meanwhile is shown
   */
  async watch(page, user, forMs = 0, from) {
    const all = { frames: [], beeps: [] };
    const started = Date.now();
    let first = Infinity;
    await until(async () => {
      const { frames, beeps } = await this.take(page, user);
      const read = frames.filter(([, age]) => age !== null);
      // Not one that was sent before.
      const fresh = read.find(([shown, age]) => shown - age >= started);
      if (fresh) first = Math.min(first, fresh[0] - started);
      all.frames.push(...read);
      all.beeps.push(...beeps);
      return all.frames.length > PICTURES && all.beeps.length > BEEPS && Date.now() - started > forMs;
    }, () => `${user}: ${all.frames.length} pictures, ${all.beeps.length} beeps\n${this.server.log.slice(-3000)}`);
    const age = (frames) => median(frames.map(([, ms]) => ms));
    const sent = (await from?.evaluate(() => globalThis.sentBeeps())) ?? {};
    const skews = all.beeps.map((at) => {
      const said = at - age(all.frames.filter(([shown]) => Math.abs(shown - at) < NEAR_MS));
      return afterSecond(said) - (sent[Math.round(said / 1000)] ?? 0);
    });
    return { picture: age(all.frames), skew: median(skews.filter((s) => !Number.isNaN(s))), skews, frames: all.frames.length, first };
  }

  /** This server's part of pictures' ages since it began, ms on average. @returns {Promise<{toRoom: number, toPlayers: number}>} */
  async parts() {
    const text = await this.server.metrics();
    const value = (name, direction) => Number(new RegExp(`carillon_${name}_total\\{direction="${direction}"\\} (\\S+)`).exec(text)?.[1]);
    const part = (direction) => (value('bridge_picture_age_seconds', direction) / value('bridge_pictures', direction)) * 1000;
    return { toRoom: part('to_room'), toPlayers: part('to_players') };
  }
}

/** Runs before the page's own scripts: all datagrams go to the proxy. */
function sendThrough(route, address) {
  const real = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function set({ type, sdp }) {
    return real.call(this, { type, sdp: route(sdp, address) });
  };
}
