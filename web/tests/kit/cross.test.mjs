// The mini-program's unmodified engine, in Node, calls the unmodified Vue kit, in Chromium, and is called by it.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { launchChromium } from '../browser/support/browser.mjs';
import { endInOrder } from '../browser/support/ends.mjs';
import { Server } from '../browser/support/server.mjs';
import { startSite } from './support/site.mjs';
import { VueUser } from './support/vue_user.mjs';

/** A page lives in real time, and so must the phone. Read when its modules are loaded. */
process.env.KIT_SPEED = '1';

describe('a mini-program and a page', () => {
  /** @type {Server} */ let server;
  /** @type {{url: string, stop: () => Promise<void>}} */ let site;
  /** @type {import('playwright-core').Browser} */ let browser;
  /** @type {any} */ let Phone;
  /** @type {{page: VueUser, phone: any} | null} */ let pair = null;

  before(async () => {
    server = await Server.start();
    server.gateway = `${server.origin.replace('http', 'ws').replace('localhost', '127.0.0.1')}/ws`;
    site = await startSite('examples/vue', server);
    browser = await launchChromium();
    // After the speed is set.
    const { Device } = await import('./support/device.mjs');
    /** Signed in by the development server, as the page is. */
    Phone = class extends Device {
      async signIn() {
        const reply = await fetch(`${server.origin}/demo/sign`, {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: this.user }),
        });
        await this.engine.init({ userID: this.user, userSig: (await reply.json()).userSig });
        this.listen();
      }
    };
  });
  after(() => endInOrder(['the browser', () => browser?.close()], ['the site', () => site?.stop()], ['the server', () => server?.stop()]));
  afterEach(async () => {
    const errors = pair?.page.errors ?? [];
    await pair?.page.close();
    await Phone.endAll();
    pair = null;
    assert.deepEqual(errors, [], 'the page threw nothing');
  });

  let number = 0;
  async function two() {
    number += 1;
    const { app } = await (await fetch(`${server.origin}/demo/config.json`)).json();
    const [page, phone] = await Promise.all([VueUser.signIn(browser, site, `page${number}`), Phone.of(server, app, `phone${number}`)]);
    pair = { page, phone };
    return pair;
  }

  it('phone_calls_page_and_page_hangs_up', async () => {
    const { page, phone } = await two();
    await phone.engine.call({ userID: page.name, type: 2 });
    await page.rings(phone.user);
    await page.accepts();
    await phone.sees('USER_ACCEPT');
    await phone.sees('USER_ENTER');
    await page.press('Hang up');
    await phone.sees('CALL_END');
    await page.isIdle();
  });

  it('page_calls_phone_and_phone_hangs_up', async () => {
    const { page, phone } = await two();
    await page.calls([phone.user]);
    const { sponsor, inviteData } = await phone.sees('INVITED');
    assert.deepEqual([sponsor, inviteData.callType], [page.name, 2]);
    await phone.engine.accept();
    await page.inCall();
    await phone.sees('USER_ENTER');
    await phone.engine.hangup();
    await page.isIdle();
  });

  it('phone_that_signs_in_late_rings', async () => {
    const { page, phone } = await two();
    await phone.signOut();
    await page.calls([phone.user], 'audio');
    await page.sees('Hang up');
    const { app } = await (await fetch(`${server.origin}/demo/config.json`)).json();
    const late = await Phone.of(server, app, phone.user, { name: 'later' });
    assert.equal((await late.sees('INVITED')).sponsor, page.name);
    await late.engine.reject();
    await page.isIdle();
  });

  it('each_rejects_the_other', async () => {
    const { page, phone } = await two();
    await phone.engine.call({ userID: page.name, type: 1 });
    await page.rings();
    await page.press('Decline');
    await phone.sees('REJECT');
    await page.isIdle();
    await page.calls([phone.user], 'audio');
    await phone.sees('INVITED');
    await phone.engine.reject();
    await page.isIdle();
  });
});
