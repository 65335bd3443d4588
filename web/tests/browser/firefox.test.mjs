import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launchChromium } from './support/browser.mjs';
import { FirefoxUser, launchFirefox } from './support/firefox.mjs';
import { endInOrder } from './support/ends.mjs';
import { Server } from './support/server.mjs';
import { User } from './support/user.mjs';

describe('a call between Chromium and Firefox', () => {
  /** @type {Server} */ let server;
  /** @type {import('playwright-core').Browser} */ let chromium;
  /** @type {import('puppeteer-core').Browser} */ let firefox;
  before(async () => {
    server = await Server.start();
    chromium = await launchChromium();
    firefox = await launchFirefox();
  });
  after(() => endInOrder(['Chromium', () => chromium?.close()], ['Firefox', () => firefox?.close()], ['the server', () => server?.stop()]));

  async function both(names) {
    const [amy, fox] = await Promise.all([User.signIn(chromium, server, names[0]), FirefoxUser.signIn(firefox, server, names[1])]);
    return { amy, fox };
  }

  async function done(...users) {
    assert.deepEqual(users.flatMap((u) => u.errors), [], 'no page threw');
    await Promise.all(users.map((u) => u.close()));
  }

  it('chromium_calls_firefox_and_both_see_and_hear', async () => {
    const { amy, fox } = await both(['amy1', 'fox1']);
    await amy.calls([fox.name]);
    await fox.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(), fox.seesPictures(), amy.hearsSound(), fox.hearsSound()]);
    await fox.click('hangup');
    await amy.isIdle();
    await fox.isIdle();
    await done(amy, fox);
  });

  it('firefox_calls_chromium_and_both_see_and_hear', async () => {
    const { amy, fox } = await both(['amy2', 'fox2']);
    await fox.calls([amy.name]);
    await amy.accepts();
    await fox.inCall();
    await Promise.all([amy.seesPictures(), fox.seesPictures(), amy.hearsSound(), fox.hearsSound()]);
    await amy.click('hangup');
    await fox.isIdle();
    await amy.isIdle();
    await done(amy, fox);
  });
});
