/** How the table of bad weather judges what was heard. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ear, judgePicture, resample } from '../weather/judge.mjs';
import { makeMurmur } from '../weather/murmur.mjs';
import { RATE } from '../weather/stoi.mjs';

const HEARD_RATE = 48_000;
const speech = makeMurmur();
const ear = new Ear(speech.samples);
const heard = resample(speech.samples.subarray(3 * RATE, 7 * RATE), RATE, HEARD_RATE);

/** @param {(sample: number, at: number) => number} harm */
const judge = (harm) => /** @type {number} */ (ear.judge(Int16Array.from(heard, (s, i) => 32_767 * harm(s, i)), HEARD_RATE));

test('sound is found wherever in the loop it is, and understood', () => {
  assert.ok(judge((s) => s) > 0.99);
  assert.ok(judge((s) => s / 4) > 0.99, 'loudness does not matter');
});

test('the more is missing the less is understood', () => {
  const without = (percent) => judge((s, i) => (Math.floor(i / 960) % 10 < percent / 10 ? 0 : s));
  const [some, half] = [without(20), without(50)];
  assert.ok(some < 0.95 && half < some - 0.1, `${some} ${half}`);
});

test('nothing and noise are not speech', () => {
  let state = 1;
  const noise = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5;
  assert.ok(judge(noise) < 0.6, `${judge(noise)}`);
  assert.equal(ear.judge(new Int16Array(0), HEARD_RATE), null);
});

test('gaps between pictures are freezes from a quarter of a second on', () => {
  const frames = [0, 100, 350, 851].map((at) => /** @type {[number, number, number, number]} */ ([at, 80, 640, 360]));
  const { fps, freeze, freeze500, longestMs, latencyMs } = judgePicture(frames, 0, 1_000);
  assert.deepEqual({ fps, longestMs, latencyMs }, { fps: 4, longestMs: 501, latencyMs: 80 });
  assert.ok(Math.abs(freeze - 50.1) < 1e-9 && Math.abs(freeze500 - 50.1) < 1e-9);
});
