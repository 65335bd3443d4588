// Signatures cross both ways: the vendor's package signs in here, and what this binary signs the package makes, too.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { inflateSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { GatewayClient } from '../../core/gateway.js';
import { APP, KEY, startServer } from './support/world.mjs';

const { Api } = createRequire(import.meta.url)('tls-sig-api-v2');
const theirs = new Api(APP, KEY);
let server;
before(async () => { server = await startServer({ CARILLON_ROOMS_REQUIRE_PRIVATE_MAP_KEY: 'true' }); });
after(async () => { await server?.stop(); });

/** The package reads the clock by itself. */
function anHourAgo(sign) {
  const { now } = Date;
  Date.now = () => now() - 3_600_000;
  try {
    return sign();
  } finally {
    Date.now = now;
  }
}

/** The JSON inside a signature. */
const open = (sig) => JSON.parse(inflateSync(Buffer.from(sig.replace(/\*/g, '+').replace(/-/g, '/').replace(/_/g, '='), 'base64')));
const ours = (...more) => execFileSync(process.env.CARILLON_BIN, ['user-sig', '--user', 'amy', ...more], { env: { ...process.env, ...server.env }, timeout: 20_000 }).toString().trim();

async function signIn(userSig) {
  const client = new GatewayClient({ url: server.gateway, app: APP, deviceId: 'd', WebSocket, network: null });
  await client.signIn({ user: 'amy', userSig });
  return client;
}

test('a UserSig of tls-sig-api-v2 signs in, an expired or foreign one does not', async () => {
  await (await signIn(theirs.genUserSig('amy', 600))).signOut();
  await assert.rejects(signIn(theirs.genUserSig('ben', 600)), { code: 70013 });
  await assert.rejects(signIn(anHourAgo(() => theirs.genUserSig('amy', 600))), { code: 70001 });
  await assert.rejects(signIn(new Api(APP, KEY.replace('5', '6')).genUserSig('amy', 600)), { code: 70009 });
  await assert.rejects(signIn(new Api(APP + 9999, KEY).genUserSig('amy', 600)), { code: 70014 });
});

test('a PrivateMapKey of tls-sig-api-v2 opens its room, and no other', async () => {
  const client = await signIn(theirs.genUserSig('amy', 600));
  const { may } = await client.request('room.enter', { room: 10_000, privateMapKey: theirs.genPrivateMapKey('amy', 600, 10_000, 1 + 2 + 8 + 32) });
  assert.deepEqual(may, ['receiveAudio', 'receiveVideo']);
  const text = theirs.genPrivateMapKeyWithStringRoomID('amy', 600, 'lobby', 255);
  assert.equal((await client.request('room.enter', { room: 'lobby', privateMapKey: text })).room, 'lobby');
  await assert.rejects(client.request('room.enter', { room: 10_001, privateMapKey: text }), { code: -100018 });
  await client.signOut();
});

test('a UserSig of this binary is what tls-sig-api-v2 makes at that second', () => {
  const fields = open(ours('--expire', '777'));
  const expected = theirs._hmacsha256('amy', fields['TLS.time'], fields['TLS.expire']);
  assert.deepEqual(fields, {
    'TLS.ver': '2.0', 'TLS.identifier': 'amy', 'TLS.sdkappid': APP, 'TLS.expire': 777, 'TLS.time': fields['TLS.time'], 'TLS.sig': expected,
  });
  assert.ok(Math.abs(fields['TLS.time'] - Date.now() / 1000) < 30);
});
