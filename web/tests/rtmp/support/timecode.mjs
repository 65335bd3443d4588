// The time code of these tests: 24 bits of milliseconds and 8 check bits in 32 cells across the top of a picture, and a
// beep that begins with each full second. Pictures here are 320x180.
export const WIDTH = 320;
export const HEIGHT = 180;
export const CELLS = 32;
export const STRIP = 24;
export const BEEP_MS = 100;
const TIME_BITS = 24;
const CELL = WIDTH / CELLS;

const check = (time) => ((time >> 16) ^ (time >> 8) ^ time ^ 0xa5) & 0xff;

/** A picture of this moment (milliseconds since the epoch) as planar YUV 4:2:0: grey, with something that moves. */
export function draw(ms) {
  const picture = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
  const time = Math.floor(ms) & 0xffffff;
  const code = (BigInt(time) << 8n) | BigInt(check(time));
  for (let cell = 0; cell < CELLS; cell += 1) {
    const level = (code >> BigInt(CELLS - 1 - cell)) & 1n ? 235 : 16;
    for (let y = 0; y < STRIP; y += 1) picture.fill(level, y * WIDTH + cell * CELL, y * WIDTH + (cell + 1) * CELL);
  }
  const x = Math.floor(ms / 10) % (WIDTH - 40);
  for (let y = 80; y < 120; y += 1) picture.fill(200, y * WIDTH + x, y * WIDTH + x + 40);
  return picture;
}

/** Milliseconds from the code to `ms`, or null where it cannot be read. `picture` begins with its luma. */
export function age(picture, ms) {
  const row = (STRIP / 2) * WIDTH;
  let time = 0;
  let sum = 0;
  for (let cell = 0; cell < CELLS; cell += 1) {
    const bit = picture[row + cell * CELL + CELL / 2] > 127 ? 1 : 0;
    if (cell < TIME_BITS) time = (time << 1) | bit;
    else sum = (sum << 1) | bit;
  }
  return sum === check(time) ? (((Math.floor(ms) & 0xffffff) - time) << 8) >> 8 : null;
}

/** 16-bit samples at 48 kHz, of which the first is heard at `ms`. */
export function sound(ms, samples) {
  const out = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i += 1) {
    const at = ms + i / 48;
    const loud = at % 1000 < BEEP_MS;
    out.writeInt16LE(loud ? Math.round(Math.sin((at % 1000) * 2 * Math.PI) * 12000) : 0, i * 2);
  }
  return out;
}

/** Indexes at which a beep begins: loud after a fifth of a second of silence. */
export function onsets(samples, rate = 48000) {
  const found = [];
  let quietSince = 0;
  for (let i = 0; i < samples.length; i += 1) {
    if (Math.abs(samples[i]) < 0.06) continue;
    if (i - quietSince > rate / 5) found.push(i);
    quietSince = i;
  }
  return found;
}

/** How much later than its full second something happened, -500 to 500 ms. */
export const afterSecond = (ms) => ((((ms + 500) % 1000) + 1000) % 1000) - 500;

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN;
}
