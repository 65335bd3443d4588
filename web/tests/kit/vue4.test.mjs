// The unmodified @tencentcloud/call-uikit-vue 4.0.12 with call-engine-js 3.3.4 (WebAssembly), on our modules and this server.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { User } from '../browser/support/user.mjs';
import { KitStage } from './support/kit_stage.mjs';
import { FRAMES_PER_SECOND } from './support/vue_user.mjs';

describe('the Vue kit of the fourth generation', () => {
  const stage = new KitStage('tests/kit/vue4', 'examples/vue');

  /** @param {...[string, 'fourth' | 'third' | 'demo']} who */
  function people(...who) {
    const names = who.map(([name]) => name);
    return stage.people(names, (name, index) => signIn(name, who[index][1]));
  }

  /** @param {string} name @param {'fourth' | 'third' | 'demo'} kit @returns {Promise<any>} */
  function signIn(name, kit) {
    if (kit === 'demo') return User.signIn(stage.browser, stage.server, name);
    return stage.vueUser(name, stage.sites[kit === 'fourth' ? 0 : 1]);
  }

  it('video_flows_both_ways_with_sound', async () => {
    const [amy, ben] = await people(['amy', 'fourth'], ['ben', 'fourth']);
    await amy.calls([ben.name]);
    await ben.rings(amy.name);
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.reachesFrames(FRAMES_PER_SECOND), ben.reachesFrames(FRAMES_PER_SECOND)]);
    await Promise.all([amy.hearsSound(), ben.hearsSound(), amy.showsVideos(2), ben.showsVideos(2)]);
    await amy.shot('vue4-caller');
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('reject_and_cancel_end_it_on_both_sides', async () => {
    const [amy, ben] = await people(['amy', 'fourth'], ['ben', 'fourth']);
    await amy.calls([ben.name]);
    await ben.rings();
    await ben.press('Decline');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
    await ben.calls([amy.name]);
    await amy.rings();
    await ben.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('both_generations_call_each_other', async () => {
    const [amy, ben] = await people(['amy', 'fourth'], ['ben', 'third']);
    for (const [caller, callee] of [[amy, ben], [ben, amy]]) {
      await caller.calls([callee.name]);
      await callee.accepts();
      await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
      await callee.press('Hang up');
      await Promise.all([amy.isIdle(), ben.isIdle()]);
    }
  });

  it('the_demo_page_calls_both_and_is_called_by_both', async () => {
    for (const kit of /** @type {const} */ (['third', 'fourth'])) {
      const [amy, ben] = await people(['amy', 'demo'], ['ben', kit]);
      await amy.calls([ben.name]);
      await ben.accepts();
      await amy.inCall();
      await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
      await amy.click('hangup');
      await Promise.all([amy.isIdle(), ben.isIdle()]);
      await ben.calls([amy.name]);
      await amy.accepts();
      await ben.inCall();
      await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
      await ben.press('Hang up');
      await Promise.all([amy.isIdle(), ben.isIdle()]);
      await stage.allLeave();
    }
  });

  it('calls_reaches_both_generations_and_each_side_ends_it', async () => {
    for (const kit of /** @type {const} */ (['fourth', 'third'])) {
      const [amy, ben] = await people(['amy', 'fourth'], ['ben', kit]);
      for (const ends of [amy, ben]) {
        await amy.asks('calls', { userIDList: [ben.name], type: 2 });
        await ben.rings(amy.name);
        await ben.accepts();
        await amy.inCall();
        await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
        await ends.press('Hang up');
        await Promise.all([amy.isIdle(), ben.isIdle()]);
      }
      await stage.allLeave();
    }
  });

  it('calls_is_rejected_and_cancelled', async () => {
    const [amy, ben] = await people(['amy', 'fourth'], ['ben', 'fourth']);
    await amy.asks('calls', { userIDList: [ben.name], type: 1 });
    await ben.rings();
    await ben.press('Decline');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
    await amy.asks('calls', { userIDList: [ben.name], type: 1 });
    await ben.rings();
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('calls_brings_three_together', async () => {
    const [amy, ben, cy] = await people(['amy', 'fourth'], ['ben', 'fourth'], ['cy', 'third']);
    await amy.asks('calls', { userIDList: [ben.name, cy.name], type: 2 });
    await Promise.all([ben.accepts(), cy.accepts()]);
    await amy.inCall();
    for (const user of [amy, ben, cy]) {
      await user.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length === 2, 'two pictures never came');
      await user.hearsSound();
    }
    await amy.shot('vue4-calls');
    await ben.press('Hang up');
    await ben.isIdle();
    await amy.inCall();
    await cy.press('Hang up');
    await Promise.all([amy.isIdle(), cy.isIdle()]);
  });

  it('calls_tells_who_is_busy', async () => {
    const [amy, ben, cy] = await people(['amy', 'fourth'], ['ben', 'fourth'], ['cy', 'third']);
    await cy.calls([ben.name], 'audio');
    await ben.accepts();
    await amy.asks('calls', { userIDList: [ben.name], type: 1 });
    await amy.isTold(/busy/i);
    await amy.isIdle();
    await ben.hearsSound();
  });

  it('server_that_is_killed_while_it_rings_and_in_the_call_loses_nothing_of_it', async () => {
    const [amy, ben] = await people(['amy', 'fourth'], ['ben', 'third']);
    await amy.asks('calls', { userIDList: [ben.name], type: 2 });
    await ben.rings(amy.name);
    await stage.server.restart('SIGKILL');
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
    await stage.server.restart('SIGKILL');
    await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
    await ben.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('who_declined_joins_the_running_call_later', async () => {
    const [amy, ben, cy] = await people(['amy', 'fourth'], ['ben', 'third'], ['cy', 'fourth']);
    await amy.asks('calls', { userIDList: [ben.name, cy.name], type: 1 });
    await ben.accepts();
    await cy.rings();
    await cy.press('Decline');
    await cy.isIdle();
    const callId = await amy.page.evaluate(async () => (await globalThis.kit.getTim().request('call.current')).calls[0].call);
    await cy.asks('join', { callId });
    await cy.inCall();
    await Promise.all([amy.hearsSound(), ben.hearsSound(), cy.hearsSound()]);
    await cy.press('Hang up');
    await cy.isIdle();
    await ben.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });
});
