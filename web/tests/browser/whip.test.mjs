// Plain page code, no SDK of ours: WHIP publishes, WHEP plays.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { keepPeerConnections, launchChromium, receivedMedia } from './support/browser.mjs';
import { endInOrder } from './support/ends.mjs';
import { Server } from './support/server.mjs';

const run = promisify(execFile);

/** Runs in the page. */
async function publish({ url, sig }) {
  const pc = new RTCPeerConnection();
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
  for (const track of media.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [media] });
  return globalThis.__exchange(pc, url, sig);
}

/** Runs in the page. */
async function play({ url, sig }) {
  const pc = new RTCPeerConnection();
  pc.addTransceiver('audio', { direction: 'recvonly' });
  pc.addTransceiver('video', { direction: 'recvonly' });
  pc.ontrack = ({ track }) => {
    const element = document.createElement(track.kind);
    element.srcObject = new MediaStream([track]);
    element.autoplay = true;
    document.body.append(element);
  };
  return globalThis.__exchange(pc, url, sig);
}

function exchangeInPage() {
  globalThis.__exchange = async (pc, url, sig) => {
    await pc.setLocalDescription();
    const headers = { Authorization: `Bearer ${sig}`, 'Content-Type': 'application/sdp' };
    const answer = await fetch(url, { method: 'POST', headers, body: pc.localDescription.sdp });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    return new URL(answer.headers.get('Location'), url).href;
  };
}

describe('WHIP and WHEP', () => {
  /** @type {Server} */ let server;
  /** @type {import('playwright-core').Browser} */ let browser;
  before(async () => {
    server = await Server.start();
    browser = await launchChromium();
  });
  after(() => endInOrder(['the browser', () => browser?.close()], ['the server', () => server?.stop()]));

  async function page() {
    const context = await browser.newContext();
    await context.addInitScript(keepPeerConnections);
    await context.addInitScript(exchangeInPage);
    const page = await context.newPage();
    await page.goto(server.origin);
    return page;
  }

  async function sig(user) {
    const { stdout } = await run(process.env.CARILLON_BIN, ['user-sig', '--user', user], {
      env: { ...process.env, ...server.env },
    });
    return stdout.trim();
  }

  async function receives(page, enough, what) {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const media = await page.evaluate(receivedMedia);
      if (enough(media)) return media;
      assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(media)}`);
      await page.waitForTimeout(200);
    }
  }

  it('publisher_is_seen_and_heard_by_a_player_that_came_first', async () => {
    const [publisher, player] = await Promise.all([page(), page()]);
    const at = `${server.origin}/whip/1400000000/str:stage/pub`;
    const from = `${server.origin}/whep/1400000000/str:stage/viewer`;
    await player.evaluate(play, { url: from, sig: await sig('viewer') });
    const resource = await publisher.evaluate(publish, { url: at, sig: await sig('pub') });
    await receives(player, (m) => m.framesDecoded >= 40 && m.audioEnergy > 0, 'no picture or sound came');
    const gone = await publisher.evaluate(async ({ resource, sig }) => {
      const answer = await fetch(resource, { method: 'DELETE', headers: { Authorization: `Bearer ${sig}` } });
      return answer.status;
    }, { resource, sig: await sig('pub') });
    assert.equal(gone, 200);
  });

  it('foreign_signature_is_refused', async () => {
    const alone = await page();
    const url = `${server.origin}/whip/1400000000/7/amy`;
    const status = await alone.evaluate(async ({ url, sig }) => {
      const headers = { Authorization: `Bearer ${sig}`, 'Content-Type': 'application/sdp' };
      return (await fetch(url, { method: 'POST', headers, body: 'v=0\r\n' })).status;
    }, { url, sig: await sig('ben') });
    assert.equal(status, 401);
  });
});
