// Sockets that break, paths that change, pages that vanish.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from './support/user.mjs';
import { world } from './support/world.mjs';

/** The server's `call.grace_ms`, less what clocks and polls may differ. */
const GRACE_MS = 30_000 - 1_000;

describe('the network of a call', () => {
  const here = world();

  async function inCall(options = {}) {
    const [amy, ben] = await here.people(['amy', 'ben'], options);
    await amy.calls([ben.name]);
    await ben.accepts();
    await amy.inCall();
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
    return [amy, ben];
  }

  it('lost_signalling_is_resumed_and_the_media_path_never_notices', async () => {
    const [amy, ben] = await inCall({ before: [keepSockets] });
    const before = await ben.page.evaluate(watchPath);
    await ben.page.evaluate(() => globalThis.__sockets.at(-1).close());
    await until(() => ben.page.evaluate(() => globalThis.__sockets.length > 1 && globalThis.__sockets.at(-1).readyState === 1), 'no new socket');
    await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
    assert.deepEqual(await ben.page.evaluate(pathNow), before, 'one connection, connected all the time, the same ICE');
    // Signalling works again in both directions.
    await ben.click('mute');
    await amy.sees(`muted-${ben.name}`);
    await amy.click('hangup');
    await ben.isIdle();
  });

  it('restarted_ice_takes_a_new_path_and_media_goes_on', async () => {
    const [amy, ben] = await inCall();
    const before = await ben.page.evaluate(watchPath);
    await ben.page.evaluate(async () => {
      const { phone } = await import('/demo/line.js');
      phone().room.restartIce();
    });
    const now = () => ben.page.evaluate(pathNow);
    await until(async () => (await now()).ufrag !== before.ufrag, 'the restart never was negotiated');
    await Promise.all([amy.seesPictures(), ben.seesPictures(), amy.hearsSound(), ben.hearsSound()]);
    await until(() => ben.page.evaluate(usesNewPair), 'no pair of the new credentials');
    assert.equal((await now()).connections, before.connections, 'the same connection');
    await amy.click('hangup');
    await ben.isIdle();
  });

  it('call_goes_over_tcp_where_no_udp_gets_through', async () => {
    const [amy, ben] = await inCall({ before: [dropUdpCandidates] });
    for (const user of [amy, ben]) assert.deepEqual(await user.page.evaluate(protocols), ['tcp']);
    await Promise.all([amy.hearsSound(), ben.hearsSound()]);
    await amy.click('hangup');
    await ben.isIdle();
  });

  it('vanished_page_keeps_its_seat_for_the_grace_time_and_no_longer', async () => {
    const [amy, ben] = await inCall();
    const vanished = Date.now();
    await ben.crashes();
    await amy.seesWith(`tile-${ben.name}`, { 'data-state': 'lost' });
    await amy.sees('hangup');
    await amy.isIdle();
    assert.ok(Date.now() - vanished >= GRACE_MS, `left after ${Date.now() - vanished} ms`);
    await amy.seesWith('summary', { 'data-outcome': 'lost' });
  });
});

/** Runs before the page: keeps its sockets, so that a test can break one. */
function keepSockets() {
  const all = [];
  globalThis.__sockets = all;
  const Real = globalThis.WebSocket;
  globalThis.WebSocket = class extends Real {
    constructor(...args) {
      super(...args);
      all.push(this);
    }
  };
}

/** Runs before the page: as a firewall that lets no UDP through, told to the page alone. */
function dropUdpCandidates() {
  const real = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '');
    return real.call(this, { type: description.type, sdp });
  };
}

/** Runs in the page: begins to note the states of the newest connection, and tells what it is now. */
function watchPath() {
  const pc = globalThis.__peerConnections.at(-1);
  globalThis.__states = new Set([pc.connectionState]);
  pc.addEventListener('connectionstatechange', () => globalThis.__states.add(pc.connectionState));
  const ufrag = /a=ice-ufrag:(\S+)/.exec(pc.localDescription.sdp)?.[1];
  return { connections: globalThis.__peerConnections.length, states: [...globalThis.__states], ufrag };
}

/** Runs in the page. */
function pathNow() {
  const pc = globalThis.__peerConnections.at(-1);
  const ufrag = /a=ice-ufrag:(\S+)/.exec(pc.currentLocalDescription.sdp)?.[1];
  return { connections: globalThis.__peerConnections.length, states: [...globalThis.__states], ufrag };
}

/** Runs in the page: whether the pair in use belongs to the credentials of now. */
async function usesNewPair() {
  const pc = globalThis.__peerConnections.at(-1);
  const stats = [...(await pc.getStats()).values()];
  const transport = stats.find((s) => s.type === 'transport');
  const pair = stats.find((s) => s.id === transport?.selectedCandidatePairId);
  const local = stats.find((s) => s.id === pair?.localCandidateId);
  const ufrag = /a=ice-ufrag:(\S+)/.exec(pc.currentLocalDescription.sdp)?.[1];
  return local?.usernameFragment === ufrag && pair?.state === 'succeeded';
}

/** Runs in the page: the protocols of the pairs that carry something. */
async function protocols() {
  const found = new Set();
  for (const pc of globalThis.__peerConnections.filter((p) => p.connectionState === 'connected')) {
    const stats = [...(await pc.getStats()).values()];
    const { selectedCandidatePairId } = stats.find((s) => s.type === 'transport');
    const pair = stats.find((s) => s.id === selectedCandidatePairId);
    found.add(stats.find((s) => s.id === pair.localCandidateId).protocol);
  }
  return [...found];
}
