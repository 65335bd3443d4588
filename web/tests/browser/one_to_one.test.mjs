import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { world } from './support/world.mjs';

/** Frames a second that must be decoded: what an idle machine of two cores reaches, and what a loaded one must not miss. */
const FRAMES_PER_SECOND = process.env.CARILLON_FIGURES ? 20 : 10;
const MEASURED_MS = 10_000;

describe('a call between two pages', () => {
  const here = world();
  const two = () => here.people(['amy', 'ben']);

  it('video_flows_both_ways_with_sound', async (t) => {
    const users = await two();
    const [amy, ben] = users;
    await amy.calls([ben.name]);
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
    const from = await Promise.all(users.map((u) => u.media()));
    const at = performance.now();
    await amy.page.waitForTimeout(MEASURED_MS);
    const to = await Promise.all(users.map((u) => u.media()));
    const seconds = (performance.now() - at) / 1000;
    for (const [i, { name }] of users.entries()) {
      const fps = (to[i].framesDecoded - from[i].framesDecoded) / seconds;
      t.diagnostic(`${name} decodes ${fps.toFixed(1)} frames a second`);
      assert.ok(fps >= FRAMES_PER_SECOND, `${name} decodes ${fps.toFixed(1)} frames a second`);
      assert.ok(to[i].audioEnergy > from[i].audioEnergy, `${name} hears nothing`);
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
    const cy = await here.signIn(here.nameOf('cy'));
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await cy.calls([ben.name], 'audio');
    await cy.seesWith('summary', { 'data-outcome': 'busy' });
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
    const phone = await here.signIn(ben.name);
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
    await here.server.restart('SIGKILL');
    await Promise.all([ben.seesPictures(), amy.seesPictures(), ben.hearsSound(), amy.hearsSound()]);
    await amy.click('hangup');
    await ben.isIdle();
  });
});
