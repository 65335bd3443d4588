import test from 'node:test';
import assert from 'node:assert/strict';
import { Action, parse, payload } from '../../call/signal.js';

const outer = { inviteID: 'i1', inviter: 'amy', action: Action.INVITE, inviteeList: ['ben'], timeout: 30, groupID: '' };
const message = (data, from = 'amy') => ({ kind: 'custom', payload: { data, description: '', extension: '' }, from, timeMs: 5 });

test('an invitation has all eight outer members and a JSON text inside', () => {
  const { data } = payload(outer, { type: 2, caller: 'amy', room: 52011, userIDs: ['ben'], hidden: true });
  const written = JSON.parse(data);
  assert.deepEqual(Object.keys(written).sort(), ['actionType', 'businessID', 'data', 'groupID', 'inviteID', 'inviteeList', 'inviter', 'timeout']);
  assert.deepEqual(JSON.parse(written.data), {
    userData: '', version: 4, call_type: 2, room_id: 52011, businessID: 'av_call', platform: 'Web',
    data: { cmd: 'videoCall', room_id: 52011, str_room_id: '', inviter: 'amy', message: '', userIDs: ['ben'], excludeFromHistoryMessage: true },
  });
});

test('a text room survives writing and reading', () => {
  const { data } = payload(outer, { type: 1, caller: 'amy', room: 'team', userData: 'x' });
  const read = parse(message(data));
  assert.deepEqual([read?.kind, read?.room, read?.type, read?.userData], ['invite', 'team', 1, 'x']);
});

test('an answer has no time-out and no room', () => {
  const { data } = payload({ ...outer, action: Action.ACCEPT }, { type: 2, caller: 'amy' });
  assert.equal(JSON.parse(data).timeout, 0);
  const read = parse(message(data, 'ben'));
  assert.deepEqual([read?.kind, read?.action, read?.room, read?.busy], ['answer', 3, null, false]);
});

test('hangup, switch and busy are told apart', () => {
  const hangup = parse(message(payload({ ...outer, timeout: 0 }, { type: 2, caller: 'amy', cmd: 'hangup', seconds: 37 }).data));
  assert.deepEqual([hangup?.kind, hangup?.seconds], ['hangup', 37]);
  const change = parse(message(payload(outer, { type: 2, caller: 'amy', cmd: 'switchToAudio', room: 7 }).data));
  assert.deepEqual([change?.kind, change?.room], ['switch', 7]);
  const busy = parse(message(payload({ ...outer, action: Action.REJECT }, { type: 2, caller: 'cat', busy: true }).data));
  assert.deepEqual([busy?.kind, busy?.busy], ['answer', true]);
});

test('other messages are no call messages', () => {
  for (const data of ['', 'no json', '[]', 'null', '{"businessID":2}', '{"businessID":1,"inviteID":"a","data":"{}"}', undefined]) {
    assert.equal(parse(message(data)), null);
  }
  assert.equal(parse({ ...message(''), kind: 'text' }), null);
});
