// What a player gets, kept as it came, and what is wrong with it.
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FlvReader, VIDEO } from './flv.mjs';

const run = promisify(execFile);
/** 1,024 samples at 48 kHz. */
const SOUND_FRAME_MS = 1024 / 48;
/** From one picture to the next: more is a freeze, as in the judgement of bad networks between browsers. */
const FREEZE_MS = 250;
/** Of samples, and a block of fewer than half of what is usual is a hole. */
const BLOCK = 960;

export const newFile = () => join(tmpdir(), `carillon-${process.pid}-${Math.random().toString(36).slice(2)}.flv`);

/** A player over HTTP-FLV that plays nothing. */
export class Recording {
  /** @param {string} url */
  constructor(url) {
    this.file = newFile();
    this.out = createWriteStream(this.file);
    /** @type {{kind: number, at: number, payload: Buffer, came: number}[]} */
    this.tags = [];
    this.abort = new AbortController();
    this.done = this.#read(url);
  }

  async #read(url) {
    const [reader, asked] = [new FlvReader(), performance.now()];
    try {
      const answer = await fetch(url, { signal: this.abort.signal });
      if (!answer.ok || !answer.body) throw new Error(`${answer.status} for ${url} after ${performance.now() - asked} ms`);
      for await (const bytes of answer.body) {
        const came = performance.now();
        this.out.write(bytes);
        for (const tag of reader.read(Buffer.from(bytes))) this.tags.push({ ...tag, came });
      }
    } catch (error) {
      if (!this.abort.signal.aborted) throw error;
    }
  }

  async stop() {
    this.abort.abort();
    await this.done;
    await new Promise((resolve) => this.out.end(() => resolve(null)));
  }
}

/** Tags of a file that a tool has written. @param {string} file */
export async function tagsOf(file) {
  return new FlvReader().read(await readFile(file));
}

const isPicture = ({ kind, payload }) => kind === VIDEO && (payload[0] & 15) === 7 && payload[1] === 1;
const isSound = ({ kind, payload }) => kind !== VIDEO && payload[0] >> 4 === 10 && payload[1] === 1;
const steps = (tags) => tags.slice(1).map((tag, n) => tag.at - tags[n].at);

/**
 * Of a stream's times: `back`: steps back of any tag; `gaps`: places where sound lacks a frame or more; `freeze`: percent of the
 * time from `since` on that a picture stands longer than 250 ms.
 * @param {{kind: number, at: number, payload: Buffer}[]} tags @param {number} [since] of the stream's milliseconds
 */
export function judgeTimes(tags, since = 0) {
  const media = tags.filter((tag) => isPicture(tag) || isSound(tag));
  const sounds = media.filter(isSound);
  const pictures = media.filter(isPicture).filter(({ at }) => at >= since);
  const frozen = steps(pictures).filter((step) => step > FREEZE_MS).reduce((a, b) => a + b, 0);
  return {
    back: steps(media).filter((step) => step < 0).length,
    gaps: steps(sounds).filter((step) => step >= 2 * SOUND_FRAME_MS - 1).length,
    longestSound: Math.max(...steps(sounds)),
    freeze: (100 * frozen) / (pictures[pictures.length - 1].at - pictures[0].at),
    longest: Math.max(...steps(pictures)),
    fps: ((pictures.length - 1) * 1000) / (pictures[pictures.length - 1].at - pictures[0].at),
  };
}

/**
 * Percent of the time that a player stands still who keeps `cacheMs` of what comes, and keeps more after each stall; and how much it
 * keeps at the end.
 * @param {{kind: number, at: number, payload: Buffer, came: number}[]} tags
 */
export function playWith(cacheMs, tags) {
  const media = tags.filter((tag) => isPicture(tag) || isSound(tag));
  let behind = media[0].came - media[0].at + cacheMs;
  let stood = 0;
  for (const { at, came } of media) {
    const late = Math.max(0, came - at - behind);
    stood += late;
    behind += late;
  }
  const fastest = Math.min(...media.map(({ at, came }) => came - at));
  return { stood: (100 * stood) / (media[media.length - 1].at - media[0].at), kept: behind - fastest };
}

/** What ffprobe and ffmpeg complain of, line by line. @param {string} file */
export async function complaints(file) {
  const probe = run('ffprobe', ['-v', 'warning', '-show_entries', 'packet=dts', '-of', 'csv', file], { maxBuffer: 1 << 26 });
  const decode = run('ffmpeg', ['-v', 'warning', '-xerror', '-i', file, '-fps_mode', 'passthrough', '-enc_time_base:v', '1/1000', '-f', 'null', '-']).catch((error) => error);
  const said = (await Promise.all([probe, decode])).map(({ stderr }) => stderr.trim());
  return said.filter(Boolean).flatMap((text) => text.split('\n'));
}

/** Percent of blocks of 20 ms without the tone that sounds all the time. @param {string} file @param {number} sinceSeconds from its beginning */
export async function holesInTone(file, sinceSeconds) {
  const args = ['-v', 'error', '-i', file, '-ss', String(sinceSeconds), '-vn', '-ac', '1', '-ar', '48000', '-f', 's16le', 'pipe:1'];
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 1 << 28 });
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.length >> 1);
  const loud = Array.from({ length: Math.floor(samples.length / BLOCK) }, (_, n) => {
    const block = samples.subarray(n * BLOCK, (n + 1) * BLOCK);
    return Math.sqrt(block.reduce((sum, sample) => sum + sample * sample, 0) / BLOCK);
  });
  const usual = [...loud].sort((a, b) => a - b)[loud.length >> 1];
  if (!(usual > 300)) throw new Error(`no tone in the sound: ${usual}`);
  return (100 * loud.filter((one) => one < usual / 2).length) / loud.length;
}

export const forget = (file) => rm(file, { force: true });
