import test from 'node:test';
import assert from 'node:assert/strict';
import { GatewayClient } from '../../core/gateway.js';
import { fakeClock } from '../support/clock.js';

/** Sockets whose other end is the test. */
function fakeSockets() {
  const all = [];
  class Socket {
    readyState = 0;
    sent = [];
    constructor() { all.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { if (this.readyState < 3) { this.readyState = 3; this.onclose?.(); } }
    open() { this.readyState = 1; this.onopen(); }
    say(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  }
  return { Socket, all, last: () => all.at(-1) };
}

const welcome = (more = {}) => ({
  t: 'welcome', version: 1, session: 's1', user: 'amy', resumed: false, ack: 0, serverTimeMs: 1_000_000,
  pingIntervalMs: 10_000, resumeWithinMs: 30_000, snapshot: { profile: {} }, ...more,
});

async function online(options = {}) {
  const clock = fakeClock(1_000_000);
  const net = fakeSockets();
  const client = new GatewayClient({ url: 'ws://x', app: 1, deviceId: 'd', WebSocket: net.Socket, clock, network: null, ...options });
  const signedIn = client.signIn({ user: 'amy', userSig: 'sig' });
  net.last().open();
  net.last().say(welcome());
  await signedIn;
  return { clock, net, client };
}

test('sign-in sends hello and resolves with the snapshot', async () => {
  const { net, client } = await online();
  assert.equal(client.state, 'online');
  assert.deepEqual(net.all[0].sent[0], { t: 'hello', version: 1, app: 1, user: 'amy', userSig: 'sig', device: { id: 'd', platform: 'web', sync: 'answers' } });
});

test('a request is numbered and settles by its reply, by an error or by time', async () => {
  const { clock, net, client } = await online();
  const [one, two, three] = [client.request('profile.get', {}), client.request('room.enter', {}), client.request('x', {})];
  assert.deepEqual(net.last().sent.slice(1).map(({ id }) => id), [1, 2, 3]);
  net.last().say({ t: 'reply', seq: 1, re: 1, ack: 1, body: { profiles: [] } });
  net.last().say({ t: 'reply', seq: 2, re: 2, ack: 2, error: { code: 10004, message: 'no' } });
  assert.deepEqual(await one, { profiles: [] });
  await assert.rejects(two, { code: 10004 });
  // The server lives; only this answer does not come.
  clock.pass(5_000);
  net.last().say({ t: 'pong', nonce: 1 });
  clock.pass(5_500);
  net.last().say({ t: 'pong', nonce: 1 });
  clock.pass(5_000);
  await assert.rejects(three, { code: 6002 });
});

test('a lost socket is resumed: unhandled requests go again, events come once', async () => {
  const { clock, net, client } = await online();
  const seen = [];
  client.on('message.new', ({ id }) => seen.push(id));
  const reply = client.request('message.send', {});
  net.last().say({ t: 'event', seq: 1, event: 'message.new', body: { id: 'a' } });
  net.last().close();
  assert.equal(client.state, 'reconnecting');
  clock.pass(1_000);
  net.last().open();
  assert.deepEqual(net.last().sent[0].resume, { session: 's1', ack: 1, attempt: 1 });
  net.last().say(welcome({ resumed: true, snapshot: undefined }));
  assert.equal(net.last().sent[1].id, 1);
  for (const [seq, id] of [[1, 'a'], [2, 'b']]) net.last().say({ t: 'event', seq, event: 'message.new', body: { id } });
  net.last().say({ t: 'reply', seq: 3, re: 1, ack: 1, body: { ok: 1 } });
  assert.deepEqual(await reply, { ok: 1 });
  assert.deepEqual(seen, ['a', 'b']);
});

test('a failed resume signs in anew; what cannot be repeated is given up', async () => {
  const { clock, net, client } = await online();
  const kick = client.request('room.kick', {});
  const send = client.request('message.send', { clientId: 'c' });
  net.last().close();
  clock.pass(1_000);
  net.last().open();
  net.last().say({ t: 'refused', code: 6017, message: 'gone' });
  await null;
  clock.pass(1);
  net.last().open();
  assert.equal(net.last().sent[0].userSig, 'sig');
  net.last().say(welcome({ session: 's2' }));
  await assert.rejects(kick, { code: 6003 });
  assert.deepEqual(net.last().sent.slice(1).map(({ id, verb }) => [id, verb]), [[1, 'message.send']]);
  net.last().say({ t: 'reply', seq: 1, re: 1, ack: 1, body: {} });
  await send;
});

test('a silent server is found by ping', async () => {
  const { clock, net, client } = await online();
  clock.pass(10_000);
  assert.equal(net.last().sent.at(-1).t, 'ping');
  clock.pass(8_000);
  assert.equal(client.state, 'reconnecting');
});

test('a kick ends the session, a stopping server does not', async () => {
  const first = await online();
  first.net.last().say({ t: 'bye', reason: 'serverStopping', message: '' });
  assert.equal(first.client.state, 'reconnecting');
  const second = await online();
  const waiting = second.client.request('profile.get', {});
  second.net.last().say({ t: 'bye', reason: 'kickedByDevice', message: '' });
  assert.equal(second.client.state, 'ended');
  await assert.rejects(waiting, { code: 6003 });
});
