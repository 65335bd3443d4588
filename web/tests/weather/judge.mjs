// From what a receiving page recorded to figures.
import { RATE, bandsOf, correlation, stoi } from './stoi.mjs';

const FREEZE_MS = 250;
const LONG_FREEZE_MS = 500;
const WINDOW = 1.5 * RATE;
/** Between the bands with which a window is found in the speech: 4 ms. */
const FIND_HOP = 40;
/** … of which the fifteen are summed up in so many. */
const BANDS = 4;
/** Windows fainter than this share of the speech's loudness carry no speech to judge. */
const SILENT = 0.05;

/**
 * @param {[shown: number, latency: number | null, width: number, height: number][]} frames
 * @param {number} from @param {number} to ms
 */
export function judgePicture(frames, from, to) {
  const inside = frames.filter(([at]) => at >= from && at < to);
  const times = [from, ...inside.map(([at]) => at), to];
  const gaps = times.slice(1).map((at, i) => at - times[i]);
  const frozen = (least) => gaps.filter((gap) => gap > least).reduce((a, b) => a + b, 0) / (to - from);
  const latencies = inside.flatMap(([, latency]) => (latency !== null && latency < 60_000 ? [latency] : []));
  return {
    fps: (1000 * inside.length) / (to - from),
    freeze: 100 * frozen(FREEZE_MS),
    freeze500: 100 * frozen(LONG_FREEZE_MS),
    longestMs: Math.max(...gaps),
    latencyMs: quantile(latencies, 0.5),
    latencyP95Ms: quantile(latencies, 0.95),
    height: quantile(inside.map((frame) => frame[3]), 0.5),
    unreadable: inside.length - latencies.length,
  };
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : null;
}

/** Knows the speech that is played in a loop. */
export class Ear {
  /** @param {Float64Array} speech at 10 kHz */
  constructor(speech) {
    this.speech = speech;
    this.loop = new Float64Array(speech.length + 2 * WINDOW);
    for (let i = 0; i < this.loop.length; i += 1) this.loop[i] = speech[i % speech.length];
    const bands = bandsOf(this.loop, FIND_HOP).map(loudness);
    this.thinned = [0, 1, 2, 3].map((first) => everyFourth(bands, first));
    this.level = rms(speech);
  }

  /** @param {Int16Array} recorded @param {number} rate @returns {number | null} mean STOI over windows of 1.5 s */
  judge(recorded, rate) {
    if (recorded.length === 0) return null;
    const heard = resample(Float64Array.from(recorded, (s) => s / 32768), rate, RATE);
    const scores = [];
    for (let at = 0; at + WINDOW <= heard.length; at += WINDOW / 2) {
      const score = this.window(heard.subarray(at, at + WINDOW));
      if (score !== null) scores.push(score);
    }
    return scores.length ? scores.reduce((a, b) => a + b, 0) / scores.length : null;
  }

  /** Where in the speech a window lies is unknown (buffers grow and shrink): the place that fits best counts. */
  window(heard) {
    const bands = everyFourth(bandsOf(heard, FIND_HOP).map(loudness));
    const period = Math.floor(this.speech.length / FIND_HOP);
    let best = { score: -2, at: 0 };
    for (let at = 0; at < period; at += 1) {
      const thin = this.thinned[at % 4];
      const from = Math.floor(at / 4) * BANDS;
      const score = correlation(thin.subarray(from, from + bands.length), bands);
      if (score > best.score) best = { score, at };
    }
    const at = this.align(heard, best.at * FIND_HOP);
    const clean = this.loop.subarray(at, at + WINDOW);
    return rms(clean) < SILENT * this.level ? null : stoi(clean, heard);
  }

  /** To the sample, within 8 ms of a guess. */
  align(heard, guess) {
    let best = { score: -Infinity, at: guess };
    for (let at = Math.max(0, guess - 80); at <= guess + 80; at += 1) {
      let score = 0;
      for (let i = 0; i < WINDOW; i += 3) score += heard[i] * this.loop[at + i];
      if (score > best.score) best = { score, at };
    }
    return best.at;
  }
}

/** Four broad bands, compressed: enough to find a place. */
function loudness(frame) {
  return [0, 4, 8, 12].map((from) => Math.sqrt(frame.slice(from, from + 4).reduce((a, b) => a + b, 0)));
}

/** One frame of four, in a row. */
function everyFourth(frames, first = 0) {
  const chosen = frames.filter((_, i) => i % 4 === first);
  const row = new Float64Array(chosen.length * BANDS);
  chosen.forEach((frame, i) => row.set(frame, i * BANDS));
  return row;
}

function rms(signal) {
  return Math.sqrt(signal.reduce((a, b) => a + b * b, 0) / signal.length);
}

/** By a windowed sinc that cuts below the lower of both Nyquist rates. */
export function resample(signal, from, to) {
  const cut = Math.min(1, to / from) * 0.95;
  const half = 16 / cut;
  const out = new Float64Array(Math.floor((signal.length * to) / from));
  /** The sinc depends on where between two samples a new one lies, and that comes round. */
  const round = to / commonDivisor(from, to);
  const taps = Array.from({ length: round }, (_, n) => tapsAround((n * from) / to, cut, half));
  for (let n = 0; n < out.length; n += 1) {
    const { first, weights } = taps[n % round];
    const start = Math.floor(n / round) * ((round * from) / to) + first;
    let sum = 0;
    for (let i = Math.max(0, -start); i < weights.length && start + i < signal.length; i += 1) sum += signal[start + i] * weights[i];
    out[n] = sum;
  }
  return out;
}

function tapsAround(centre, cut, half) {
  const first = Math.ceil(centre - half);
  const weights = Float64Array.from({ length: Math.floor(centre + half) - first + 1 }, (_, i) => {
    const d = first + i - centre;
    const sinc = d === 0 ? cut : Math.sin(Math.PI * cut * d) / (Math.PI * d);
    return sinc * (0.5 + 0.5 * Math.cos((Math.PI * d) / half));
  });
  return { first, weights };
}

function commonDivisor(a, b) {
  return b === 0 ? a : commonDivisor(b, a % b);
}
