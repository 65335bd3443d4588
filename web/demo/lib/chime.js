// Bells by WebAudio. A struck bell is a few partials of its own proportion (hum, prime, tierce, quint, nominal and above),
// the high ones fading first. Every name has its own melody, so a ring tells who is calling.

/** D pentatonic over two octaves, low to high, in Hz. */
export const scale = [293.66, 329.63, 369.99, 440, 493.88, 587.33, 659.26, 739.99];

/** Partials of a minor-third bell: ratio to the strike note, loudness, seconds until gone. */
const partials = [[0.5, 0.5, 3.2], [1, 1, 2.4], [1.183, 0.55, 1.7], [1.506, 0.28, 1.2], [2, 0.6, 1.1], [2.514, 0.16, 0.6],
  [2.662, 0.14, 0.5], [3.011, 0.12, 0.4], [4.166, 0.08, 0.25]];

let context = null;
let master = null;
let quiet = false;

/** The audio context, once a gesture has allowed sound; else null. */
function audio() {
  const Context = globalThis.AudioContext;
  if (!Context) return null;
  if (!context) {
    context = new Context();
    master = context.createDynamicsCompressor();
    master.connect(context.destination);
  }
  if (context.state === 'suspended') context.resume().catch(() => {});
  return context.state === 'closed' ? null : context;
}

/** Lets sound start: call it from any user gesture. */
export function unlock() {
  if (navigator.userActivation?.hasBeenActive ?? true) audio();
}

/** Silences ring tones and bells (not the call itself). */
export function setQuiet(value) {
  quiet = value;
  if (value) stopRinging();
}

/** Strikes one bell. `delay` in seconds, `loud` 0…1. */
export function strike(hz, { delay = 0, loud = 0.5 } = {}) {
  if (quiet) return;
  const ctx = audio();
  if (!ctx) return;
  const at = ctx.currentTime + delay + 0.01;
  for (const [ratio, gain, seconds] of partials) {
    const tone = ctx.createOscillator();
    const fade = ctx.createGain();
    tone.frequency.value = hz * ratio;
    fade.gain.setValueAtTime(0.0001, at);
    fade.gain.exponentialRampToValueAtTime(Math.max(0.0002, loud * gain * 0.16), at + 0.006);
    fade.gain.exponentialRampToValueAtTime(0.0001, at + seconds);
    tone.connect(fade).connect(master);
    tone.start(at);
    tone.stop(at + seconds + 0.05);
  }
}

/** Which bell of the scale a character strikes. */
export function bellOf(char) {
  return (char.codePointAt(0) * 5 + 3) % scale.length;
}

/** The melody of a name: steps of the scale, four to six of them. */
export function melodyOf(name) {
  const steps = [...name.toLowerCase()].map(bellOf);
  let seed = [...name].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) >>> 0, 7);
  while (steps.length < 4) {
    steps.push(seed % scale.length);
    seed = (seed >>> 3) + 11;
  }
  return steps.slice(0, 6);
}

const beat = 0.19;

/** Plays the melody of a name; `onStep` is called with each bell as it sounds. Returns its length in seconds. */
export function playName(name, { loud = 0.5, onStep } = {}) {
  const steps = melodyOf(name);
  steps.forEach((step, index) => {
    strike(scale[step], { delay: index * beat, loud });
    if (onStep) setTimeout(onStep, index * beat * 1000, step);
  });
  return steps.length * beat;
}

let ringing = null;

/** Rings with the caller's melody until `stopRinging`. */
export function ring(name) {
  stopRinging();
  const round = () => playName(name, { loud: 0.75 });
  round();
  ringing = setInterval(round, 2800);
}

/** What the caller hears while it rings at the other side: one low bell, softly. */
export function ringBack() {
  stopRinging();
  const round = () => {
    strike(scale[3], { loud: 0.16 });
    strike(scale[3] / 2, { delay: 0.5, loud: 0.1 });
  };
  round();
  ringing = setInterval(round, 3000);
}

export function stopRinging() {
  clearInterval(ringing);
  ringing = null;
}

/** Short signs: somebody came, somebody went, the call is over. */
export function sign(kind) {
  const notes = { join: [4, 6], leave: [5, 3], end: [3, 1, 0], bad: [1, 0] }[kind];
  notes.forEach((step, index) => strike(scale[step], { delay: index * 0.13, loud: 0.22 }));
}
