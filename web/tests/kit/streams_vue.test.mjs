// A mini-program and a page see and hear each other: the unmodified engine in Node with ffmpeg as its tags, the unmodified Vue
// kit in Chromium.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { until } from '../browser/support/user.mjs';
import { KitStage } from './support/kit_stage.mjs';
import { Phone } from './support/phone.mjs';

/** Audio energy of a second of comfort noise, of which a beep makes a hundred times more. */
const SILENCE = 1e-5;

describe('a mini-program and a page, with their media', { timeout: 300_000 }, () => {
  const stage = new KitStage('examples/vue');
  afterEach(() => Phone.endAll());

  async function two() {
    const [page] = await stage.people(['page'], (name) => stage.vueUser(name));
    return { page, phone: await Phone.at(stage.server, page.name.replace('page', 'phone')) };
  }

  /** Both have the other's pictures and sound. */
  const both = ({ page, phone }) => Promise.all([page.seesPictures(), page.hearsSound(), phone.seesPictures(page.name), phone.hearsSound(page.name)]);

  async function hearsNothing(page) {
    let heard = Infinity;
    let { audioEnergy } = await page.media();
    await until(async () => {
      await page.page.waitForTimeout(1_500);
      const before = audioEnergy;
      ({ audioEnergy } = await page.media());
      heard = audioEnergy - before;
      return heard < SILENCE;
    }, () => `${page.name} still hears ${heard}`);
  }

  it('phone_calls_page_and_each_closes_and_opens_what_it_sends', async () => {
    const { page, phone } = await two();
    await phone.calls(page.name);
    await page.rings(phone.user);
    await page.accepts();
    await both({ page, phone });

    await Promise.all([phone.engine.closeCamera(), page.press('Camera On')]);
    await Promise.all([
      page.page.waitForFunction((id) => !document.getElementById(id)?.querySelector('video'), phone.user),
      phone.seesNothing(page.name),
    ]);
    await Promise.all([page.hearsSound(), phone.hearsSound(page.name)]);
    await Promise.all([phone.engine.openCamera(), page.press('Camera Off')]);
    await both({ page, phone });

    await Promise.all([phone.engine.closeMicrophone(), page.press('Unmuted')]);
    await Promise.all([hearsNothing(page), phone.hearsNothing(page.name)]);
    await Promise.all([phone.engine.openMicrophone(), page.press('Muted')]);
    await both({ page, phone });

    await page.press('Hang up');
    await phone.sees('CALL_END');
    await page.isIdle();
  });

  it('page_calls_phone_and_both_go_on_without_pictures', async () => {
    const { page, phone } = await two();
    await page.calls([phone.user]);
    await phone.sees('INVITED');
    // The page's engine opens its devices, mutes them, and opens them to who accepts: it stays mute for who is quicker than that.
    await page.page.waitForFunction(() => document.querySelector('#tuicallkit-id video')?.currentTime > 0);
    await phone.accepts();
    await page.inCall();
    await both({ page, phone });
    await phone.engine.switchCallMediaType(1);
    await page.page.waitForFunction(() => document.querySelectorAll('#tuicallkit-id video').length === 0);
    await phone.seesNothing(page.name);
    await Promise.all([page.hearsSound(), phone.hearsSound(page.name)]);
    const { exitCode, signalCode } = phone.tags.pusher.sender;
    assert.deepEqual([exitCode, signalCode], [null, null], 'the push goes on');
    await phone.hangsUp();
    await page.isIdle();
  });
});
