// Two users go through what proto/GATEWAY.md promises, by a client that was written from that page alone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Server } from '../browser/support/server.mjs';
import { Client } from './client.mjs';

const APP = 1400000000;
const page = readFileSync(new URL('../../../proto/GATEWAY.md', import.meta.url), 'utf8');

/** @type {Server} */ let server;

before(async () => { server = await Server.start(); });
after(() => server.stop());

function client(user, device, at = server) {
  const env = { ...process.env, ...at.env };
  const userSig = execFileSync(process.env.CARILLON_BIN, ['user-sig', '--user', user], { env, encoding: 'utf8' }).trim();
  return new Client(`${at.origin.replace('http', 'ws')}/ws`, { app: APP, user, userSig }, device);
}

async function signedIn(...users) {
  const clients = users.map((user) => client(user));
  for (const one of clients) assert.equal((await one.signIn()).t, 'welcome');
  return clients;
}

const text = (to, words, clientId = randomUUID()) =>
  ({ to: { user: to }, kind: 'text', payload: { text: words }, clientId });

/** A call's message, as the page's section on calls has it. */
function signal(to, { cmd = 'videoCall', room, strRoom = '', inner = {}, ...envelope }) {
  const about = { version: 4, businessID: 'av_call', platform: 'Web', call_type: 2, room_id: room, ...inner };
  about.data = { cmd, room_id: room, str_room_id: strRoom, message: '' };
  const data = JSON.stringify({ businessID: 1, groupID: '', ...envelope, data: JSON.stringify(about) });
  return { to: { user: to }, kind: 'custom', payload: { data, description: '', extension: '' }, clientId: randomUUID() };
}

test('a message comes once, also over a lost socket and a repeated request', async () => {
  const [amy, ben] = await signedIn('amy', 'ben');
  const first = await amy.request('message.send', text('ben', 'one', 'c1'));
  const again = await amy.request('message.send', text('ben', 'one', 'c1'));
  assert.deepEqual(again, first);
  assert.deepEqual(await ben.event('message.new'), first.message);

  await ben.lose();
  const missed = await amy.request('message.send', text('ben', 'two'));
  const asked = ben.request('conversation.list', {});
  const welcome = await ben.resume();
  assert.equal(welcome.resumed, true);
  assert.equal(welcome.snapshot, undefined);
  assert.deepEqual(await ben.event('message.new'), missed.message);
  assert.equal((await asked).conversations[0].unread, 2);
  await ben.request('message.read', { with: { user: 'amy' } });
  assert.deepEqual(await amy.event('message.read'), { with: { user: 'ben' }, by: 'ben', seq: 2 });
  assert.deepEqual(ben.events, []);
});

test('a secret is good until the next one was used, and an overtaken try takes nothing', async () => {
  const [amy] = await signedIn('amy');
  const old = amy.session;
  await amy.lose();
  await amy.resume();
  assert.notEqual(amy.session, old);
  await amy.lose();
  amy.session = old;
  assert.equal((await amy.resume()).resumed, true, 'nothing was asked on the second socket');
  await amy.request('group.list', {});
  await amy.lose();
  amy.attempt = 0;
  assert.deepEqual(await amy.resume(), { t: 'closed', code: 4002 });
  amy.attempt = 9;
  amy.session = old;
  assert.equal((await amy.resume()).code, 6017);
});

test('profile, status and group are told to those they concern', async () => {
  const [amy, ben] = await signedIn('amy', 'ben');
  await ben.request('status.watch', { users: ['amy'] });
  const { profile } = await amy.request('profile.set', { nick: 'Amy', avatar: 'https://example.com/amy.png' });
  assert.deepEqual(await ben.event('profile.changed'), profile);
  await amy.request('status.set', { custom: 'here' });
  assert.deepEqual(await ben.event('status.changed'), { user: 'amy', online: true, custom: 'here' });

  const { group } = await amy.request('group.create', { name: 'Team', members: ['ben', 'nobody'] });
  assert.equal(group.memberCount, 2);
  assert.equal((await ben.event('group.changed')).info.owner, 'amy');
  const tip = await ben.event('message.new');
  assert.deepEqual([tip.kind, tip.payload], ['tip', { what: 'join', users: ['ben'] }]);
  const attributes = { colour: 'red' };
  assert.deepEqual(await ben.request('group.attributes.set', { group: group.id, attributes }), { attributes });
  for (const one of [amy, ben]) assert.deepEqual(await one.event('group.attributes'), { group: group.id, attributes });
});

