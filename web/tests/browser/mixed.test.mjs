// A phone (ffmpeg), a page and a listener in one room, in short: `make rtmp` takes longer over it, and holds what an idle machine reaches.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Call } from '../rtmp/support/call.mjs';
import { LivePusher } from '../rtmp/support/live_pusher.mjs';
import { Player } from '../rtmp/support/phone.mjs';
import { median } from '../rtmp/support/timecode.mjs';
import { until } from './support/user.mjs';

/** Milliseconds, on a machine that does other things. */
const [OLD_MAX, SKEW_MAX] = [2_000, 250];

describe('a call of a phone and two pages', { timeout: 300_000 }, () => {
  const call = new Call();
  before(() => call.start());
  after(() => call.end());

  it('goes_on_when_the_phone_changes_its_camera_dies_and_comes_back', async () => {
    const room = call.room();
    const [amy, ben] = await Promise.all([call.enter(room, 'amy'), call.enter(room, 'ben', { publish: false })]);
    const url = await call.pushUrl(room, 'phone');
    const pusher = new LivePusher(url);
    const player = new Player(await call.playUrl(room, 'phone', 'amy'));
    const [seen] = await Promise.all([call.watch(amy, 'phone'), call.watch(ben, 'phone'), call.watch(ben, 'amy')]);
    pusher.setCamera({ width: 480, height: 270 });
    await until(async () => (await amy.evaluate(() => globalThis.widthOf('phone'))) === 480, 'amy never sees the other camera');
    await pusher.stop('SIGKILL');
    await Promise.all([call.take(amy, 'phone'), call.take(ben, 'phone')]);
    const again = new LivePusher(url);
    await call.watch(ben, 'phone');
    await until(() => player.ages().length > 100, () => `${player.ages().length} pictures for the phone\n${player.log}`);
    await Promise.all([again.stop(), player.stop()]);
    const judged = await player.judge(await amy.evaluate(() => globalThis.sentBeeps()));
    await player.forget();
    console.log(`phone -> page: ${Math.round(seen.picture)} ms old, sound ${Math.round(seen.skew)} ms behind; page -> phone: `
      + `${median(player.ages())} ms old, sound ${Math.round(judged.skew)} ms behind`);
    assert.ok(seen.picture <= OLD_MAX && median(player.ages()) <= OLD_MAX, 'pictures are this moment\'s');
    assert.ok(Math.abs(seen.skew) <= SKEW_MAX && Math.abs(judged.skew) <= SKEW_MAX, 'sound belongs to them');
    assert.ok(judged.beeps >= 3 && judged.backwards === 0, `the phone hears amy: ${judged.beeps} beeps, ${judged.backwards} steps back`);
  });
});
