// Runs in a page of the mixed call: sends the time code and the beep, reads them from the others.
const { GatewayClient, RoomClient } = await import('/sdk/core/index.js');
const [WIDTH, HEIGHT, CELLS, STRIP, BEEP_MS] = [640, 360, 32, 48, 100];
const now = () => performance.timeOrigin + performance.now();
const check = (time) => ((time >> 16) ^ (time >> 8) ^ time ^ 0xa5) & 0xff;

const context = new AudioContext({ sampleRate: 48000 });
/** World time of the context's zero: what waited least of late. It moves where a busy machine's sound stands still. */
let zero = Infinity;
const zeros = [];
setInterval(() => {
  zeros.push(now() - context.currentTime * 1000);
  if (zeros.length > 20) zeros.shift();
  zero = Math.min(...zeros);
}, 50);

function camera() {
  const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
  const paint = canvas.getContext('2d', { alpha: false });
  const [track] = canvas.captureStream(0).getVideoTracks();
  setInterval(() => {
    const t = now();
    const time = Math.floor(t) & 0xffffff;
    const code = time * 256 + check(time);
    paint.fillStyle = '#888';
    paint.fillRect(0, 0, WIDTH, HEIGHT);
    paint.fillStyle = '#ccc';
    paint.fillRect(Math.floor(t / 10) % (WIDTH - 80), 160, 80, 80);
    for (let cell = 0; cell < CELLS; cell += 1) {
      paint.fillStyle = Math.floor(code / 2 ** (CELLS - 1 - cell)) % 2 ? '#fff' : '#000';
      paint.fillRect((cell * WIDTH) / CELLS, 0, WIDTH / CELLS, STRIP);
    }
    track.requestFrame();
  }, 40);
  return track;
}

function microphone(endless) {
  const tone = new OscillatorNode(context, { frequency: 1000 });
  const gate = new GainNode(context, { gain: endless ? 0.5 : 0 });
  const out = context.createMediaStreamDestination();
  tone.connect(gate).connect(out);
  tone.start();
  let next = Math.ceil((now() + 1000) / 1000) * 1000;
  if (!endless) setInterval(() => {
    for (; next < now() + 1500; next += 1000) {
      const at = (next - zero) / 1000;
      gate.gain.setValueAtTime(0.5, at);
      gate.gain.setValueAtTime(0, at + BEEP_MS / 1000);
    }
  }, 300);
  const [track] = out.stream.getAudioTracks();
  onsets(track.clone(), (at, length) => { sent[Math.round((at - length) / 1000)] = at - length - Math.round((at - length) / 1000) * 1000; });
  return track;
}

/** Ms after its second that a beep left the page's own microphone: Web Audio renders in bursts, and late on a busy machine. */
const sent = {};
globalThis.sentBeeps = () => sent;

/**
 * Tells when the sample with which a beep begins was handed over with those beside it, and how long these last, in ms.
 * @param {MediaStreamTrack} track @param {(at: number, length: number) => void} tell
 */
async function onsets(track, tell) {
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 500 }).readable.getReader();
  // The time stamps are the system's clock, counted from somewhere: what was read the quickest tells from where.
  let [base, last] = [Infinity, -Infinity];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const { numberOfFrames, sampleRate } = value;
    const stamp = value.timestamp / 1000;
    const samples = new Float32Array(numberOfFrames);
    value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    value.close();
    base = Math.min(base, now() - stamp);
    for (let i = 0; i < numberOfFrames; i += 1) {
      if (Math.abs(samples[i]) < 0.06) continue;
      const at = stamp + base + (i / sampleRate) * 1000;
      if (at - last > 200) tell(at, (numberOfFrames / sampleRate) * 1000);
      last = at;
    }
  }
}

/** What came of each user: ages of pictures when shown, lateness of beeps when heard, both with their time. */
const seen = {};
const of = (user) => (seen[user] ??= { frames: [], beeps: [], width: 0 });

function watch(user, track) {
  const video = Object.assign(document.createElement('video'), { srcObject: new MediaStream([track]), autoplay: true, muted: true });
  document.body.append(video);
  const strip = new OffscreenCanvas(CELLS * 4, 4);
  const paint = strip.getContext('2d', { willReadFrequently: true });
  const each = (_, meta) => {
    const shown = performance.timeOrigin + meta.expectedDisplayTime;
    paint.drawImage(video, 0, meta.height / 15 - 4, meta.width, 8, 0, 0, strip.width, 4);
    const pixels = paint.getImageData(0, 2, strip.width, 1).data;
    let [time, sum] = [0, 0];
    for (let i = 0; i < CELLS; i += 1) {
      const bit = pixels[(i * 4 + 2) * 4] > 127 ? 1 : 0;
      if (i < 24) time = (time << 1) | bit;
      else sum = (sum << 1) | bit;
    }
    const age = sum === check(time) ? (((Math.floor(shown) & 0xffffff) - time) << 8) >> 8 : null;
    of(user).frames.push([shown, age]);
    of(user).width = meta.width;
    video.requestVideoFrameCallback(each);
  };
  video.requestVideoFrameCallback(each);
}

function listen(user, track) {
  // Without an element that plays it Chromium takes nothing from a remote track.
  const audio = Object.assign(document.createElement('audio'), { srcObject: new MediaStream([track]), autoplay: true, muted: true });
  document.body.append(audio);
  onsets(track.clone(), (at) => of(user).beeps.push(at));
}

globalThis.enterCall = async ({ app, user, userSig, room, publish = true, tone = false }) => {
  const gateway = new GatewayClient({ url: `${location.origin.replace('http', 'ws')}/ws`, app });
  await gateway.signIn({ user, userSig });
  const client = new RoomClient(gateway);
  Object.assign(globalThis, { client, seen });
  client.on('media', ({ user: from, track, mediaTrack }) => {
    if (mediaTrack) (mediaTrack.kind === 'video' ? watch : listen)(from, mediaTrack);
  });
  if (publish) {
    globalThis.mine = { camera: camera(), microphone: microphone(tone) };
    client.publish('camera', { track: globalThis.mine.camera });
    client.publish('microphone', { track: globalThis.mine.microphone });
  }
  await client.enter(room);
  if (publish) client.setStates({ camera: 'on', microphone: 'on' });
};

globalThis.widthOf = (user) => of(user).width;

/** What came of a user since the last call. */
globalThis.takeSeen = (user) => {
  const { frames, beeps } = of(user);
  Object.assign(of(user), { frames: [], beeps: [] });
  return { frames, beeps };
};
