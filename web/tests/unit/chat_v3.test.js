// The signalling of version 3: a gateway that the test plays, and time that passes when told.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Chat, create } from '../../tim/v3.js';
import { TSignaling } from '../../tim/v3_signal.js';
import { fakeClock } from '../support/clock.js';

const CALL = JSON.stringify({ businessID: 'av_call', call_type: 2, room_id: 7 });

const settled = async () => { for (let i = 0; i < 20; i += 1) await null; };

/** A chat that believes it is signed in, over a gateway that answers at once. */
async function signedIn(user = 'ben') {
  const clock = fakeClock();
  const sent = [];
  let failing = null;
  class TestChat extends Chat {
    get user() { return user; }
    serverNow() { return clock.now(); }
    async request(verb, body) {
      if (failing) throw failing;
      sent.push({ verb, body });
      const stored = { id: `s${sent.length}`, from: user, seq: sent.length, timeMs: clock.now(), nick: '', avatar: '' };
      return { message: { ...stored, to: body.to ?? { user: 'amy' }, kind: body.kind ?? 'custom', payload: body.payload, clientId: body.clientId } };
    }
  }
  const chat = new TestChat({ SDKAppID: 1, clock });
  const told = [];
  for (const name of Object.values(TSignaling).filter((v) => typeof v === 'string')) {
    chat.addSignalingListener(name, ({ name: event, data }) => told.push([event, data]));
  }
  const signals = () => sent.filter(({ verb }) => verb === 'message.send').map(({ body }) => ({ ...JSON.parse(body.payload.data), to: body.to, options: body.options }));
  let number = 0;
  const hears = (signal, from, to = { user }, more = {}) => {
    number += 1;
    const payload = { data: JSON.stringify({ businessID: 1, timeout: 0, groupID: '', data: CALL, ...signal }), description: '', extension: '' };
    chat.told('message.new', { id: `in${number}`, from, to, kind: 'custom', payload, clientId: '', seq: 100 + number, timeMs: clock.now(), nick: '', avatar: '', ...more });
  };
  return { chat, clock, sent, signals, told, take: () => told.splice(0), hears, fail: (error) => { failing = error; } };
}

const invitation = (more = {}) => ({ inviteID: 'i1', inviter: 'amy', actionType: 1, inviteeList: ['ben'], timeout: 30, ...more });

test('an invitation is sent in the vendor\'s form and keeps its marks', async () => {
  const { chat, signals } = await signedIn('amy');
  const data = JSON.stringify({ data: { excludeFromHistoryMessage: true } });
  const result = await chat.invite({ userID: 'ben', data, timeout: 30 });
  const [signal] = signals();
  assert.deepEqual([result.code, result.inviteID, result.data.message.conversationType], [0, signal.inviteID, 'C2C']);
  const { to, options, ...written } = signal;
  assert.deepEqual(written, { businessID: 1, inviteID: signal.inviteID, inviter: 'amy', actionType: 1, inviteeList: ['ben'], data, timeout: 30, groupID: '' });
  assert.deepEqual([to, options.excludeFromHistory, options.onlineOnly], [{ user: 'ben' }, true, false]);
});

test('accept goes to the inviter, and the second answer is refused', async () => {
  const { chat, signals, take, hears } = await signedIn();
  hears(invitation(), 'amy');
  assert.deepEqual(take(), [[TSignaling.NEW_INVITATION_RECEIVED, { inviteID: 'i1', inviter: 'amy', groupID: '', data: CALL, inviteeList: ['ben'] }]]);
  await chat.accept({ inviteID: 'i1', data: '{}' });
  const [{ to, actionType, inviter, inviteeList, timeout }] = signals();
  assert.deepEqual([to, actionType, inviter, inviteeList, timeout], [{ user: 'amy' }, 3, 'amy', ['ben'], 0]);
  await assert.rejects(chat.reject({ inviteID: 'i1' }), { code: 8010 });
});

test('an invitation for those online is answered to those online', async () => {
  const { chat, signals, hears } = await signedIn();
  hears(invitation(), 'amy', { user: 'ben' }, { onlineOnly: true });
  await chat.accept({ inviteID: 'i1' });
  hears(invitation({ inviteID: 'i2' }), 'amy');
  await chat.accept({ inviteID: 'i2' });
  assert.deepEqual(signals().map(({ options }) => options.onlineOnly), [true, false]);
});

test('only who invited cancels, and only who is invited answers', async () => {
  const { chat, hears } = await signedIn();
  hears(invitation(), 'amy');
  await assert.rejects(chat.cancel({ inviteID: 'i1' }), { code: 8011 });
  const { inviteID } = await chat.invite({ userID: 'cy', timeout: 30 });
  await assert.rejects(chat.accept({ inviteID }), { code: 8011 });
});

test('answers of the others are told while the invitation is open', async () => {
  const { chat, take, hears } = await signedIn('amy');
  const { inviteID } = await chat.inviteInGroup({ groupID: '@g', inviteeList: ['ben', 'cy'], data: CALL, timeout: 30 });
  const answer = (actionType, user) => hears({ inviteID, inviter: 'amy', actionType, inviteeList: [user], groupID: '@g' }, user, { group: '@g' });
  answer(4, 'ben');
  answer(3, 'cy');
  answer(3, 'cy');
  assert.deepEqual(take().map(([name, data]) => [name, data.invitee]), [[TSignaling.INVITEE_REJECTED, 'ben'], [TSignaling.INVITEE_ACCEPTED, 'cy']]);
});

