// One person at the Vue kit, who sees texts and presses buttons.
import { keepPeerConnections, offerCanvasAsScreen, receivedMedia } from '../../browser/support/browser.mjs';

/** Generous: a machine at load 8 still reaches it. Success never waits for it. */
const PATIENCE_MS = 45_000;
const KIT = '#tuicallkit-id';
/** What an idle machine must reach, and one that runs other tests beside. */
export const FRAMES_PER_SECOND = process.env.CARILLON_FIGURES ? 20 : 10;

export class VueUser {
  /** @param {import('playwright-core').Browser} browser @param {{url: string}} site @param {string} name @param {Record<string, string>} [more] of the address */
  static async signIn(browser, site, name, more = {}) {
    const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, locale: 'en-US' });
    // The kit reports to its vendor; nothing leaves this machine.
    await context.route((url) => !/^(localhost|127\.0\.0\.1)$/.test(url.hostname), (route) => route.abort());
    await context.addInitScript(keepPeerConnections);
    await context.addInitScript(offerCanvasAsScreen);
    const user = new VueUser(name, context, await context.newPage());
    await user.open(`${site.url}?${new URLSearchParams({ user: name, ...more })}`);
    return user;
  }

  constructor(name, context, page) {
    this.name = name;
    this.context = context;
    this.page = page;
    /** @type {string[]} */ this.console = [];
    /** @type {string[]} exceptions that the page did not catch */ this.errors = [];
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (m) => this.console.push(`${m.type()}: ${m.text().slice(0, 2000)}`));
    page.on('pageerror', (e) => this.errors.push(String(e.stack ?? e)));
  }

  async open(address) {
    await this.page.goto(address);
    await this.page.getByTestId('signed-in').waitFor();
  }

  async reload() {
    await this.page.reload();
    await this.page.getByTestId('signed-in').waitFor();
  }

  /** @param {string[]} names @param {'video' | 'audio'} type */
  async calls(names, type = 'video') {
    await this.page.getByTestId('names').fill(names.join(' '));
    await this.page.getByTestId(`call-${type}`).click();
  }

  kit() {
    return this.page.locator(KIT);
  }

  /** @param {string} label of a button of the kit */
  async press(label) {
    await this.kit().locator('.btn-content', { hasText: label }).locator('.tk-button').first().click();
  }

  /** @param {string | RegExp} text */
  async sees(text) {
    await this.kit().getByText(text).first().waitFor();
  }

  /** A notice that goes by itself. @param {string | RegExp} text */
  async isTold(text) {
    await this.page.getByText(text).first().waitFor({ state: 'attached' });
  }

  async rings(from) {
    await this.sees('Accept');
    if (from) await this.sees(from);
  }

  async accepts() {
    await this.press('Accept');
    await this.inCall();
  }

  async inCall() {
    await this.sees(/^\d\d:\d\d(:\d\d)?$/);
  }

  /** The kit shows nothing. */
  async isIdle() {
    await this.kit().getByText(/^(Accept|Decline|Hang up|Awaiting response)$/).first().waitFor({ state: 'hidden' });
    await this.page.getByTestId('names').waitFor();
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

  /** Frames decoded from now on. */
  async seesPictures(more = 20) {
    const from = (await this.media()).framesDecoded;
    return this.mediaWhere((m) => m.framesDecoded >= from + more, `${more} more frames never came`);
  }

  /** Decodes this many frames a second over five seconds: the best of a few times, since the machine's camera may starve. */
  async reachesFrames(perSecond, tries = 8) {
    let best = 0;
    for (let attempt = 0; attempt < tries && best < perSecond; attempt += 1) {
      const from = (await this.media()).framesDecoded;
      const at = Date.now();
      await this.page.waitForTimeout(5_000);
      best = Math.max(best, ((await this.media()).framesDecoded - from) / ((Date.now() - at) / 1000));
    }
    if (best < perSecond) throw new Error(`${this.name} decodes ${best.toFixed(1)} frames a second at best`);
  }

  async hearsSound() {
    const from = (await this.media()).audioEnergy;
    return this.mediaWhere((m) => m.audioEnergy > from, 'no sound came');
  }

  /** `<video>` elements that move with nothing over their middle, by the id of the element they stand in. */
  async shownVideos() {
    return this.page.evaluate(() => [...document.querySelectorAll('video')].filter((v) => {
      const { left, top, width, height } = v.getBoundingClientRect();
      return v.videoWidth > 0 && !v.paused && document.elementFromPoint(left + width / 2, top + height / 2) === v;
    }).map((v) => ({ place: v.parentElement?.id, width: v.videoWidth, height: v.videoHeight })));
  }

  /** Calls a method of the kit that has no button. @param {string} method @param {...any} args */
  async asks(method, ...args) {
    return this.page.evaluate(async ([name, given]) => { await globalThis.kit[name](...given); }, [method, args]);
  }

  /** The device that a sent track comes from. @param {'audio' | 'video'} kind */
  async sendsFrom(kind) {
    return this.page.evaluate((wanted) => {
      const senders = globalThis.__peerConnections.filter((pc) => pc.connectionState !== 'closed').flatMap((pc) => pc.getSenders());
      return senders.find(({ track }) => track?.kind === wanted)?.track.getSettings().deviceId ?? null;
    }, kind);
  }

  /** Pictures in their places, one's own with them. @param {number} count */
  async showsVideos(count) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const shown = await this.shownVideos();
      if (shown.length === count) return;
      if (Date.now() > deadline) throw new Error(`${this.name}: ${count} pictures never showed, but ${JSON.stringify(shown)}`);
      await this.page.waitForTimeout(200);
    }
  }

  /** What the kit has no button for is asked of the media library itself. @param {string} method @param {...any} args */
  async asksMedia(method, ...args) {
    return this.page.evaluate(async ([name, given]) => {
      await globalThis.kit.getTUICallEngineInstance().getTRTCCloudInstance()[name](...given);
    }, [method, args]);
  }

  /** From now on others' screens are received and shown, and what is told of screens is kept. */
  async watchesScreens() {
    await this.page.evaluate(() => {
      const cloud = globalThis.kit.getTUICallEngineInstance().getTRTCCloudInstance();
      globalThis.screens = { told: [] };
      const place = document.body.appendChild(Object.assign(document.createElement('div'), { id: 'shared-screen' }));
      cloud.on('onUserSubStreamAvailable', (user, available) => {
        globalThis.screens.told.push([user, available]);
        if (available) cloud.startRemoteView(user, place, 2);
        else cloud.stopRemoteView(user, 2);
      });
      cloud.on('onFirstVideoFrame', (user, type, width, height) => { if (type === 2 && user) globalThis.screens.first = [user, width, height]; });
      for (const name of ['onScreenCaptureStarted', 'onScreenCaptureStopped']) cloud.on(name, () => globalThis.screens.told.push(name));
    });
  }

  /** @param {any[]} told what was told of screens since `watchesScreens` */
  async isToldOfScreens(...told) {
    await this.page.waitForFunction((wanted) => JSON.stringify(globalThis.screens.told) === wanted, JSON.stringify(told));
  }

  async seesScreen() {
    await this.page.waitForFunction(() => {
      const video = document.querySelector('#shared-screen video');
      return video?.videoWidth === 1280 && video.currentTime > 0;
    });
  }

  async shot(file) {
    if (process.env.CARILLON_SHOTS) await this.page.screenshot({ path: `${process.env.CARILLON_SHOTS}/${file}.png` });
  }

  async close() {
    await this.context.close();
  }
}
