// One person at the demo page.
import { keepPeerConnections, receivedMedia } from './browser.mjs';

/** Generous: a machine at load 8 still reaches it. Success never waits for it. */
export const PATIENCE_MS = 60_000;
const POLL_MS = 200;
/** Audio energy of a second of comfort noise; the fake microphone's beep makes a hundred times more. */
const SILENCE = 1e-5;

/** Repeats `look` until it gives something true, and returns that; `what` and the last look tell why it never did. */
export async function until(look, what, { within = PATIENCE_MS, every = POLL_MS } = {}) {
  const deadline = Date.now() + within;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(typeof what === 'function' ? what() : what);
    await new Promise((r) => setTimeout(r, every));
  }
}

export class User {
  /**
   * @param {import('playwright-core').Browser} browser
   * @param {import('./server.mjs').Server} server
   * @param {string} name
   * @param {{viewport?: {width: number, height: number}, before?: ((...args: any[]) => void)[], userSig?: string, locale?: string}} [options]
   *   `before`: functions that run in the page before its own scripts
   */
  static async signIn(browser, server, name, { viewport = { width: 1280, height: 800 }, before = [], userSig, locale = 'en-US' } = {}) {
    const context = await browser.newContext({ viewport, locale });
    for (const script of [keepPeerConnections, ...before]) await context.addInitScript(script);
    const page = await context.newPage();
    const user = new User(name, context, page);
    page.on('console', (m) => user.console.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => user.errors.push(String(e)));
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(server.origin);
    await user.signInWith(userSig);
    return user;
  }

  constructor(name, context, page) {
    this.name = name;
    this.context = context;
    this.page = page;
    /** @type {string[]} */
    this.console = [];
    /** @type {string[]} exceptions that the page did not catch */
    this.errors = [];
  }

  async signInWith(userSig) {
    await this.fill('sign-in-name', this.name);
    if (userSig) await this.fill('sign-in-sig', userSig);
    await this.click('sign-in');
    await this.isIdle();
  }

  async signsOut() {
    await this.click('profile');
    await this.click('sign-out');
    await this.sees('sign-in-name');
  }

  // ---- what differs between browser drivers ----

  byId(id) {
    return this.page.getByTestId(id);
  }

  async click(id) {
    await this.byId(id).click();
  }

  async fill(id, text) {
    await this.byId(id).fill(text);
  }

  async press(id, key) {
    await this.byId(id).press(key);
  }

  async sees(id) {
    await this.byId(id).waitFor();
  }

  async seesNo(id) {
    await this.byId(id).waitFor({ state: 'hidden' });
  }

  /** Waits for an element with these attributes; a value of `null` is an attribute that is not there. */
  async seesWith(id, attributes) {
    const parts = Object.entries(attributes).map(([name, value]) => (value === null ? `:not([${name}])` : `[${name}="${value}"]`));
    await this.page.locator(`[data-testid="${id}"]${parts.join('')}`).waitFor();
  }

  /** Moves the focus with the Tab key until it is there. */
  async tabsTo(id, most = 40) {
    for (let i = 0; i < most; i += 1) {
      await this.page.keyboard.press('Tab');
      if ((await this.page.evaluate(() => document.activeElement?.getAttribute('data-testid'))) === id) return;
    }
    throw new Error(`${this.name}: ${most} tabs never reach ${id}`);
  }

  // ---- calls ----

  /** @param {string[]} names @param {'video' | 'audio'} type */
  async calls(names, type = 'video') {
    for (const name of names) {
      await this.fill('callee-input', name);
      await this.press('callee-input', 'Enter');
    }
    await this.click(`call-${type}`);
  }

  async accepts() {
    await this.click('accept');
    await this.inCall();
  }

  async inCall() {
    await this.sees('hangup');
    await this.sees('timer');
  }

  async isIdle() {
    await this.sees('callee-input');
  }

  // ---- media ----

  media() {
    return this.page.evaluate(receivedMedia);
  }

  /** Waits until the page's media satisfies `enough`, and returns it. */
  async mediaWhere(enough, what) {
    let media;
    const look = async () => {
      media = await this.media();
      return enough(media) && media;
    };
    return until(look, () => `${this.name}: ${what}; last: ${JSON.stringify(media)}\n${this.console.slice(-20).join('\n')}`);
  }

  /** Frames decoded and shown from now on. */
  async seesPictures(more = 20) {
    const from = (await this.media()).framesDecoded;
    return this.mediaWhere((m) => m.framesDecoded >= from + more, `${more} more frames never came`);
  }

  async hearsSound() {
    const from = (await this.media()).audioEnergy;
    return this.mediaWhere((m) => m.audioEnergy > from, 'no sound came');
  }

  /** The page's process dies: nothing says good-bye. */
  async crashes() {
    const crashed = this.page.waitForEvent('crash');
    const devtools = await this.context.newCDPSession(this.page);
    devtools.send('Page.crash').catch(() => {
      // The one who would answer is dead.
    });
    await crashed;
  }

  /** The level of what is heard stays at nothing for a second. */
  async hearsNothing() {
    let level;
    const look = async () => {
      const from = (await this.media()).audioEnergy;
      await new Promise((r) => setTimeout(r, 1_000));
      level = (await this.media()).audioEnergy - from;
      return level < SILENCE;
    };
    await until(look, () => `${this.name}: still hears ${level}`);
  }

  async close() {
    await this.context.close();
  }
}
