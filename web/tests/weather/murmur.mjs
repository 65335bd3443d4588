// Speech without words, for where no speech program is installed: a voice of pulses through three resonances that wander
// from vowel to vowel, hisses between, and pauses. STOI compares envelopes of bands, so it judges this as it judges speech.
import { resample } from './judge.mjs';
import { RATE } from './stoi.mjs';

const SAMPLE_RATE = 16_000;
const SECONDS = 14;
/** First three formants of a, e, i, o, u, Hz (Peterson and Barney 1952, men). */
const VOWELS = [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]];
const WIDTHS = [80, 110, 160];
const WAV_HEADER = 44;

/** @returns {{wav: Buffer, samples: Float64Array}} the file, and the same at 10 kHz, always the same */
export function makeMurmur() {
  const random = generator(20_260_101);
  const sound = new Float64Array(SECONDS * SAMPLE_RATE);
  const mouth = WIDTHS.map((width) => new Resonance(width));
  let phase = 0;
  for (let at = 0; at < sound.length;) {
    const [from, to] = [pick(VOWELS, random), pick(VOWELS, random)];
    const syllable = { length: seconds(0.12 + 0.16 * random()), pitch: 95 + 50 * random(), loud: 0.4 + 0.6 * random() };
    for (let i = 0; i < syllable.length && at < sound.length; i += 1, at += 1) {
      const done = i / syllable.length;
      phase += (syllable.pitch * (1.1 - 0.2 * done)) / SAMPLE_RATE;
      const pulse = phase >= 1 ? 1 : 0;
      phase %= 1;
      const source = pulse + 0.01 * (random() - 0.5);
      const voice = mouth.reduce((sum, resonance, n) => sum + resonance.pass(source, from[n] + (to[n] - from[n]) * done), 0);
      sound[at] = voice * syllable.loud * Math.sin(Math.PI * done) ** 0.5;
    }
    at = hiss(sound, at, seconds(0.03 + 0.07 * random()), random);
    at += seconds(random() < 0.2 ? 0.25 : 0.03);
  }
  const loudest = sound.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
  const level = sound.map((s) => (0.5 * s) / loudest);
  return { wav: toWav(level), samples: resample(level, SAMPLE_RATE, RATE) };
}

/** Noise without its low half, as of s and f. */
function hiss(sound, at, length, random) {
  const end = Math.min(sound.length, at + length);
  const loud = 0.6 * random();
  let last = 0;
  for (let i = at; i < end; i += 1) {
    const noise = random() - 0.5;
    sound[i] = (noise - last) * loud * Math.sin((Math.PI * (i - at)) / length);
    last = noise;
  }
  return end;
}

/** Two poles at a frequency that may change with each sample. */
class Resonance {
  constructor(width) {
    this.decay = Math.exp((-Math.PI * width) / SAMPLE_RATE);
    this.past = [0, 0];
  }

  pass(input, hz) {
    const [a, b] = this.past;
    const out = input + 2 * this.decay * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE) * a - this.decay ** 2 * b;
    this.past = [out, a];
    return out;
  }
}

function seconds(s) {
  return Math.round(s * SAMPLE_RATE);
}

function pick(all, random) {
  return all[Math.floor(random() * all.length)];
}

/** Numbers from 0 to 1 (Park and Miller's). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** One channel of 16 bits. */
function toWav(samples) {
  const wav = Buffer.alloc(WAV_HEADER + 2 * samples.length);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(SAMPLE_RATE, 24);
  wav.writeUInt32LE(2 * SAMPLE_RATE, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((s, i) => wav.writeInt16LE(Math.round(s * 32_767), WAV_HEADER + 2 * i));
  return wav;
}
