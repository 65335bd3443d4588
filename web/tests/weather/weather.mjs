// node weather.mjs [--cells clean,loss30] [--seeds 3] [--seconds 30] [--json FILE]: the table of calls in bad weather;
// FILE's neighbour with .svg is the same as a picture. How far it is goes to stderr.
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CELLS, missed } from './cells.mjs';
import { Ear } from './judge.mjs';
import { draw } from './picture.mjs';
import { measure } from './scenes.mjs';
import { makeSpeech } from './speech.mjs';
import { head, median, row } from './table.mjs';

const { values: options } = parseArgs({
  options: {
    cells: { type: 'string', default: Object.keys(CELLS).join(',') },
    seeds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '30' },
    json: { type: 'string' },
  },
});

const names = options.cells.split(',');
const unknown = names.filter((name) => !CELLS[name]);
if (unknown.length) throw new Error(`there is no cell ${unknown.join(', ')}; known: ${Object.keys(CELLS).join(', ')}`);
const seconds = Number(options.seconds);
/** Ten joins are a sample by themselves. */
const seedsOf = (name) => (CELLS[name].scene === 'joins' ? 1 : Number(options.seeds));
const runsInAll = names.reduce((n, name) => n + seedsOf(name), 0);
const started = Date.now();

const speech = await makeSpeech();
const ear = new Ear(speech.samples);
const report = {};
let done = 0;
console.log(head());
for (const [i, name] of names.entries()) {
  const runs = [];
  for (let seed = 1; seed <= seedsOf(name); seed += 1) {
    tellProgress(i, name, seed);
    const figures = await measure(CELLS[name], { seed, measureMs: 1000 * seconds, speech: speech.wav, ear });
    runs.push({ ...figures, seed, seconds, load: loadavg()[0] });
    done += 1;
  }
  const figures = median(runs);
  const misses = missed(CELLS[name], figures);
  report[name] = { median: figures, runs, misses };
  console.log(row(name, report[name]));
  if (options.json) await write(options.json);
}
process.exitCode = Object.values(report).some((cell) => cell.misses.length) ? 1 : 0;

function tellProgress(i, name, seed) {
  const minutes = ((Date.now() - started) / 60_000 / done) * (runsInAll - done);
  const left = done ? `, ${Math.ceil(minutes)} min left` : '';
  console.error(`cell ${i + 1} of ${names.length}: ${name}, seed ${seed} of ${seedsOf(name)}${left}`);
}

/** After every cell, so that a run that is cut off leaves what it has. */
async function write(file) {
  await writeFile(file, `${JSON.stringify(report, null, 1)}\n`);
  await writeFile(file.replace(/(\.json)?$/, '.svg'), draw(report));
}
