// Runs in the pages of a measured call: draws and reads the time code, plays and records the speech.
const CELLS = 32;
const TIME_BITS = 24;
const STRIP = 24;
const now = () => performance.timeOrigin + performance.now();

/** 8 check bits over the 24 of the time. */
function check(time) {
  return ((time >> 16) ^ (time >> 8) ^ time ^ 0xa5) & 0xff;
}

/** Scrolling soft noise and a moving disc keep the encoder busy; across the top, the time in 32 cells. */
function draw(context, noise, width, height) {
  const t = now();
  const shift = Math.floor(t / 10) % width;
  context.drawImage(noise, -shift, 0);
  context.drawImage(noise, width - shift, 0);
  context.fillStyle = '#e33';
  context.beginPath();
  context.arc(width / 2 + Math.sin(t / 500) * width / 3, height / 2 + Math.cos(t / 700) * height / 4, 40, 0, 7);
  context.fill();
  const time = Math.floor(t) & 0xffffff;
  const code = [...bits(time, TIME_BITS), ...bits(check(time), CELLS - TIME_BITS)];
  code.forEach((bit, i) => {
    context.fillStyle = bit ? '#fff' : '#000';
    context.fillRect((i * width) / CELLS, 0, width / CELLS, STRIP);
  });
}

function bits(value, count) {
  return Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1);
}

function makeNoise(width, height) {
  const small = new OffscreenCanvas(width / 8, height / 8);
  const pixels = small.getContext('2d').createImageData(small.width, small.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const level = 64 + Math.random() * 128;
    pixels.data.set([level, level, level, 255], i);
  }
  small.getContext('2d').putImageData(pixels, 0, 0);
  const noise = new OffscreenCanvas(width, height);
  noise.getContext('2d').drawImage(small, 0, 0, width, height);
  return noise;
}

function camera({ width, height, fps }) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { alpha: false });
  const noise = makeNoise(width, height);
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  globalThis.__drawn = 0;
  setInterval(() => {
    draw(context, noise, width, height);
    track.requestFrame();
    globalThis.__drawn += 1;
  }, 1000 / fps);
  document.body.append(canvas);
  return track;
}

async function microphone(speechUrl) {
  const context = new AudioContext({ sampleRate: 48000 });
  const speech = await context.decodeAudioData(await (await fetch(speechUrl)).arrayBuffer());
  const source = new AudioBufferSourceNode(context, { buffer: speech, loop: true });
  const out = context.createMediaStreamDestination();
  source.connect(out);
  source.start();
  return out.stream.getAudioTracks()[0];
}

/** @param {string} answer the server's, before it is applied @param {string} proxy */
function route(answer, proxy) {
  return globalThis.throughProxy(answer, proxy);
}

async function exchange(pc, { url, sig, proxy }) {
  await pc.setLocalDescription();
  const headers = { Authorization: `Bearer ${sig}`, 'Content-Type': 'application/sdp' };
  const answer = await fetch(url, { method: 'POST', headers, body: pc.localDescription.sdp });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: route(await answer.text(), proxy) });
}

/** What happened to each connection, with its time: `[ms, state]`. */
globalThis.__states = [];

function connection() {
  const pc = new RTCPeerConnection();
  const began = now();
  const states = [];
  globalThis.__states.push(states);
  pc.addEventListener('connectionstatechange', () => states.push([now() - began, pc.connectionState]));
  return pc;
}

async function sender({ size, maxBitrate, speechUrl }) {
  const pc = connection();
  const stream = new MediaStream([await microphone(speechUrl), camera(size)]);
  for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
  const video = pc.getSenders().find((s) => s.track.kind === 'video');
  const parameters = video.getParameters();
  parameters.encodings[0].maxBitrate = maxBitrate;
  await video.setParameters(parameters);
  return pc;
}

/** @param {boolean} judged whether picture and sound are recorded, or only played */
function receiver(judged) {
  const started = now();
  const pc = connection();
  const seen = { started, frames: [], connected: null, sound: [] };
  pc.addEventListener('connectionstatechange', () => {
    if (pc.connectionState === 'connected') seen.connected ??= now() - started;
  });
  const stream = new MediaStream();
  pc.ontrack = ({ track }) => {
    stream.addTrack(track);
    if (track.kind === 'video') watch(stream, seen, judged);
    else if (judged) listen(track, seen);
  };
  return { pc, seen };
}

