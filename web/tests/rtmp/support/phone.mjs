// ffmpeg as a phone's live-pusher and live-player: what it sends and gets carries the time code.
import { execFile, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterSecond, age, draw, HEIGHT, median, onsets, sound, WIDTH } from './timecode.mjs';

const run = promisify(execFile);
const FRAME_MS = 40;
const SOUND_MS = 20;

/** Encodes as a phone does: baseline, no B-frames, a keyframe each two seconds. */
export const ENCODE_VIDEO = [
  '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p',
  '-b:v', '400k', '-g', '50', '-sc_threshold', '0',
];
export const ENCODE_SOUND = ['-c:a', 'aac', '-b:a', '64k'];
/** In front of an input of pictures or samples without a container. */
export const RAW = ['-thread_queue_size', '64', '-probesize', '32', '-analyzeduration', '0'];

const children = new Set();
/** For `endAll`. @param {import('node:child_process').ChildProcess} child */
export function keep(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** Ends what a test that failed left behind. */
export function endAll() {
  for (const child of children) child.kill('SIGKILL');
}

export class Pusher {
  /** @param {string} url @param {{rate?: number, camera?: boolean}} [options] */
  constructor(url, { rate = 48000, camera = true } = {}) {
    const pictures = [...RAW, '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${WIDTH}x${HEIGHT}`, '-r', '25', '-i', 'pipe:3'];
    const noise = [...RAW, '-f', 's16le', '-ar', '48000', '-ac', '1', '-i', 'pipe:4'];
    const args = ['-v', 'error', '-nostdin', ...(camera ? pictures : []), ...noise, ...ENCODE_VIDEO, ...ENCODE_SOUND, '-ar', String(rate),
      '-flush_packets', '1', '-muxdelay', '0', '-f', 'flv', url];
    this.child = spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
    keep(this.child);
    this.log = '';
    this.child.stderr.on('data', (text) => { this.log += text; });
    this.gone = new Promise((resolve) => this.child.once('exit', resolve));
    const [video, audio] = [this.child.stdio[3], this.child.stdio[4]];
    for (const pipe of [video, audio]) pipe.on('error', () => {});
    const start = Date.now();
    let [frames, blocks] = [0, 0];
    this.timer = setInterval(() => {
      const now = Date.now();
      for (; start + blocks * SOUND_MS <= now; blocks += 1) {
        audio.write(sound(start + blocks * SOUND_MS, 48 * SOUND_MS));
      }
      for (; camera && start + frames * FRAME_MS <= now; frames += 1) video.write(draw(start + frames * FRAME_MS));
    }, 10);
  }

  /** Milliseconds of pictures that ffmpeg has not taken yet: how old they are before they leave, on a busy machine. */
  behind() {
    return (this.child.stdio[3].writableLength / ((WIDTH * HEIGHT * 3) / 2)) * FRAME_MS;
  }

  /** @param {NodeJS.Signals} [signal] */
  async stop(signal = 'SIGTERM') {
    clearInterval(this.timer);
    // A pipe that stays open keeps ffmpeg's reading threads, and with them ffmpeg.
    for (const pipe of this.child.stdio.slice(3)) pipe.destroy();
    this.child.kill(signal);
    const force = setTimeout(() => this.child.kill('SIGKILL'), 3_000);
    await this.gone;
    clearTimeout(force);
  }
}

export class Player {
  /** @param {string} url */
  constructor(url) {
    this.file = join(tmpdir(), `carillon-${process.pid}-${Math.random().toString(36).slice(2)}.flv`);
    const args = ['-v', 'warning', '-nostdin', '-threads', '1', '-flags', 'low_delay', '-analyzeduration', '1000000', '-i', url,
      '-map', '0:v', '-fps_mode', 'passthrough', '-s', `${WIDTH}x${HEIGHT}`, '-pix_fmt', 'gray', '-flush_packets', '1', '-f', 'rawvideo', 'pipe:3',
      '-map', '0:v', '-map', '0:a', '-c', 'copy', '-y', this.file];
    this.started = Date.now();
    this.child = spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
    keep(this.child);
    this.log = '';
    this.child.stderr.on('data', (text) => { this.log += text; });
    this.gone = new Promise((resolve) => this.child.once('exit', resolve));
    /** @type {{at: number, age: number | null}[]} */
    this.frames = [];
    let waiting = Buffer.alloc(0);
    this.child.stdio[3].on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      for (; waiting.length >= WIDTH * HEIGHT; waiting = waiting.subarray(WIDTH * HEIGHT)) {
        const at = Date.now();
        this.frames.push({ at, age: age(waiting, at) });
      }
    });
  }

  /** Ages of the pictures since `from`, in milliseconds. */
  ages(from = 0) {
    return this.frames.filter((f) => f.at >= from && f.age !== null).map((f) => f.age);
  }

  async stop() {
    this.child.kill('SIGINT');
    const force = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await this.gone;
    clearTimeout(force);
  }

  /**
   * What the recording says: how far sound is behind the picture (ms, median), at each beep; and its faults.
   * Waits for nothing: `stop` first. `sent`: by how much the beep of each second was late when it was sent, ms.
   */
  async judge(sent = {}) {
    const probe = async (...args) => (await run('ffprobe', ['-v', 'error', ...args, '-of', 'csv=p=0', this.file], { maxBuffer: 1 << 28 })).stdout;
    const numbers = (text) => text.split('\n').map((line) => parseFloat(line)).filter((n) => !Number.isNaN(n));
    const decode = async (...args) => (await run('ffmpeg', ['-v', 'error', '-i', this.file, ...args, '-'], { encoding: 'buffer', maxBuffer: 1 << 30 })).stdout;
    const packets = (await probe('-show_entries', 'packet=stream_index,dts_time')).trim().split('\n').map((l) => l.split(',').map(Number));
    const shown = numbers(await probe('-select_streams', 'v', '-show_entries', 'frame=best_effort_timestamp_time'));
    const heard = numbers(await probe('-select_streams', 'a', '-show_entries', 'packet=pts_time'));
    const pictures = await decode('-an', '-fps_mode', 'passthrough', '-s', `${WIDTH}x${HEIGHT}`, '-pix_fmt', 'gray', '-f', 'rawvideo');
    const pcm = await decode('-vn', '-ac', '1', '-ar', '48000', '-f', 's16le');
    // The recording's clock less that of the world, by the pictures.
    const ages = shown.map((pts, n) => age(pictures.subarray(n * WIDTH * HEIGHT), this.started + pts * 1000));
    const picture = median(ages.filter((a) => a !== null)) - this.started;
    const samples = Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(i * 2) / 32768);
    const beeps = onsets(samples).map((i) => heard[0] * 1000 + i / 48);
    const skews = beeps.map((ms) => afterSecond(ms - picture) - (sent[Math.round((ms - picture) / 1000)] ?? 0)).filter((ms) => Math.abs(ms) < 400);
    const backwards = packets.filter(([, dts], n) => n > 0 && dts < packets[n - 1][1] - 0.0005).length;
    const gaps = heard.map((at, n) => (n ? at - heard[n - 1] : 0)).filter((step) => step > 0.05).length;
    return { frames: shown.length, beeps: beeps.length, skew: median(skews), skews, backwards, gaps };
  }

  async forget() {
    await rm(this.file, { force: true });
  }
}
