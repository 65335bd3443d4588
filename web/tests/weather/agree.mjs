// node agree.mjs weather.json weather-sim.json: the model of Chromium (server/sfu/tests/browsers) beside Chromium itself.
// Fails where they are further apart than the model may be, in the weathers it is held to.
import { readFile } from 'node:fs/promises';
import { argv } from 'node:process';

const HELD = ['clean', 'loss30', 'loss70', 'jitter500'];
const FPS_SHARE = 0.15;
const STOI_APART = 0.05;

const [real, model] = await Promise.all(argv.slice(2, 4).map(async (file) => JSON.parse(await readFile(file, 'utf8'))));
if (!model) throw new Error('usage: node agree.mjs weather.json weather-sim.json');

const column = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '-').padStart(9);
console.log(`${'cell'.padEnd(18)}${['fps real', 'model', 'STOI real', 'model', 'late real', 'model'].map((head) => head.padStart(10)).join('')}`);
for (const name of Object.keys(real).filter((cell) => model[cell])) {
  const [is, ought] = [real[name].median, model[name].median];
  if (!('fps' in is)) continue;
  const pairs = [[is.fps, 1], [ought.Fps, 1], [is.stoi, 2], [ought.Stoi, 2], [is.latencyMs, 0], [ought.LatencyMs, 0]];
  console.log(`${name.padEnd(18)}${pairs.map(([value, digits]) => ` ${column(value, digits)}`).join('')}  ${verdict(name, is, ought)}`);
}
for (const name of HELD.filter((cell) => !real[cell] || !model[cell])) fail(`${name} is missing in one of the files`);

function verdict(name, is, ought) {
  const apart = [];
  if (!(Math.abs(is.fps - ought.Fps) <= FPS_SHARE * is.fps)) apart.push(`fps more than ${100 * FPS_SHARE} % apart`);
  if (!(Math.abs(is.stoi - ought.Stoi) <= STOI_APART)) apart.push(`STOI more than ${STOI_APART} apart`);
  const starved = is.starved ? ' (the real encoder was starved)' : '';
  if (apart.length && HELD.includes(name)) fail(`${name}: ${apart.join(', ')}${starved}`);
  return (apart.length ? apart.join(', ') : 'agrees') + (HELD.includes(name) ? '' : ', not held') + starved;
}

function fail(why) {
  console.error(why);
  process.exitCode = 1;
}
