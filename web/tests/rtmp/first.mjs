// How long a player waits for its first picture of a page's stream: each alone, and many at once. `make rtmp-first`.
// Prints figures beside what is promised, and fails where CARILLON_FIGURES is set and one is missed.
import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../browser/support/user.mjs';
import { shareUrgency } from '../weather/priority.mjs';
import { Call } from './support/call.mjs';

const run = promisify(execFile);
const LOADTEST = process.env.CARILLON_LOADTEST_BIN;
if (!LOADTEST) throw new Error('CARILLON_LOADTEST_BIN names the carillon-loadtest binary: run `make rtmp-first`');
const [JOINS, COLD_JOINS, PLAYERS, RATE] = [20, 6, 400, 200];
/** Milliseconds; requests of a keyframe each second. */
const PROMISED = { alone: 150, ramp: 600, requests: 2 };
/** A stream that nobody plays runs on for 5 s. */
const COLD_MS = 6_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const clip = join(tmpdir(), `carillon-first-${process.pid}.flv`);
const call = new Call();
let missed = 0;

/** The load tool wants a clip, also where it publishes nothing. */
const makeClip = () => run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=s=64x64:r=25', '-t', '0.4', '-c:v', 'libx264', '-y', clip]);

/** @returns {Promise<{first_key_ms: {p50: number, p95: number, p99: number}, blind: number, failed: number}>} */
async function play(url, players, seconds) {
  const args = ['rtmp', '--json', '--clip', clip, '--play', url, '--players', players, '--rate', RATE, '--settle', 0, '--seconds', seconds];
  return JSON.parse((await run(LOADTEST, args.map(String))).stdout);
}

const requested = async () => Number(/^carillon_keyframes_requested_total (\d+)/m.exec(await call.server.metrics())?.[1] ?? NaN);

function print(what, figures, value, most, unit) {
  const good = value <= most;
  missed += good ? 0 : 1;
  console.log(`${what}: ${figures} (promised: at most ${most} ${unit})${good ? '' : ' MISSED'}`);
}

/** One after another, at a random moment of the publisher's pictures. */
async function alone(name, url, joins, pauseMs) {
  const waits = [];
  for (let n = 0; n < joins; n += 1) {
    await wait(pauseMs + Math.random() * 1_000);
    const report = await play(url, 1, 0.7);
    waits.push(report.blind ? Infinity : report.first_key_ms.p50);
  }
  waits.sort((a, b) => a - b);
  const [median, most] = [waits[waits.length >> 1], waits.at(-1)];
  print(`${name}, ${joins} players each alone`, `first picture after ${median.toFixed(0)} ms median, ${most.toFixed(0)} ms at most`, median, PROMISED.alone, 'ms');
}

async function ramp(name, url) {
  const [before, begun] = [await requested(), Date.now()];
  const report = await play(url, PLAYERS, 1.5);
  const [asked, seconds] = [await requested() - before, (Date.now() - begun) / 1000];
  const { p50, p95, p99 } = report.first_key_ms;
  const p95OfAll = report.blind > PLAYERS / 20 ? Infinity : p95;
  print(`${name}, ${PLAYERS} players at ${RATE}/s`, `first picture after ${p50.toFixed(0)} / ${p95.toFixed(0)} / ${p99.toFixed(0)} ms (p50/p95/p99), ${report.blind} without, ${report.failed} failed`, p95OfAll, PROMISED.ramp, 'ms p95');
  print(`${name}, the same ramp`, `${asked} keyframes asked of the page in ${seconds.toFixed(1)} s`, asked, Math.floor(PROMISED.requests * seconds) + 1, 'of 2/s');
}

/** Nanoseconds that the bridge's threads have run: a transcode for each stream, and its pictures. */
async function bridged() {
  const tasks = `/proc/${call.server.child.pid}/task`;
  const each = (await readdir(tasks)).map(async (task) => {
    const [name, ran] = await Promise.all(['comm', 'schedstat'].map((file) => readFile(`${tasks}/${task}/${file}`, 'utf8')));
    return name.startsWith('bridge-') ? Number(ran.split(' ')[0]) : 0;
  });
  return (await Promise.all(each)).reduce((a, b) => a + b, 0);
}

async function cost(url) {
  const playing = play(url, 1, 13);
  await wait(2_000);
  const [before, begun] = [await bridged(), performance.now()];
  await wait(10_000);
  const each = (await bridged() - before) / 1e3 / (performance.now() - begun);
  await playing;
  console.log(`one stream from the page to players: the bridge takes ${each.toFixed(1)} ms of a core each second, Opus to AAC and pictures`);
}

try {
  await makeClip();
  await call.start();
  const room = call.room();
  await call.enter(room, 'amy');
  await shareUrgency();
  const url = await call.playUrl(room, 'phone', 'amy');
  const flv = await call.playUrl(room, 'phone', 'amy', 'flv');
  // With the first player the room turns to H.264, and pages to a rate.
  await until(async () => (await play(url, 1, 1)).blind === 0, () => `no picture\n${call.server.log.slice(-3000)}`);
  await wait(3_000);
  await shareUrgency();
  await alone('rtmp, stream running', url, JOINS, 300);
  await alone('flv, stream running', flv, JOINS, 300);
  await alone('rtmp, nobody has played for 6 s', url, COLD_JOINS, COLD_MS);
  await cost(url);
  await wait(COLD_MS);
  await ramp('rtmp', url);
  await wait(COLD_MS);
  await ramp('flv', flv);
} finally {
  await call.end();
  await rm(clip, { force: true });
}
if (missed && process.env.CARILLON_FIGURES) process.exit(1);
