// What the tests of a Vue kit in Chromium begin with: a server, the kit's sites, and people who end with their test.
import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { launchChromium } from '../../browser/support/browser.mjs';
import { endInOrder } from '../../browser/support/ends.mjs';
import { Server } from '../../browser/support/server.mjs';
import { startSite } from './site.mjs';
import { VueUser } from './vue_user.mjs';

/** @typedef {{name: string, errors: string[], close: () => Promise<void>}} Person */

/** For the `describe` that it is made in. */
export class KitStage {
  /** @type {Server} */ server;
  /** @type {{url: string, stop: () => Promise<void>}[]} in the order of their folders */ sites = [];
  /** @type {import('playwright-core').Browser} */ browser;
  /** @type {Person[]} */ #people = [];
  #number = 0;

  /** @param {...string} folders of the sites */
  constructor(...folders) {
    before(async () => {
      this.server = await Server.start();
      for (const folder of folders) this.sites.push(await startSite(folder, this.server));
      this.browser = await launchChromium();
    });
    after(() => endInOrder(
      ['the browser', () => this.browser?.close()],
      ...this.sites.map((site) => /** @type {[string, () => Promise<void>]} */ ([`the site ${site.url}`, () => site.stop()])),
      ['the server', () => this.server?.stop()],
    ));
    afterEach(() => this.allLeave());
  }

  async allLeave() {
    const people = this.#people.splice(0);
    const errors = people.flatMap((one) => one.errors.map((error) => `${one.name}: ${error}`));
    await Promise.all(people.map((one) => one.close()));
    assert.deepEqual(errors, [], 'no page threw');
  }

  /**
   * Fresh names each time: one test's calls are not another's.
   * @template {Person} T
   * @param {string[]} names
   * @param {(name: string, index: number) => Promise<T>} signIn
   * @returns {Promise<T[]>}
   */
  async people(names, signIn) {
    this.#number += 1;
    return Promise.all(names.map(async (name, index) => {
      const one = await signIn(`${name}${this.#number}`, index);
      this.#people.push(one);
      return one;
    }));
  }

  /** At the kit of one of the sites. @param {string} name @param {{url: string}} [site] @param {Record<string, string>} [more] of the address */
  vueUser(name, site = this.sites[0], more = {}) {
    return VueUser.signIn(this.browser, site, name, more);
  }
}