globalThis.__seen = {};

globalThis.publishWeather = async ({ url, sig, proxy, ...what }) => exchange(await sender(what), { url, sig, proxy });

globalThis.playWeather = async ({ name, judged, ...where }) => {
  const { pc, seen } = receiver(judged);
  globalThis.__seen[name] = seen;
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
  await exchange(pc, where);
};

// Browser to browser: an offer and an answer without candidates; the one that answers says at which address it hears.

globalThis.offerDirect = async (what) => {
  const pc = await sender(what);
  await pc.setLocalDescription();
  globalThis.__direct = pc;
  return pc.localDescription.sdp;
};

globalThis.answerDirect = async ({ name, offer }) => {
  const { pc, seen } = receiver(true);
  globalThis.__seen[name] = seen;
  const heardAt = new Promise((resolve) => {
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.protocol === 'udp' && candidate.type === 'host' && !candidate.address.includes(':')) resolve(candidate);
    };
  });
  await pc.setRemoteDescription({ type: 'offer', sdp: offer });
  await pc.setLocalDescription();
  const { address, port } = await heardAt;
  return { answer: pc.localDescription.sdp, address, port };
};

globalThis.acceptDirect = async ({ answer, proxy }) => {
  await globalThis.__direct.setRemoteDescription({ type: 'answer', sdp: route(answer, proxy) });
};

/** Picture and sound in one element: the browser keeps them together as it does for a user. */
function watch(stream, seen, judged) {
  const video = Object.assign(document.createElement('video'), { srcObject: stream, autoplay: true });
  document.body.append(video);
  if (!judged) return;
  const strip = new OffscreenCanvas(CELLS * 4, 4);
  const context = strip.getContext('2d', { willReadFrequently: true });
  const each = (at, meta) => {
    const shown = now();
    context.drawImage(video, 0, 4, meta.width, STRIP - 8, 0, 0, strip.width, strip.height);
    seen.frames.push([shown, read(context.getImageData(0, 2, strip.width, 1).data, shown), meta.width, meta.height]);
    video.requestVideoFrameCallback(each);
  };
  video.requestVideoFrameCallback(each);
}

/** Milliseconds from the drawing to now, or null where the code cannot be read. */
function read(pixels, shown) {
  let time = 0;
  let sum = 0;
  for (let i = 0; i < CELLS; i += 1) {
    const bit = pixels[(i * 4 + 2) * 4] > 127 ? 1 : 0;
    if (i < TIME_BITS) time = (time << 1) | bit;
    else sum = (sum << 1) | bit;
  }
  return sum === check(time) ? ((Math.floor(shown) & 0xffffff) - time) & 0xffffff : null;
}

/**
 * Reads what the decoder gives, without a sound device between that would drop what a busy page takes too late; the element makes it play.
 * @param {MediaStreamTrack} track
 */
async function listen(track, seen) {
  document.body.append(Object.assign(document.createElement('audio'), { srcObject: new MediaStream([track]), autoplay: true, muted: true }));
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const samples = new Float32Array(value.numberOfFrames);
    value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    seen.rate = value.sampleRate;
    seen.sound.push(samples);
    value.close();
  }
}

/** What was recorded since the last call: sound as base64 of 16-bit samples at `rate`. */
globalThis.takeRecording = (name) => {
  const seen = globalThis.__seen[name];
  const { frames, sound } = seen;
  Object.assign(seen, { frames: [], sound: [] });
  const samples = new Int16Array(sound.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of sound) for (const sample of part) samples[at++] = Math.max(-1, Math.min(1, sample)) * 32767;
  let text = '';
  const bytes = new Uint8Array(samples.buffer);
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return { frames, sound: btoa(text), rate: seen.rate };
};

globalThis.joinTimes = (name) => {
  const { started, frames, connected } = globalThis.__seen[name];
  return { connected, firstFrame: frames.length ? frames[0][0] - started : null };
};
