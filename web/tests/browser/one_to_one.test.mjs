import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { launchChromium } from './support/browser.mjs';
import { Server } from './support/server.mjs';
import { User } from './support/user.mjs';

describe('a call between two pages', () => {
  /** @type {Server} */ let server;
  /** @type {import('playwright-core').Browser} */ let browser;
  /** @type {User[]} */ let users = [];

  before(async () => {
    server = await Server.start();
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  afterEach(async () => {
    const errors = users.flatMap((u) => u.errors.map((e) => `${u.name}: ${e}`));
    await Promise.all(users.map((u) => u.close()));
    users = [];
    assert.deepEqual(errors, [], 'no page threw');
  });

  let number = 0;
  /** Two fresh names each time: one test's calls are not another's. */
  async function two() {
    number += 1;
    users = await Promise.all(['amy', 'ben'].map((n) => User.signIn(browser, server, `${n}${number}`)));
    return users;
  }

  it('video_flows_both_ways_at_20_frames_a_second_with_sound', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name]);
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    const seconds = 10;
    const from = await Promise.all([amy.media(), ben.media()]);
    const at = Date.now();
    await amy.page.waitForTimeout(seconds * 1000);
    const to = await Promise.all([amy.media(), ben.media()]);
    const elapsed = (Date.now() - at) / 1000;
    for (const i of [0, 1]) {
      const fps = (to[i].framesDecoded - from[i].framesDecoded) / elapsed;
      assert.ok(fps >= 20, `${users[i].name} decodes ${fps.toFixed(1)} frames a second`);
      assert.ok(to[i].audioEnergy > from[i].audioEnergy, `${users[i].name} hears nothing`);
    }
    await amy.click('hangup');
    await ben.isIdle();
    await amy.isIdle();
  });

  it('audio_call_has_sound_and_no_picture', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    assert.equal((await amy.media()).framesDecoded, 0);
    await ben.click('hangup');
    await amy.isIdle();
  });

  it('reject_ends_it_on_both_sides', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name]);
    await ben.click('reject');
    await amy.isIdle();
    await ben.isIdle();
  });

  it('cancel_stops_the_ringing', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name]);
    await ben.sees('incoming');
    await amy.click('cancel');
    await ben.seesNo('incoming');
    await amy.isIdle();
  });

  it('busy_callee_is_not_disturbed', async () => {
    const [amy, ben] = await two();
    const cy = await User.signIn(browser, server, `cy${number}`);
    users.push(cy);
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await cy.calls([ben.name], 'audio');
    await cy.page.locator('[data-testid=summary][data-outcome=busy]').waitFor();
    await cy.isIdle();
    await ben.sees('timer');
    await ben.hearsSound();
  });

  it('no_answer_ends_after_its_time', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name], 'audio');
    await ben.sees('incoming');
    await ben.seesNo('incoming');
    await amy.isIdle();
  });

  it('switch_to_audio_ends_the_pictures_and_keeps_the_sound', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await ben.click('to-audio');
    await amy.byId('camera').waitFor({ state: 'hidden' });
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    await amy.click('hangup');
    await ben.isIdle();
  });

  it('one_device_answers_and_the_other_stops_ringing', async () => {
    const [amy, ben] = await two();
    const phone = await User.signIn(browser, server, ben.name);
    users.push(phone);
    await amy.calls([ben.name], 'audio');
    await phone.sees('incoming');
    await ben.accepts();
    await phone.seesNo('incoming');
    await phone.isIdle();
    await amy.hearsSound();
    await ben.click('hangup');
    await amy.isIdle();
  });

  it('callee_reloads_the_page_and_comes_back', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await ben.page.reload();
    await ben.inCall();
    await Promise.all([ben.seesPictures(), amy.seesPictures(), ben.hearsSound(), amy.hearsSound()]);
    await amy.click('hangup');
    await ben.isIdle();
  });

  it('server_restarts_in_the_call_and_both_come_back', async () => {
    const [amy, ben] = await two();
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await server.restart('SIGKILL');
    await Promise.all([ben.seesPictures(), amy.seesPictures(), ben.hearsSound(), amy.hearsSound()]);
    await amy.click('hangup');
    await ben.isIdle();
  });
});
