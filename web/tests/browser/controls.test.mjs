// What one does in a call is what the other sees.
import { describe, it } from 'node:test';
import { offerCanvasAsScreen } from './support/browser.mjs';
import { until } from './support/user.mjs';
import { world } from './support/world.mjs';

describe('in a call', () => {
  const here = world();

  async function inCall(type = 'video', options = {}) {
    const [amy, ben] = await here.people(['amy', 'ben'], options);
    await amy.calls([ben.name], type);
    await ben.accepts();
    await amy.inCall();
    if (type === 'video') await Promise.all([amy.seesPictures(1), ben.seesPictures(1)]);
    return [amy, ben];
  }

  it('muted_microphone_is_seen_and_silent_until_it_is_on_again', async () => {
    const [amy, ben] = await inCall('audio');
    await amy.hearsSound();
    await ben.click('mute');
    await amy.sees(`muted-${ben.name}`);
    await amy.hearsNothing();
    await ben.press('mute', 'm');
    await amy.seesNo(`muted-${ben.name}`);
    await amy.hearsSound();
  });

  it('closed_camera_shows_the_face_and_opened_again_the_picture', async () => {
    const [amy, ben] = await inCall();
    const tile = `tile-${ben.name}`;
    await amy.seesWith(tile, { 'data-video': '' });
    await ben.click('camera');
    await amy.seesWith(tile, { 'data-video': null });
    await ben.seesWith('self-view', { 'data-video': null });
    await ben.press('camera', 'v');
    await amy.seesWith(tile, { 'data-video': '' });
    await amy.seesPictures();
    await ben.seesPictures();
  });

  it('another_camera_goes_on_where_the_first_one_stopped', async () => {
    const [amy, ben] = await inCall();
    await ben.click('devices');
    const select = ben.byId('device-camera');
    // Chromium's second fake camera makes depth pictures, which nothing encodes; the third one makes JPEG.
    await until(async () => (await select.locator('option').count()) === 3, 'the fake cameras are not listed');
    const other = await select.locator('option').nth(2).getAttribute('value');
    await select.selectOption(other);
    await until(async () => (await sentDevice(ben)) === other, 'the other camera never was sent');
    await ben.click('dialog-close');
    await amy.seesPictures();
  });

  it('nickname_and_picture_are_seen_in_the_ring_and_in_the_call', async () => {
    const [amy, ben] = await here.people(['amy', 'ben']);
    await amy.click('profile');
    await amy.fill('nick', 'Amélie 艾米');
    await amy.click('avatar-3');
    await amy.click('profile-save');
    await amy.byId('profile-dialog').waitFor({ state: 'detached' });
    await amy.calls([ben.name]);
    const card = ben.byId('incoming');
    await card.getByText('Amélie 艾米').waitFor();
    await card.locator('.avatar img').waitFor();
    await ben.accepts();
    await ben.page.getByRole('heading', { name: 'Amélie 艾米' }).waitFor();
  });

  it('keyboard_alone_calls_answers_and_hangs_up', async () => {
    const [amy, ben] = await here.people(['amy', 'ben']);
    await amy.press('callee-input', 'End');
    await amy.page.keyboard.type(ben.name);
    await amy.page.keyboard.press('Enter');
    await amy.tabsTo('call-audio');
    await amy.page.keyboard.press('Enter');
    await ben.sees('incoming');
    await ben.tabsTo('accept');
    await ben.page.keyboard.press('Enter');
    await Promise.all([amy.inCall(), ben.inCall()]);
    await ben.tabsTo('hangup');
    await ben.page.keyboard.press('Enter');
    await Promise.all([amy.isIdle(), ben.isIdle()]);
  });

  it('shared_screen_has_a_tile_of_its_own_until_it_ends', async () => {
    const [amy, ben] = await inCall('video', { before: [offerCanvasAsScreen] });
    await ben.click('screen');
    await amy.sees(`screen-${ben.name}`);
    const shown = amy.byId(`screen-${ben.name}`).locator('video');
    await until(() => shown.evaluate((v) => v.videoWidth === 1280 && v.currentTime > 0), 'the shared screen never played');
    await ben.click('screen');
    await amy.seesNo(`screen-${ben.name}`);
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
  });
});

/** The camera whose picture the page sends now. */
function sentDevice(user) {
  return user.page.evaluate(() => {
    const senders = globalThis.__peerConnections.filter((p) => p.connectionState !== 'closed').flatMap((p) => p.getSenders());
    return senders.find((s) => s.track?.kind === 'video')?.track.getSettings().deviceId ?? '';
  });
}
