// The table as text.
import { quantile } from './judge.mjs';

/** @type {[key: string, head: string, digits: number][]} */
const COLUMNS = [
  ['fps', 'fps', 1], ['freeze', 'frz250%', 1], ['freeze500', 'frz500%', 1], ['longestMs', 'longest', 0], ['latencyMs', 'late', 0],
  ['latencyP95Ms', 'late95', 0], ['stoi', 'stoi', 2], ['concealed', 'conc%', 1], ['stretched', 'stretch', 0], ['videoKbps', 'kbps', 0], ['targetKbps', 'target', 0],
  ['height', 'height', 0], ['uplinkKbps', 'up kbps', 0], ['uplinkTimes', 'up x', 2], ['redKbps', 'red', 0], ['downlinkKbps', 'dn kbps', 0],
  ['downlinkTimes', 'down x', 2], ['queueP95Ms', 'queue95', 0], ['joinMs', 'join', 0], ['joinedOf10', 'of 10', 0], ['drops', 'drops', 0],
  ['directMs', 'direct', 0], ['backMs', 'back', 0], ['share', 'share', 1], ['nacks', 'nacks', 0], ['plis', 'plis', 0], ['load', 'load', 0],
];
const NAME = 18;
const WIDTH = 8;

export function head() {
  return ['cell'.padEnd(NAME), ...COLUMNS.map(([, name]) => name.padStart(WIDTH))].join('');
}

/** @param {string} name @param {import('./picture.mjs').Row} row */
export function row(name, { median: figures, runs, misses }) {
  const shown = COLUMNS.map(([key, , digits]) => {
    const value = figures[key];
    return (key in figures ? (Number.isFinite(value) ? Number(value).toFixed(digits) : '-') : '').padStart(WIDTH);
  });
  const starved = runs.filter((run) => run.starved).length;
  const told = [misses.length ? `MISSED ${misses.join(', ')}` : 'ok', starved ? `encoder starved in ${starved} of ${runs.length}` : ''];
  return `${name.padEnd(NAME)}${shown.join('')}  ${told.filter(Boolean).join('; ')}`;
}

/** Figure by figure; what did not come counts as the worst. @param {Record<string, number | null>[]} runs */
export function median(runs) {
  const of = (key) => {
    const least = ['fps', 'stoi', 'height'].includes(key) ? -Infinity : Infinity;
    const value = quantile(runs.map((run) => run[key] ?? least), 0.5);
    return Number.isFinite(value) ? value : null;
  };
  return Object.fromEntries(Object.keys(runs[0]).map((key) => [key, of(key)]));
}