test('a call rings, connects and ends by the messages of the page', async () => {
  const [amy, ben, eve] = await signedIn('amy', 'ben', 'eve');
  const [room, inviteID] = [52011, randomUUID()];
  const call = { room, inviteID, inviter: 'amy', inviteeList: ['ben'] };
  const entered = await amy.request('room.enter', { room });
  assert.deepEqual([entered.participants, entered.may.length], [[], 6]);
  await amy.request('message.send', signal('ben', { ...call, actionType: 1, timeout: 30 }));
  const rings = JSON.parse((await ben.event('message.new')).payload.data);
  assert.equal(rings.inviteID, inviteID);
  assert.deepEqual((await ben.event('call.changed', (c) => c.state === 'waiting')).waiting, ['ben']);
  await assert.rejects(eve.request('room.enter', { room }), { code: -100018 });

  const others = (await ben.request('room.enter', { room })).participants;
  assert.deepEqual(others.map((p) => p.user), ['amy']);
  assert.equal((await amy.event('room.entered')).participant.user, 'ben');
  await ben.request('message.send', signal('amy', { ...call, actionType: 3, timeout: 0 }));
  const connected = await amy.event('call.changed', (c) => c.state === 'connected');
  assert.deepEqual([connected.call, connected.connected.sort()], [inviteID, ['amy', 'ben']]);
  await ben.request('room.state', { room, tracks: { microphone: 'on', camera: 'muted' } });
  const { tracks } = await amy.event('room.tracks');
  assert.deepEqual(tracks, { microphone: { state: 'on', live: false }, camera: { state: 'muted', live: false } });

  await amy.request('room.leave', { room });
  assert.deepEqual(await ben.event('room.left'), { room, user: 'amy', reason: 'left' });
  const notice = { ...call, inviteID: randomUUID(), inviter: 'ben', inviteeList: ['amy'], actionType: 1, timeout: 0 };
  await ben.request('message.send', signal('amy', { ...notice, cmd: 'hangup', inner: { call_end: 1 } }));
  await ben.request('room.leave', { room });
  assert.equal((await amy.event('call.changed', (c) => c.state === 'ended')).result, 'NormalEnd');
  const [record] = (await amy.request('call.records', {})).records;
  assert.deepEqual([record.call, record.callees, record.result], [inviteID, ['ben'], 'NormalEnd']);
});

