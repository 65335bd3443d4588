import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launchChromium } from './support/browser.mjs';
import { Server } from './support/server.mjs';
import { User } from './support/user.mjs';

describe('a call among four pages', () => {
  /** @type {Server} */ let server;
  /** @type {import('playwright-core').Browser} */ let browser;
  before(async () => {
    server = await Server.start();
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it('three_are_called_one_is_invited_late_and_all_see_and_hear_all', async () => {
    const names = ['amy', 'ben', 'cy', 'dan'];
    const users = await Promise.all(names.map((n) => User.signIn(browser, server, n)));
    const [amy, ben, cy, dan] = users;
    await amy.calls(['ben', 'cy']);
    await Promise.all([ben.accepts(), cy.accepts()]);
    await amy.inCall();
    await amy.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length === 2, 'two pictures never came');
    await amy.click('invite-more');
    await amy.byId('invite-input').fill('dan');
    await amy.click('invite-send');
    await dan.accepts();
    for (const user of users) {
      await user.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length >= 3, 'three pictures never came');
      await user.hearsSound();
    }
    await dan.click('hangup');
    await dan.isIdle();
    await amy.byId('tile-dan').waitFor({ state: 'hidden' });
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
    await ben.click('hangup');
    await cy.click('hangup');
    await amy.isIdle();
    assert.deepEqual(users.flatMap((u) => u.errors), []);
    await Promise.all(users.map((u) => u.close()));
  });
});
