// The mini-program's unmodified engine, in Node, calls the unmodified Vue kit, in Chromium, and is called by it.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { KitStage } from './support/kit_stage.mjs';
import { Phone } from './support/phone.mjs';

describe('a mini-program and a page', () => {
  const stage = new KitStage('examples/vue');
  afterEach(() => Phone.endAll());

  async function two() {
    const [page] = await stage.people(['page'], (name) => stage.vueUser(name));
    return { page, phone: await Phone.at(stage.server, page.name.replace('page', 'phone')) };
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
    const late = await Phone.at(stage.server, phone.user, { name: 'later' });
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
