// A live-pusher that stays connected while its camera changes: ffmpeg encodes, and another ffmpeg sends what the encoders
// make, one after the other, on one connection.
import { spawn } from 'node:child_process';
import { FlvReader, flvHeader, flvTag, VIDEO } from './flv.mjs';
import { ENCODE_SOUND, ENCODE_VIDEO, keep, RAW } from './phone.mjs';
import { draw, HEIGHT, sound, WIDTH } from './timecode.mjs';

const FRAME_MS = 40;
const SOUND_MS = 20;
/** ffmpeg's encoder begins with 1,024 samples that nobody is to hear, and its muxer counts from there. */
const AAC_PRIMING_MS = 1024 / 48;

/** @param {string[]} args @param {import('node:child_process').StdioOptions} stdio */
function ffmpeg(args, stdio) {
  const child = spawn('ffmpeg', ['-v', 'error', '-nostdin', ...args], { stdio });
  keep(child);
  for (const pipe of child.stdio) pipe?.on('error', () => {});
  return child;
}

export class LivePusher {
  /** Whether its microphone is heard; muted, it goes on with silence as a phone does. */
  muted = false;
  log = '';
  #start = Date.now();
  #blocks = 0;
  /** @type {{child: import('node:child_process').ChildProcess, start: number, frames: number} | null} */ #camera = null;

  /** @param {string} url @param {{camera?: {width?: number, height?: number} | null}} [options] */
  constructor(url, { camera = {} } = {}) {
    this.sender = ffmpeg(['-probesize', '100000', '-analyzeduration', '2000000', '-fflags', 'nobuffer', '-f', 'flv', '-i', 'pipe:0',
      '-c', 'copy', '-max_interleave_delta', '1', '-flush_packets', '1', '-f', 'flv', url], ['pipe', 'ignore', 'pipe']);
    this.sender.stderr.on('data', (text) => { this.log += text; });
    /** Its exit code, when it has ended. @type {Promise<number | null>} */
    this.gone = new Promise((resolve) => this.sender.once('exit', resolve));
    this.sender.stdin.write(flvHeader({ video: camera !== null }));
    this.microphone = ffmpeg([...RAW, '-f', 's16le', '-ar', '48000', '-ac', '1', '-i', 'pipe:0', ...ENCODE_SOUND, '-flush_packets', '1',
      '-f', 'flv', 'pipe:1'], ['pipe', 'pipe', 'ignore']);
    this.#forward(this.microphone, 0);
    this.setCamera(camera);
    this.timer = setInterval(() => this.#feed(Date.now()), 10);
  }

  get filming() {
    return this.#camera !== null;
  }

  /** Another camera, or none. Pictures of the last one that were not encoded yet are lost. @param {{width?: number, height?: number} | null} camera */
  setCamera(camera) {
    this.#camera?.child.kill('SIGKILL');
    this.#camera = null;
    if (!camera) return;
    const { width = WIDTH, height = HEIGHT } = camera;
    const child = ffmpeg([...RAW, '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${WIDTH}x${HEIGHT}`, '-r', '25', '-i', 'pipe:0',
      '-s', `${width}x${height}`, ...ENCODE_VIDEO, '-flush_packets', '1', '-f', 'flv', 'pipe:1'], ['pipe', 'pipe', 'ignore']);
    this.#camera = { child, start: Date.now(), frames: 0 };
    this.#forward(child, this.#camera.start - this.#start + AAC_PRIMING_MS);
  }

  /** @param {import('node:child_process').ChildProcess} child @param {number} offset ms from this pusher's start to the encoder's */
  #forward(child, offset) {
    const reader = new FlvReader();
    child.stdout.on('data', (bytes) => {
      const gone = child !== this.microphone && child !== this.#camera?.child;
      for (const { kind, at, payload } of reader.read(bytes)) {
        // A tag that says "no more pictures" is for a file.
        const ends = kind === VIDEO && payload[1] === 2;
        if (!gone && !ends) this.sender.stdin.write(flvTag(kind, Math.round(at + offset), payload));
      }
    });
  }

  /** @param {number} now */
  #feed(now) {
    for (; this.#start + this.#blocks * SOUND_MS <= now; this.#blocks += 1) {
      const at = this.#start + this.#blocks * SOUND_MS;
      this.microphone.stdin.write(this.muted ? Buffer.alloc(2 * 48 * SOUND_MS) : sound(at, 48 * SOUND_MS));
    }
    const camera = this.#camera;
    for (; camera && camera.start + camera.frames * FRAME_MS <= now; camera.frames += 1) {
      camera.child.stdin.write(draw(camera.start + camera.frames * FRAME_MS));
    }
  }

  /** @param {NodeJS.Signals} [signal] */
  async stop(signal = 'SIGTERM') {
    clearInterval(this.timer);
    for (const child of [this.#camera?.child, this.microphone]) child?.kill('SIGKILL');
    this.sender.stdin.destroy();
    this.sender.kill(signal);
    const force = setTimeout(() => this.sender.kill('SIGKILL'), 3_000);
    await this.gone;
    clearTimeout(force);
  }
}
