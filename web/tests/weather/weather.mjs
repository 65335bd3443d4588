// node weather.mjs [--cells clean,loss30] [--seeds 3] [--seconds 30] [--json FILE]: the table of calls in bad weather.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CELLS, missed } from './cells.mjs';
import { measure } from './call.mjs';
import { Ear, quantile } from './judge.mjs';
import { makeSpeech } from './speech.mjs';

const { values: options } = parseArgs({
  options: {
    cells: { type: 'string', default: Object.keys(CELLS).join(',') },
    seeds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '30' },
    json: { type: 'string' },
  },
});

const COLUMNS = [
  ['fps', 1], ['freeze', 1], ['longestMs', 0], ['latencyMs', 0], ['latencyP95Ms', 0], ['stoi', 2], ['concealed', 1], ['videoKbps', 0],
  ['uplinkTimes', 2], ['downlinkTimes', 2], ['height', 0], ['joinMs', 0], ['nacks', 0], ['plis', 0],
];

const speech = await makeSpeech();
const ear = new Ear(speech.samples);
const report = {};
console.log(['cell'.padEnd(16), ...COLUMNS.map(([name]) => name.slice(0, 8).padStart(9))].join(''));
for (const name of options.cells.split(',')) {
  const cell = CELLS[name];
  if (!cell) throw new Error(`there is no cell ${name}; known: ${Object.keys(CELLS).join(', ')}`);
  const runs = [];
  for (let seed = 1; seed <= Number(options.seeds); seed += 1) {
    runs.push(await measure(cell.weather, { seed, measureMs: 1000 * Number(options.seconds), speech: speech.wav, ear }));
  }
  const median = Object.fromEntries(Object.keys(runs[0]).map((key) => [key, quantile(runs.map((r) => r[key] ?? Infinity), 0.5)]));
  const misses = missed(cell, median);
  report[name] = { median, runs, misses };
  const figures = COLUMNS.map(([key, digits]) => String(Number.isFinite(median[key]) ? median[key].toFixed(digits) : '-').padStart(9));
  console.log([name.padEnd(16), ...figures, misses.length ? `  MISSED ${misses.join(', ')}` : '  ok'].join(''));
  if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 1)}\n`);
}
process.exitCode = Object.values(report).some((cell) => cell.misses.length) ? 1 : 0;
