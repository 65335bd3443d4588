// One person at the demo page.
import { keepPeerConnections, receivedMedia } from './browser.mjs';

/** Generous: a machine at load 8 still reaches it. Success never waits for it. */
const PATIENCE_MS = 45_000;

export class User {
  /**
   * @param {import('playwright-core').Browser} browser
   * @param {import('./server.mjs').Server} server
   * @param {string} name
   */
  static async signIn(browser, server, name, { viewport = { width: 1280, height: 800 } } = {}) {
    const context = await browser.newContext({ viewport, locale: 'en-US' });
    await context.addInitScript(keepPeerConnections);
    const page = await context.newPage();
    const user = new User(name, context, page);
    page.on('console', (m) => user.console.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => user.errors.push(String(e)));
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(server.origin);
    await user.byId('sign-in-name').fill(name);
    await user.byId('sign-in').click();
    await user.byId('callee-input').waitFor();
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

  byId(id) {
    return this.page.getByTestId(id);
  }

  async click(id) {
    await this.byId(id).click();
  }

  async sees(id) {
    await this.byId(id).waitFor();
  }

  async seesNo(id) {
    await this.byId(id).waitFor({ state: 'hidden' });
  }

  /** @param {string[]} names @param {'video' | 'audio'} type */
  async calls(names, type = 'video') {
    for (const name of names) {
      await this.byId('callee-input').fill(name);
      await this.byId('callee-input').press('Enter');
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

  media() {
    return this.page.evaluate(receivedMedia);
  }

  /** Waits until the page's media satisfies `enough`, and returns it. */
  async mediaWhere(enough, what) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const media = await this.media();
      if (enough(media)) return media;
      if (Date.now() > deadline) throw new Error(`${this.name}: ${what}; last: ${JSON.stringify(media)}`);
      await this.page.waitForTimeout(200);
    }
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

  async close() {
    await this.context.close();
  }
}
