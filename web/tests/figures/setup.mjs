// How long until a player sees a picture: from its offer to the first decoded frame in Chromium, beside the handshake
// that no set-up can do without. Plain page code, on loopback, in one run: `make figures`.
//
// The handshake is that of a second connection of the same page to the same server, which carries no media: from the
// answer's arrival to `connected`, that is one STUN check and DTLS, both with Chromium's own pace and cryptography.
import { launchChromium } from '../browser/support/browser.mjs';
import { Server } from '../browser/support/server.mjs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const RUNS = 5;
const APP = 1400000000;
const run = promisify(execFile);

/** Runs before the page's own scripts. */
function measuringTools() {
  /** Offers, and yields when what happened, in the page's clock. */
  async function connect(pc, url, sig) {
    const at = { offer: performance.now() };
    const connected = new Promise((resolve, reject) => {
      pc.onconnectionstatechange = () => {
        if (pc.connectionState === 'connected') resolve(performance.now());
        if (pc.connectionState === 'failed') reject(new Error('the connection failed'));
      };
    });
    await pc.setLocalDescription();
    const headers = { Authorization: `Bearer ${sig}`, 'Content-Type': 'application/sdp' };
    const answer = await fetch(url, { method: 'POST', headers, body: pc.localDescription.sdp });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    const sdp = await answer.text();
    at.answer = performance.now();
    await pc.setRemoteDescription({ type: 'answer', sdp });
    at.connected = await connected;
    const resource = new URL(answer.headers.get('Location'), url).href;
    const end = async () => {
      pc.close();
      await fetch(resource, { method: 'DELETE', headers });
    };
    return { at, end };
  }

  function receiver() {
    const pc = new RTCPeerConnection();
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    return pc;
  }

  globalThis.__publish = async ({ url, sig }) => {
    const pc = new RTCPeerConnection();
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
    for (const track of media.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    await connect(pc, url, sig);
  };

  globalThis.__firstFrame = async ({ url, sig }) => {
    const pc = receiver();
    const frame = new Promise((resolve) => {
      pc.ontrack = async ({ track }) => {
        if (track.kind !== 'video') return;
        // Hands out frames as the decoder made them, whether or not anything shows them.
        const { value } = await new MediaStreamTrackProcessor({ track }).readable.getReader().read();
        resolve(performance.now());
        value.close();
      };
    });
    const { at, end } = await connect(pc, url, sig);
    at.frame = await frame;
    await end();
    return { answer: at.answer - at.offer, connected: at.connected - at.offer, frame: at.frame - at.offer };
  };

  globalThis.__handshake = async ({ url, sig }) => {
    const { at, end } = await connect(receiver(), url, sig);
    await end();
    return at.connected - at.answer;
  };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function print(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, values] of rows) {
    const runs = values.map((v) => v.toFixed(0)).join(' ');
    console.log(`${name.padEnd(width)}  ${median(values).toFixed(0).padStart(6)} ms   (${runs})`);
  }
}

const server = await Server.start();
const browser = await launchChromium();
try {
  const sig = async (user) => {
    const env = { ...process.env, ...server.env };
    return (await run(process.env.CARILLON_BIN, ['user-sig', '--user', user], { env })).stdout.trim();
  };
  const page = async () => {
    const context = await browser.newContext();
    await context.addInitScript(measuringTools);
    const page = await context.newPage();
    await page.goto(server.origin);
    return page;
  };
  const [publisher, player] = [await page(), await page()];
  const whip = `${server.origin}/whip/${APP}/str:stage/speaker`;
  await publisher.evaluate((a) => globalThis.__publish(a), { url: whip, sig: await sig('speaker') });
  const stage = { url: `${server.origin}/whep/${APP}/str:stage/viewer`, sig: await sig('viewer') };
  const empty = { url: `${server.origin}/whep/${APP}/str:empty/viewer`, sig: stage.sig };
  // The encoder's ramp and the page's first compilation are no part of a set-up.
  await player.waitForTimeout(2_000);
  const pictures = [];
  const handshakes = [];
  for (let i = 0; i <= RUNS; i += 1) {
    const handshake = await player.evaluate((a) => globalThis.__handshake(a), empty);
    const picture = await player.evaluate((a) => globalThis.__firstFrame(a), stage);
    if (i === 0) continue;
    handshakes.push(handshake);
    pictures.push(picture);
  }
  console.log(`Set-up on loopback, Chromium ${browser.version()}: median of ${RUNS}, all runs beside`);
  print([
    ['offer to answer', pictures.map((p) => p.answer)],
    ['offer to connected', pictures.map((p) => p.connected)],
    ['offer to first decoded frame', pictures.map((p) => p.frame)],
    ['STUN + DTLS handshake alone', handshakes],
  ]);
  const ratio = median(pictures.map((p) => p.frame)) / median(handshakes);
  console.log(`first decoded frame / handshake: ${ratio.toFixed(1)}`);
} finally {
  await browser.close();
  await server.stop();
}
