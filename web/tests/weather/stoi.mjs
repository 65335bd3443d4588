// Short-time objective intelligibility (Taal, Hendriks, Heusdens, Jensen 2011): how much of clean speech is understood
// after what a network did to it, 0 … 1. Speech at 10 kHz.
export const RATE = 10_000;
const FRAME = 256;
const HOP = 128;
const FFT = 512;
const BANDS = 15;
const LOWEST_HZ = 150;
const SEGMENT = 30;
/** Lower bound of the signal-to-distortion ratio, as an amplitude factor: 1 + 10^(15/20). */
const CLIP = 1 + 10 ** (15 / 20);
const DYNAMIC_RANGE_DB = 40;

const HANN = Float64Array.from({ length: FRAME }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (FRAME + 1)));
const BAND_BINS = Array.from({ length: BANDS }, (_, k) => {
  const centre = LOWEST_HZ * 2 ** (k / 3);
  const bin = (hz) => Math.round((hz * FFT) / RATE);
  return [bin(centre * 2 ** (-1 / 6)), bin(centre * 2 ** (1 / 6))];
});

/** @param {Float64Array} clean @param {Float64Array} heard of the same length @returns {number | null} null: no speech */
export function stoi(clean, heard) {
  const [x, y] = withoutSilence(clean, heard);
  const [X, Y] = [bandsOf(x), bandsOf(y)];
  if (X.length < SEGMENT) return null;
  let sum = 0;
  for (let end = SEGMENT; end <= X.length; end += 1) {
    for (let band = 0; band < BANDS; band += 1) sum += segment(X, Y, band, end);
  }
  return sum / ((X.length - SEGMENT + 1) * BANDS);
}

function segment(X, Y, band, end) {
  const x = new Float64Array(SEGMENT);
  const y = new Float64Array(SEGMENT);
  for (let i = 0; i < SEGMENT; i += 1) {
    x[i] = X[end - SEGMENT + i][band];
    y[i] = Y[end - SEGMENT + i][band];
  }
  const scale = norm(x) / (norm(y) + 1e-12);
  for (let i = 0; i < SEGMENT; i += 1) y[i] = Math.min(y[i] * scale, x[i] * CLIP);
  return correlation(x, y);
}

export function correlation(x, y) {
  const n = x.length;
  let [sx, sy, xy, xx, yy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    sx += x[i];
    sy += y[i];
  }
  const [mx, my] = [sx / n, sy / n];
  for (let i = 0; i < n; i += 1) {
    const [dx, dy] = [x[i] - mx, y[i] - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / (Math.sqrt(xx * yy) + 1e-12);
}

function norm(v) {
  let sum = 0;
  for (let i = 0; i < v.length; i += 1) sum += v[i] * v[i];
  return Math.sqrt(sum);
}

/** Drops the frames in which the clean speech is more than 40 dB below its loudest frame. */
function withoutSilence(clean, heard) {
  const energies = [];
  for (let at = 0; at + FRAME <= clean.length; at += HOP) {
    let energy = 0;
    for (let i = 0; i < FRAME; i += 1) energy += (clean[at + i] * HANN[i]) ** 2;
    energies.push(10 * Math.log10(energy + 1e-20));
  }
  const floor = Math.max(...energies) - DYNAMIC_RANGE_DB;
  const kept = energies.flatMap((energy, n) => (energy > floor ? [n * HOP] : []));
  return [overlap(clean, kept), overlap(heard, kept)];
}

function overlap(signal, starts) {
  const out = new Float64Array(starts.length ? (starts.length - 1) * HOP + FRAME : 0);
  starts.forEach((from, n) => {
    for (let i = 0; i < FRAME; i += 1) out[n * HOP + i] += signal[from + i] * HANN[i];
  });
  return out;
}

/** Amplitudes in third-octave bands, a frame each `hop` samples. */
export function bandsOf(signal, hop = HOP) {
  const frames = [];
  const re = new Float64Array(FFT);
  const im = new Float64Array(FFT);
  for (let at = 0; at + FRAME <= signal.length; at += hop) {
    re.fill(0);
    im.fill(0);
    for (let i = 0; i < FRAME; i += 1) re[i] = signal[at + i] * HANN[i];
    transform(re, im);
    frames.push(Float64Array.from(BAND_BINS, ([from, to]) => {
      let energy = 0;
      for (let k = from; k < to; k += 1) energy += re[k] ** 2 + im[k] ** 2;
      return Math.sqrt(energy);
    }));
  }
  return frames;
}

const COS = Float64Array.from({ length: FFT / 2 }, (_, k) => Math.cos((-2 * Math.PI * k) / FFT));
const SIN = Float64Array.from({ length: FFT / 2 }, (_, k) => Math.sin((-2 * Math.PI * k) / FFT));

/** In place, radix 2, of FFT values. */
function transform(re, im) {
  for (let i = 1, j = 0; i < FFT; i += 1) {
    let bit = FFT >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      swap(re, i, j);
      swap(im, i, j);
    }
  }
  for (let size = 2; size <= FFT; size *= 2) {
    const half = size / 2;
    const step = FFT / size;
    for (let from = 0; from < FFT; from += size) {
      for (let k = 0; k < half; k += 1) {
        const [i, j] = [from + k, from + k + half];
        const tr = re[j] * COS[k * step] - im[j] * SIN[k * step];
        const ti = re[j] * SIN[k * step] + im[j] * COS[k * step];
        re[j] = re[i] - tr;
        im[j] = im[i] - ti;
        re[i] += tr;
        im[i] += ti;
      }
    }
  }
}

function swap(values, i, j) {
  const value = values[i];
  values[i] = values[j];
  values[j] = value;
}
