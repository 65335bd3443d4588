/** The demo page's parts that need no browser. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { en } from '../../demo/i18n/en.js';
import { zh } from '../../demo/i18n/zh.js';
import { gallery, metalOf, safeAvatar } from '../../demo/lib/avatar.js';
import { melodyOf, scale } from '../../demo/lib/chime.js';
import { readRecord } from '../../demo/lib/record.js';
import { maxAvatarBytes } from '../../demo/lib/shrink.js';
import { bestGrid } from '../../demo/views/grid.js';
import { peersOf, withoutUser, withUnplayable } from '../../demo/peers.js';

const root = fileURLToPath(new URL('../../demo', import.meta.url));
const files = readdirSync(root, { recursive: true }).map(String).filter((name) => /\.(js|css|html|svg)$/.test(name));
const read = (name) => readFileSync(join(root, name), 'utf8');

test('both languages have the same words', () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  const holes = (words) => [...String(words).matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en)) {
    if (key === 'namePlaceholder') continue;
    assert.deepEqual(holes(zh[key]), holes(en[key]), key);
  }
});

test('every word that a view asks for is there', () => {
  for (const name of files.filter((one) => one.endsWith('.js'))) {
    for (const [, key] of read(name).matchAll(/\bt\('(\w+)'/g)) assert.ok(key in en, `${name}: ${key}`);
  }
});

test('nothing comes from another host', () => {
  for (const name of files) {
    const elsewhere = [...read(name).matchAll(/https?:\/\/[\w.]+/g)].map(String)
      .filter((url) => !url.startsWith('http://www.w3.org') && url !== 'http://localhost');
    assert.deepEqual(elsewhere, [], name);
  }
});

test('files stay small', () => {
  for (const name of files) assert.ok(read(name).split('\n').length <= 300, name);
});

test('every outcome and result has words', () => {
  for (const direction of ['in', 'out']) {
    for (const result of ['Cancel', 'Reject', 'NotAnswer', 'NormalEnd', 'CallBusy', 'Interrupt', 'Offline']) {
      assert.ok(`result_${direction}_${result}` in en);
    }
  }
  const events = read('phone-events.js').split('function canceledOutcome')[1];
  const outcomes = [...events.matchAll(/(?:return|\?|:|\?\?) '(\w+)'/g)].map((match) => match[1]);
  assert.ok(outcomes.length >= 12);
  for (const outcome of outcomes) assert.ok(`outcome_${outcome}` in en, outcome);
});

test('the pictures to choose fit into a profile', () => {
  for (const url of gallery) {
    assert.ok(url.length <= maxAvatarBytes, String(url.length));
    assert.equal(safeAvatar(url), url);
  }
});

test('a picture from elsewhere is not shown', () => {
  for (const url of ['https://example.com/a.png', '//x', 'javascript:alert(1)', 'data:text/html,x', '', null, undefined]) {
    assert.equal(safeAvatar(url), '');
  }
});

test('a name always has the same melody and metal', () => {
  for (const name of ['a', 'amy', 'Amy', '小猫', 'a-very-long-user-name-of-32-chars']) {
    const melody = melodyOf(name);
    assert.deepEqual(melody, melodyOf(name));
    assert.ok(melody.length >= 4 && melody.length <= 6);
    assert.ok(melody.every((step) => Number.isInteger(step) && step >= 0 && step < scale.length));
    assert.match(metalOf(name), /^#/);
  }
});

test('tiles fill the place and never leave it', () => {
  for (const [width, height] of [[374, 720], [1400, 740], [1000, 200]]) {
    for (let count = 1; count <= 25; count++) {
      const best = bestGrid(count, width, height);
      assert.ok(best.columns * best.rows >= count);
      assert.ok(best.columns * best.width + 10 * (best.columns - 1) <= width + 0.01);
      assert.ok(best.rows * best.height + 10 * (best.rows - 1) <= height + 0.01);
      assert.ok(best.width > 0 && best.height > 0);
    }
  }
  assert.equal(bestGrid(4, 1400, 740).columns, 2);
  assert.equal(bestGrid(9, 1400, 740).columns, 3);
});

test('a record reads from both sides', () => {
  const record = { caller: 'amy', callees: ['ben', 'cat'], result: 'NotAnswer', startedMs: 1000, acceptedMs: null, endedMs: 31_000 };
  assert.deepEqual(readRecord(record, 'amy'), { outgoing: true, others: ['ben', 'cat'], seconds: 0, missed: false, result: 'out_NotAnswer', talked: false });
  assert.deepEqual(readRecord(record, 'ben'), { outgoing: false, others: ['amy', 'cat'], seconds: 0, missed: true, result: 'in_NotAnswer', talked: false });
  assert.equal(readRecord({ ...record, acceptedMs: 11_000, result: 'NormalEnd' }, 'ben').seconds, 20);
  assert.equal(readRecord({ ...record, result: 'Reject' }, 'ben').missed, false);
});

test('the stage shows who is there and who is still asked', () => {
  const call = {
    role: 'inviter', isGroup: true, inviter: 'amy', remoteUsers: [{ userID: 'ben', video: true }],
    invitees: [{ userID: 'ben', state: 'accepted' }, { userID: 'cat', state: 'waiting' }, { userID: 'dan', state: 'rejected' }, { userID: 'amy', state: 'waiting' }],
  };
  const peers = peersOf({ call, me: { user: 'amy' } });
  assert.deepEqual(peers.map(({ userID, state }) => [userID, state]), [['ben', 'in'], ['cat', 'ringing']]);
  const incoming = { role: 'invitee', isGroup: false, inviter: 'ben', remoteUsers: [], invitees: [{ userID: 'amy', state: 'accepted' }] };
  assert.deepEqual(peersOf({ call: incoming, me: { user: 'amy' } }), [{ userID: 'ben', state: 'joining' }]);
});

test('what a browser cannot play is remembered until it comes again, or its sender leaves', () => {
  const camera = withUnplayable({}, { user: 'ben', track: 'camera', codec: 'H264' });
  const both = withUnplayable(camera, { user: 'ben', track: 'screen', codec: 'AV1' });
  assert.deepEqual(both, { ben: { camera: 'H264', screen: 'AV1' } });
  assert.deepEqual(withUnplayable(both, { user: 'ben', track: 'camera', codec: null }), { ben: { screen: 'AV1' } });
  assert.deepEqual(withoutUser({ ...both, cat: { camera: 'VP9' } }, 'ben'), { cat: { camera: 'VP9' } });
  assert.deepEqual(camera, { ben: { camera: 'H264' } }, 'what was there is not changed');
  for (const track of ['camera', 'screen']) assert.ok(`tile_unplayable_${track}` in en);
});