test('an invitation of a group is for those it names', async () => {
  const { take, hears } = await signedIn('dan');
  hears(invitation({ groupID: '@g', inviteeList: ['ben'] }), 'amy', { group: '@g' });
  assert.deepEqual(take(), []);
});

test('the invitee times out after its time, the inviter five seconds later', async () => {
  const ben = await signedIn('ben');
  ben.hears(invitation(), 'amy');
  ben.take();
  await ben.clock.passSettled(29_000);
  assert.deepEqual(ben.signals(), []);
  await ben.clock.passSettled(1_000);
  assert.deepEqual(ben.signals().map(({ actionType, inviteeList, to }) => [actionType, inviteeList, to]), [[5, ['ben'], { user: 'amy' }]]);
  assert.deepEqual(ben.take().map(([name, data]) => [name, data.isSelfTimeout]), [[TSignaling.INVITATION_TIMEOUT, true]]);

  const amy = await signedIn('amy');
  await amy.chat.invite({ userID: 'ben', data: CALL, timeout: 30 });
  await amy.clock.passSettled(34_000);
  assert.equal(amy.signals().length, 1);
  await amy.clock.passSettled(1_000);
  assert.deepEqual(amy.signals().map(({ actionType, to }) => [actionType, to]), [[1, { user: 'ben' }], [5, { user: 'ben' }]]);
});

test('a time-out that cannot be sent still ends the ringing here', async () => {
  const { clock, take, hears, fail } = await signedIn();
  hears(invitation(), 'amy');
  take();
  fail(Object.assign(new Error('gone'), { code: 2800 }));
  await clock.passSettled(30_000);
  assert.deepEqual(take().map(([name, data]) => [name, data.isSelfTimeout]), [[TSignaling.INVITATION_TIMEOUT, true]]);
});

test('a failed answer can be given again', async () => {
  const { chat, signals, hears, fail } = await signedIn();
  hears(invitation(), 'amy');
  fail(Object.assign(new Error('gone'), { code: 2800 }));
  await assert.rejects(chat.accept({ inviteID: 'i1' }), { code: 2800 });
  fail(null);
  await chat.accept({ inviteID: 'i1' });
  assert.equal(signals().length, 1);
});

test('a cancelled invitation does not time out', async () => {
  const { clock, take, hears, signals } = await signedIn();
  hears(invitation(), 'amy');
  hears({ inviteID: 'i1', inviter: 'amy', actionType: 2, inviteeList: ['ben'] }, 'amy');
  await clock.passSettled(60_000);
  assert.deepEqual(take().map(([name]) => name), [TSignaling.NEW_INVITATION_RECEIVED, TSignaling.INVITATION_CANCELLED]);
  assert.deepEqual(signals(), []);
});

test('the answer from one\'s other device is told here', async () => {
  const { take, hears } = await signedIn();
  hears(invitation(), 'amy');
  hears({ inviteID: 'i1', inviter: 'amy', actionType: 3, inviteeList: ['ben'] }, 'ben', { user: 'amy' });
  assert.deepEqual(take().at(-1)[1].invitee, 'ben');
});

test('modified data reaches the message and the other side', async () => {
  const { chat, sent, take, hears } = await signedIn();
  hears(invitation(), 'amy');
  await chat.modifyInvitation({ inviteID: 'i1', data: '{"consumed":true}' });
  const { verb, body } = sent.at(-1);
  assert.deepEqual([verb, body.id, JSON.parse(body.payload.data).data, JSON.parse(body.payload.data).inviteID], ['message.modify', 'in1', '{"consumed":true}', 'i1']);
  take();
  chat.told('message.modified', { id: 'in1', from: 'amy', to: { user: 'ben' }, kind: 'custom', payload: body.payload, seq: 101, timeMs: 0, nick: '', avatar: '' });
  assert.deepEqual(take(), [[TSignaling.INVITATION_MODIFIED, { inviteID: 'i1', data: '{"consumed":true}' }]]);
  await assert.rejects(chat.modifyInvitation({ inviteID: 'other', data: '' }), { code: 8010 });
});

test('a message says whether it is a signal', async () => {
  const { chat } = await signedIn();
  const message = (data, type = 'TIMCustomElem') => ({ type, payload: { data } });
  const text = JSON.stringify({ businessID: 1, inviteID: 'i1', inviter: 'amy', actionType: 4, inviteeList: ['ben'], data: '', timeout: 0, groupID: '' });
  assert.equal(chat.getSignalingInfo(message(text)).actionType, 4);
  for (const other of ['', '{', '{"inviteID":"i1","actionType":9,"businessID":1}', '{"inviteID":1,"actionType":1,"businessID":1}', '{"businessID":"av_call","inviteID":"i","actionType":1}']) {
    assert.equal(chat.getSignalingInfo(message(other)), null);
  }
  assert.equal(chat.getSignalingInfo(message(text, 'TIMTextElem')), null);
});

test('the same application is one instance until it is destroyed', async () => {
  const first = create({ SDKAppID: 77 });
  assert.equal(create({ SDKAppID: 77 }), first);
  await first.destroy();
  assert.notEqual(create({ SDKAppID: 77 }), first);
});