test('a call is made by verbs and answered by messages, and the other way round', async () => {
  const [amy, ben, cat] = await signedIn('amy', 'ben', 'cat');
  const [room, call] = [52012, randomUUID()];
  await amy.request('room.enter', { room });
  const started = await amy.request('call.start', { call, users: ['ben'], room, media: 'video', userData: 'u' });
  assert.deepEqual([started.call.state, started.users], ['waiting', [{ user: 'ben', result: 'rings' }]]);
  const rings = (await ben.event('message.new')).payload;
  const envelope = JSON.parse(rings.data);
  assert.deepEqual([envelope.inviteID, envelope.inviter, envelope.actionType, envelope.timeout], [call, 'amy', 1, 30]);
  const about = JSON.parse(envelope.data);
  assert.deepEqual([about.businessID, about.call_type, about.room_id, about.userData, about.data.cmd], ['av_call', 2, room, 'u', 'videoCall']);
  const other = randomUUID();
  await cat.request('room.enter', { room: 9 });
  assert.deepEqual((await cat.request('call.start', { call: other, users: ['ben'], room: 9, media: 'audio' })).users, [{ user: 'ben', result: 'busy' }]);
  assert.deepEqual((await ben.request('call.records', { limit: 1 })).records.map((r) => [r.call, r.result]), [[other, 'CallBusy']]);

  await ben.request('room.enter', { room });
  await ben.request('message.send', signal('amy', { room, inviteID: call, inviter: 'amy', inviteeList: ['ben'], actionType: 3, timeout: 0 }));
  const answered = await amy.event('call.members', (told) => told.changes[0].change === 'answer');
  assert.deepEqual([answered.changes[0].user, answered.call.state], ['ben', 'connected']);
  assert.equal((await amy.request('call.beat', { call })).call.call, call);
  assert.equal((await amy.request('call.hangUp', { call })).call.result, 'NormalEnd');
  await assert.rejects(amy.request('call.beat', { call }), { code: 10010 });
  await Promise.all([amy, ben].map((one) => one.request('room.leave', { room })));

  // An invitation by message is answered by the verb, and its maker reads the message.
  const invite = { room, inviteID: randomUUID(), inviter: 'amy', inviteeList: ['ben'] };
  await amy.request('room.enter', { room });
  await amy.request('message.send', signal('ben', { ...invite, actionType: 1, timeout: 30 }));
  assert.equal((await ben.request('call.answer', { call: invite.inviteID, answer: 'reject' })).call.result, 'Reject');
  const no = JSON.parse((await amy.event('message.new', (m) => m.from === 'ben' && JSON.parse(m.payload.data).actionType === 4)).payload.data);
  assert.deepEqual([no.inviteID, no.inviteeList], [invite.inviteID, ['ben']]);
});

test('ringing ends for a caller who is gone, and for one who only leaves the room', async () => {
  const patient = await Server.start({ CARILLON_CALL_CALLER_AWAY_MS: '1000' });
  try {
    const [amy, ben] = [client('amy', 'device-of-amy', patient), client('ben', 'device-of-ben', patient)];
    for (const one of [amy, ben]) assert.equal((await one.signIn()).t, 'welcome');
    for (const gives of ['lose', 'leave']) {
      const [room, inviteID] = [7, randomUUID()];
      await amy.request('room.enter', { room });
      await amy.request('message.send', signal('ben', { room, inviteID, inviter: 'amy', inviteeList: ['ben'], actionType: 1, timeout: 30 }));
      if (gives === 'lose') await amy.lose();
      else await amy.request('room.leave', { room });
      const ends = ({ from, payload }) => from === 'amy' && JSON.parse(payload.data).actionType === 2;
      const { payload } = await ben.event('message.new', ends);
      const { inviteID: ended, inviteeList } = JSON.parse(payload.data);
      assert.deepEqual([ended, inviteeList], [inviteID, ['ben']]);
      assert.equal((await ben.event('call.changed', (call) => call.call === inviteID && call.state === 'ended')).result, 'Cancel');
      if (gives === 'lose') assert.equal((await amy.resume()).resumed, true);
    }
  } finally {
    await patient.stop();
  }
});

test('a session ends with a bye, a bad hello with a refusal', async () => {
  const [amy] = await signedIn('amy');
  amy.send({ t: 'ping', nonce: 7 });
  await amy.until(() => amy.pong?.nonce === 7);
  const other = client('amy', 'device-of-amy');
  await other.signIn();
  assert.equal(await amy.closed, 4000);
  assert.equal(amy.bye.reason, 'kickedBySameDevice');
  other.send({ t: 'request', id: 3, verb: 'group.list' });
  assert.equal(await other.closed, 4003);
  await other.resume();
  other.send({ t: 'ack', seq: 99 });
  assert.equal(await other.closed, 4000);
  assert.deepEqual([other.bye.reason, other.bye.code], ['protocolError', 60003]);
  const forger = client('amy');
  forger.who.userSig = client('ben').who.userSig;
  assert.equal((await forger.signIn()).code, 70013);
  assert.equal(await forger.closed, 4001);
});

