// What others' answers to an invitation may change.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Flow } from '../../call/flow.js';
import { Inbox } from '../../call/inbox.js';
import { Action } from '../../call/signal.js';
import { newCall } from '../../call/state.js';

/** amy has rung these people; nobody has answered yet. */
function ringing(users, groupID = '', { me = 'amy', role = 'inviter' } = {}) {
  const told = [];
  const clock = { now: () => 0, setTimeout: () => 0, clearTimeout: () => {}, setInterval: () => 0, clearInterval: () => {} };
  const gateway = { user: me, on: () => {}, off: () => {}, serverNow: () => 0 };
  const flow = new Flow({ gateway, clock, local: { closeAll: () => {} }, playback: { clear: () => {} }, emit: (name, facts) => told.push([name, facts.userID]) });
  flow.seat.publish = () => {};
  const invitees = new Map(users.map((user) => [user, 'waiting']));
  const call = newCall({ callID: 'i1', room: 7, groupID, role, type: 2, inviter: 'amy', invitees });
  flow.call = call;
  flow.status = 'calling';
  flow.hold(call, 'i1', 'amy', users, 35_000);
  const inbox = new Inbox(flow);
  const answer = (from, actionType, inviteeList) => {
    const inner = { businessID: 'av_call', call_type: 2, data: { cmd: 'videoCall' } };
    const outer = { businessID: 1, inviteID: 'i1', inviter: 'amy', actionType, inviteeList, groupID, timeout: 0 };
    const data = JSON.stringify({ ...outer, data: JSON.stringify(inner) });
    inbox.receive({ kind: 'custom', from, timeMs: 0, payload: { data } });
  };
  return { flow, answer, told, states: () => Object.fromEntries(call.invitees) };
}

test('one of a group answers for oneself only', () => {
  const { flow, answer, told, states } = ringing(['ben', 'cat', 'dan'], 'team');
  answer('ben', Action.REJECT, ['cat']);
  assert.deepEqual(states(), { ben: 'rejected', cat: 'waiting', dan: 'waiting' });
  answer('cat', Action.ACCEPT, ['cat', 'dan']);
  assert.deepEqual(states(), { ben: 'rejected', cat: 'accepted', dan: 'waiting' });
  assert.equal(flow.status, 'connected');
  assert.deepEqual(told.filter(([name]) => name === 'onUserAccept'), [['onUserAccept', 'cat']]);
});

test('an invitation is taken back by who made it, and by nobody else', async () => {
  for (const groupID of ['', 'team']) {
    const { flow, answer } = ringing(['ben', 'cat'], groupID, { me: 'ben', role: 'invitee' });
    for (const from of ['mallory', 'cat']) answer(from, Action.CANCEL, ['ben']);
    assert.equal(flow.status, 'calling', groupID);
    answer('amy', Action.CANCEL, ['ben']);
    await new Promise(setImmediate);
    assert.equal(flow.status, 'idle', groupID);
  }
});

test('an invitation times out by the word of who made it, and of each for oneself', () => {
  const { answer, states } = ringing(['ben', 'cat', 'dan', 'eve'], 'team', { me: 'ben', role: 'invitee' });
  answer('mallory', Action.TIMEOUT, ['cat']);
  answer('cat', Action.TIMEOUT, ['cat', 'dan']);
  assert.deepEqual(states(), { ben: 'waiting', cat: 'noResponse', dan: 'waiting', eve: 'waiting' });
  answer('amy', Action.TIMEOUT, ['dan', 'eve']);
  assert.deepEqual(states(), { ben: 'waiting', cat: 'noResponse', dan: 'noResponse', eve: 'noResponse' });
});

for (const groupID of ['', 'team']) {
  test(`who was not invited answers for nobody ${groupID ? 'in a group' : 'in a call of two'}`, () => {
    const { flow, answer, told, states } = ringing(['ben'], groupID);
    for (const action of [Action.ACCEPT, Action.REJECT]) answer('mallory', action, ['ben']);
    assert.deepEqual([states(), flow.status, told], [{ ben: 'waiting' }, 'calling', []]);
  });
}
