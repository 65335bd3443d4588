// How a call begins and ends where it is not as simple as ring, answer, hang up.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { smallCamera } from './support/browser.mjs';
import { world } from './support/world.mjs';

describe('the course of a call', () => {
  const here = world();

  it('open_invitation_rings_a_device_that_signs_in_late', async () => {
    const [amy, ben] = await here.people(['amy', 'ben']);
    await ben.signsOut();
    await amy.calls([ben.name]);
    await amy.sees('cancel');
    await amy.seesWith(`tile-${ben.name}`, { 'data-state': 'ringing' });
    await ben.signInWith();
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
    await ben.click('hangup');
    await amy.isIdle();
    await ben.isIdle();
    await ben.page.reload();
    await ben.isIdle();
    await ben.sees('history-item');
    assert.equal(await ben.byId('incoming').count(), 0, 'an answered invitation does not ring again');
  });

  it('two_who_call_each_other_at_once_are_both_told_busy_and_can_call_again', async () => {
    const [amy, ben] = await here.people(['amy', 'ben'], { before: [holdDevices] });
    await amy.calls([ben.name], 'audio');
    await ben.calls([amy.name], 'audio');
    // Both have begun and neither has rung yet: now both do.
    await Promise.all([amy.sees('cancel'), ben.sees('cancel')]);
    await Promise.all([amy, ben].map((user) => user.page.evaluate(() => globalThis.__giveDevices())));
    await Promise.all([amy, ben].map((user) => user.seesWith('summary', { 'data-outcome': 'busy' })));
    await amy.click('call-again');
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    await amy.click('hangup');
    await ben.isIdle();
  });

  it('reload_of_a_ringing_caller_cancels_the_call', async () => {
    const [amy, ben] = await here.people(['amy', 'ben']);
    await amy.calls([ben.name]);
    await ben.sees('incoming');
    const at = Date.now();
    await amy.page.reload();
    await ben.seesNo('incoming');
    await ben.isIdle();
    await ben.seesWith('summary', { 'data-outcome': 'missed' });
    assert.ok(Date.now() - at < 25_000, 'not by the time-out of the ring');
    await amy.isIdle();
    // Nothing is left behind: the next call is like any other.
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    await ben.click('hangup');
    await amy.isIdle();
  });

  it('reload_goes_back_to_the_newest_call', async () => {
    const [amy, ben, cy] = await here.people(['amy', 'ben', 'cy']);
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await amy.inCall();
    await ben.page.close();
    // The seat of the closed tab is kept for its grace time; a second tab begins something else meanwhile.
    const again = await here.signIn(ben.name);
    await again.sees('resume');
    await again.calls([cy.name], 'audio');
    await cy.accepts();
    await again.inCall();
    await again.page.reload();
    await again.inCall();
    await Promise.all([again.hearsSound(), cy.hearsSound()]);
    await again.page.getByRole('heading', { name: cy.name }).waitFor();
  });

  it('group_member_joins_the_running_call_without_a_ring', async () => {
    const [amy, ben, cy] = await here.people(['amy', 'ben', 'cy'], { before: [smallCamera] });
    await amy.calls([ben.name, cy.name]);
    await cy.click('reject');
    await ben.accepts();
    await amy.inCall();
    await cy.click('join-call');
    await cy.inCall();
    for (const user of [amy, ben, cy]) await user.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length >= 2, 'two pictures never came');
    await cy.hearsSound();
    await amy.sees(`tile-${cy.name}`);
  });

  it('group_call_outlives_its_caller_and_ends_with_the_last_but_one', async () => {
    const [amy, ben, cy] = await here.people(['amy', 'ben', 'cy']);
    await amy.calls([ben.name, cy.name], 'audio');
    await Promise.all([ben.accepts(), cy.accepts()]);
    await Promise.all([ben.sees(`tile-${cy.name}`), cy.sees(`tile-${ben.name}`)]);
    await amy.click('hangup');
    await amy.seesWith('summary', { 'data-outcome': 'left' });
    await amy.sees('running-call');
    await Promise.all([ben.seesNo(`tile-${amy.name}`), cy.seesNo(`tile-${amy.name}`)]);
    await Promise.all([ben.hearsSound(), cy.hearsSound()]);
    await ben.click('hangup');
    await cy.isIdle();
    await cy.seesWith('summary', { 'data-outcome': 'ended' });
  });
});

/** Runs before the page: microphone and camera come when the test says so. */
function holdDevices() {
  const given = new Promise((resolve) => { globalThis.__giveDevices = resolve; });
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wish) => given.then(() => real(wish));
}

describe('a user whose newest device wins', () => {
  const APPS = '[{ id = 1400000077, keys = ["0123456789abcdef0123456789abcdef"], devices = "newest_wins" }]';
  const here = world({ CARILLON_APPS: APPS });

  it('older_device_is_told_and_leaves_the_call', async () => {
    const sign = async (name) => here.signIn(name, { userSig: await here.userSig(name) });
    const [amy, ben] = [await sign('amy'), await sign('ben')];
    await amy.calls(['ben'], 'audio');
    await ben.accepts();
    await amy.inCall();
    const phone = await sign('ben');
    await ben.sees('kicked');
    await phone.isIdle();
    await ben.click('use-here');
    await phone.sees('kicked');
    await ben.isIdle();
  });
});