test('a device that signs in late finds what rings, once, until it is answered', async () => {
  const [amy, ben] = await signedIn('amy', 'ben');
  ben.send({ t: 'signOut' });
  assert.equal(await ben.closed, 4000);
  assert.equal(ben.bye.reason, 'signedOut');
  const call = { room: 'a text', inviteID: randomUUID(), inviter: 'amy', inviteeList: ['ben'] };
  await amy.request('room.enter', { room: call.room });
  const about = { room: 0, inner: {} };
  const invite = signal('ben', { ...call, ...about, strRoom: call.room, actionType: 1, timeout: 30 });
  const { message } = await amy.request('message.send', invite);
  const late = client('ben');
  const { snapshot } = await late.signIn();
  assert.deepEqual(snapshot.openInvitations, [message]);
  assert.deepEqual(snapshot.calls.map((c) => [c.call, c.room]), [[call.inviteID, 'a text']]);
  await late.request('message.send', signal('amy', { ...call, ...about, actionType: 4, timeout: 0 }));
  assert.equal((await amy.event('call.changed', (c) => c.state === 'ended')).result, 'Reject');
  assert.deepEqual(late.events.filter((e) => e.event === 'message.new'), []);
  assert.deepEqual((await client('ben').signIn()).snapshot.openInvitations, []);
});

test('frames that break a rule have the code of the page', async () => {
  const hello = (more) => ({ t: 'hello', version: 1, ...client('amy').who, device: { id: 'x', platform: 'web' }, ...more });
  const refusals = [
    [hello({ version: 2 }), 60006],
    [hello({ app: 'x' }), 60003],
    [hello({ app: 7 }), 70020],
    [hello({ user: 'a b' }), 20003],
    [hello({ userSig: '' }), 70002],
    [hello({ userSig: 'x' }), 70003],
    [hello({ userSig: 'x'.repeat(8192) }), 80002],
    [{ t: 'hello', version: 1, resume: { session: '1-00', ack: 0 } }, 6017],
    [{ t: 'ping' }, 60003],
  ];
  for (const [frame, code] of refusals) {
    const one = client('amy');
    const refused = await one.open(frame);
    assert.deepEqual([refused.t, refused.code], ['refused', code], JSON.stringify(frame).slice(0, 200));
    assert.equal(await one.closed, 4001);
  }
  const large = { t: 'request', id: 1, verb: 'room.leave', body: { room: 'x'.repeat(70_000) } };
  for (const [frame, code] of [[large, 80002], [{ t: 'jump' }, 60003], [[], 60003], [hello({}), 60003]]) {
    const [amy] = await signedIn('amy');
    amy.send(frame);
    assert.equal(await amy.closed, 4000);
    assert.deepEqual([amy.bye.reason, amy.bye.code], ['protocolError', code]);
  }
});

test('who is silent for two intervals is closed and resumes', async () => {
  const hasty = await Server.start({ CARILLON_GATEWAY_PING_INTERVAL_MS: '1000', CARILLON_GATEWAY_HELLO_WITHIN_MS: '1000' });
  try {
    const amy = client('amy', 'x', hasty);
    assert.equal((await amy.signIn()).pingIntervalMs, 1000);
    const mute = client('amy', 'y', hasty);
    assert.deepEqual(await mute.open(undefined), { t: 'closed', code: 4005 });
    assert.equal(await amy.closed, 4004);
    assert.equal((await amy.resume()).resumed, true);
    await hasty.end();
    assert.equal(await amy.closed, 1001);
    assert.equal(amy.bye.reason, 'serverStopping');
  } finally {
    await hasty.stop();
  }
});

test('each verb takes the body that the page shows', async () => {
  const [amy] = await signedIn('amy', 'ben', 'cat');
  const rows = [...page.matchAll(/^\| `(\w+\.[\w.]+)` \| `(\{.*?\})` →/gm)];
  assert.ok(rows.length >= 34, `${rows.length} verbs`);
  for (const [, verb, shown] of rows) {
    const body = JSON.parse(shown.replaceAll('?":', '":').replaceAll('{…}', '{}'));
    const error = await amy.request(verb, body).then(() => null, (e) => e);
    assert.ok(![60003, 60004, 60005].includes(error?.code), `${verb}: ${error?.message}`);
  }
});
