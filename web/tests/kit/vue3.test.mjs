// The unmodified @tencentcloud/call-uikit-vue 3.3.10 with tuicall-engine-webrtc 3.1.7, on our modules and this server.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KitStage } from './support/kit_stage.mjs';
import { FRAMES_PER_SECOND } from './support/vue_user.mjs';

describe('the Vue kit of the third generation', () => {
  const stage = new KitStage('examples/vue');
  /** @param {...string} names */
  const people = (...names) => stage.people(names, (name) => stage.vueUser(name));

  it('video_flows_both_ways_with_sound', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.rings(amy.name);
    await ben.shot('vue3-ringing');
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await Promise.all([amy, ben].map((user) => user.reachesFrames(FRAMES_PER_SECOND)));
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    for (const [user, other] of [[amy, ben], [ben, amy]]) {
      await user.showsVideos(2);
      assert.deepEqual((await user.shownVideos()).map(({ place }) => place).sort(), [other.name, 'localVideo'].sort());
    }
    await amy.shot('vue3-caller');
    await ben.shot('vue3-callee');
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('callee_hangs_up_and_both_can_call_again', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    await ben.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
    await ben.calls([amy.name], 'audio');
    await amy.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    assert.equal((await amy.media()).framesDecoded, 0);
    await ben.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('reject_ends_it_on_both_sides', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.rings();
    await ben.press('Decline');
    await amy.isTold(/reject call/i);
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('cancel_stops_the_ringing', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.rings();
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('busy_callee_is_not_disturbed', async () => {
    const [amy, ben, cy] = await people('amy', 'ben', 'cy');
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await cy.calls([ben.name], 'audio');
    await cy.isTold(/busy/i);
    await cy.isIdle();
    await ben.inCall();
    await ben.hearsSound();
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('switch_to_audio_ends_the_pictures_and_keeps_the_sound', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await ben.asks('switchCallMediaType');
    for (const user of [amy, ben]) {
      await user.page.waitForFunction(() => document.querySelectorAll('#tuicallkit-id video').length === 0);
      assert.equal(await user.sendsFrom('video'), null);
      await user.hearsSound();
    }
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('camera_and_microphone_are_closed_and_opened_by_their_buttons', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await ben.press('Camera On');
    await amy.page.waitForFunction((id) => !document.getElementById(id)?.querySelector('video'), ben.name);
    await ben.press('Camera Off');
    await amy.seesPictures();
    await ben.press('Unmuted');
    await ben.sees('Muted');
    assert.equal(await ben.sendsFrom('audio'), null);
    await ben.press('Muted');
    await amy.hearsSound();
  });

  it('another_camera_and_microphone_take_over_without_a_break', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    for (const [deviceType, kind] of [['camera', 'video'], ['microphone', 'audio']]) {
      const before = await ben.sendsFrom(kind);
      // The last: Chromium's second camera is one for depth, without a picture.
      const deviceId = await ben.page.evaluate(async (wanted) => (await navigator.mediaDevices.enumerateDevices())
        .findLast((d) => d.kind === `${wanted}input`)?.deviceId, kind);
      assert.notEqual(deviceId, before, `there is a second ${deviceType}`);
      await ben.asks('switchDevice', { deviceType, deviceId });
      await ben.page.waitForTimeout(200);
      assert.equal(await ben.sendsFrom(kind), deviceId);
    }
    await Promise.all([amy.seesPictures(), amy.hearsSound()]);
  });

  it('shared_screen_is_seen_beside_the_camera_until_it_stops_or_ends_by_itself', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1), amy.watchesScreens(), ben.watchesScreens()]);
    await amy.asksMedia('startScreenShare');
    await ben.seesScreen();
    assert.deepEqual(await ben.page.evaluate(() => globalThis.screens.first), [amy.name, 1280, 720]);
    await ben.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length === 2, 'the camera made way for the screen');
    await amy.asksMedia('stopScreenShare');
    await amy.isToldOfScreens('onScreenCaptureStarted', 'onScreenCaptureStopped');
    await ben.isToldOfScreens([amy.name, true], [amy.name, false]);
    await amy.asksMedia('startScreenShare');
    await ben.seesScreen();
    await amy.page.evaluate(() => globalThis.__screen.getVideoTracks()[0].dispatchEvent(new Event('ended')));
    await ben.isToldOfScreens([amy.name, true], [amy.name, false], [amy.name, true], [amy.name, false]);
    await ben.seesPictures();
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('screen_that_its_user_does_not_give_is_refused_aloud', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.accepts();
    await amy.page.evaluate(() => {
      navigator.mediaDevices.getDisplayMedia = async () => { throw new DOMException('no', 'NotAllowedError'); };
    });
    await ben.watchesScreens();
    await assert.rejects(amy.asksMedia('startScreenShare'));
    await amy.hearsSound();
    await ben.isToldOfScreens();
    await ben.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('reload_while_it_rings_rings_again_and_can_be_answered', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name], 'audio');
    await ben.rings();
    await ben.reload();
    await ben.rings(amy.name);
    await ben.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
  });

  it('reload_in_a_call_ends_it_for_the_other_and_both_can_call_again', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name], 'audio');
    await ben.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    await ben.reload();
    await Promise.all([amy.isIdle(), ben.isIdle()]);
    await ben.calls([amy.name], 'audio');
    await amy.accepts();
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
  });

  it('server_restarts_in_the_call_and_both_come_back', async () => {
    const [amy, ben] = await people('amy', 'ben');
    await amy.calls([ben.name]);
    await ben.accepts();
    await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    await stage.server.restart('SIGKILL');
    await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
    await amy.press('Hang up');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('nickname_and_avatar_are_shown_to_the_other', async () => {
    const [ben] = await people('ben');
    const [site] = stage.sites;
    const avatar = `${site.url}avatar.svg`;
    const [amy] = await stage.people(['amy'], (name) => stage.vueUser(name, site, { nick: 'Amélie', avatar }));
    await amy.calls([ben.name], 'audio');
    await ben.rings('Amélie');
    assert.ok(await ben.page.evaluate((src) => [...document.querySelectorAll('img')].some((i) => i.src === src), avatar));
    await ben.shot('vue3-nickname');
    await ben.accepts();
    await ben.sees('Amélie');
  });

  it('four_people_see_and_hear_each_other_and_a_fifth_is_invited', async () => {
    const [amy, ben, cy, dan, eve] = await people('amy', 'ben', 'cy', 'dan', 'eve');
    await amy.calls([ben.name, cy.name, dan.name]);
    await Promise.all([ben.accepts(), cy.accepts(), dan.accepts()]);
    await amy.inCall();
    await dan.press('Hang up');
    await dan.isIdle();
    for (const user of [amy, ben, cy]) {
      await user.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length >= 2, 'two pictures never came');
      await user.hearsSound();
    }
    for (const user of [amy, ben, cy]) await user.showsVideos(3);
    await amy.shot('vue3-group');
    await amy.page.evaluate(async (userID) => {
      const chat = globalThis.kit.getTim();
      const [{ groupID }] = (await chat.getGroupList()).data.groupList;
      await chat.addGroupMember({ groupID, userIDList: [userID] });
    }, eve.name);
    await amy.asks('inviteUser', { userIDList: [eve.name] });
    await eve.accepts();
    await eve.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length === 3, 'three pictures never came');
    for (const user of [amy, ben, cy, eve]) await user.showsVideos(4);
    await eve.shot('vue3-group-late');
    for (const user of [eve, cy, ben]) {
      await user.press('Hang up');
      await user.isIdle();
    }
    await amy.isIdle();
  });
});
