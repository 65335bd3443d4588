// Debian's Firefox ESR over WebDriver BiDi. Two preferences, for the fake camera and microphone; none touches ICE.
import puppeteer from 'puppeteer-core';
import { keepPeerConnections } from './browser.mjs';
import { PATIENCE_MS, User } from './user.mjs';

export async function launchFirefox() {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true },
    protocolTimeout: 2 * PATIENCE_MS,
    timeout: PATIENCE_MS,
  });
}

/** The same person, at a browser with another driver. */
export class FirefoxUser extends User {
  /**
   * @param {import('puppeteer-core').Browser} browser
   * @param {import('./server.mjs').Server} server
   * @param {string} name
   */
  static async signIn(browser, server, name) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const user = new FirefoxUser(name, context, page);
    page.on('console', (m) => user.console.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => user.errors.push(String(e)));
    page.setDefaultTimeout(PATIENCE_MS);
    await page.evaluateOnNewDocument(keepPeerConnections);
    await page.goto(server.origin);
    await user.signInWith();
    return user;
  }

  byId(id) {
    return this.page.locator(`[data-testid="${id}"]`);
  }

  async press(id, key) {
    const element = await this.page.waitForSelector(`[data-testid="${id}"]`);
    await element?.press(/** @type {any} */ (key));
  }

  async sees(id) {
    await this.page.waitForSelector(`[data-testid="${id}"]`, { visible: true });
  }

  async seesNo(id) {
    await this.page.waitForSelector(`[data-testid="${id}"]`, { hidden: true });
  }
}
