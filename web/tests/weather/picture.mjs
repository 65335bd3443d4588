// The table as a picture: how calls do against loss, against jitter, and in every other weather.
import { CELLS } from './cells.mjs';
import { STYLE, line, point, polyline, roundUp, scale, tag, ticks, words } from './svg.mjs';

const WIDTH = 1180;
const LEFT = 24;
const COLUMN = 283;
/** Of a panel, inside its axes. */
const PANEL = { width: 226, height: 170, left: 44, top: 44, bottom: 48 };
const ROW_HEIGHT = 24;
const NAMES = 150;

/** What is drawn of each cell: at which range at least and at most, which bound is its target. */
const FIGURES = [
  { key: 'fps', label: 'pictures shown (1/s)', low: 0, high: 30, end: 60, digits: 1, bound: 'least' },
  { key: 'freeze', label: 'frozen, gaps over 250 ms (%)', low: 0, high: 10, end: 25, digits: 1, bound: 'most' },
  { key: 'stoi', label: 'speech understood (STOI)', low: 0.5, high: 1, end: 1, digits: 2, bound: 'least' },
  { key: 'latencyMs', label: 'glass to glass, median (ms)', low: 0, high: 500, end: 3_000, digits: 0, bound: 'most' },
];
const SERIES = { both: 'both links', up: 'uplink alone', down: 'downlink alone' };

/**
 * @typedef {{median: Record<string, number | null>, runs: Record<string, number | null>[], misses: string[]}} Row
 * @param {Record<string, Row>} report what weather.mjs measured, by cell
 * @returns {string} SVG, 1180 wide
 */
export function draw(report) {
  const cells = Object.keys(report).filter((name) => CELLS[name]).map((name) => ({ name, ...CELLS[name], ...report[name] }));
  const parts = [header(cells)];
  let y = 100;
  const loss = cells.filter((cell) => cell.at?.loss !== undefined);
  const jitter = cells.filter((cell) => cell.at?.jitter !== undefined);
  for (const [title, axis, label, chosen] of /** @type {const} */ ([
    ['Random loss of media packets on both links', 'loss', 'packets lost on each link (%)', loss],
    ['Jitter, nothing lost', 'jitter', 'jitter: evenly from 0 to (ms)', jitter],
  ])) {
    if (chosen.length === 0) continue;
    parts.push(words(LEFT, y, title, { class: 'ink h2' }), axis === 'jitter' ? jitterLegend(y) : '');
    parts.push(...FIGURES.map((figure, i) => panel(chosen, figure, axis, label, LEFT + i * COLUMN, y)));
    y += PANEL.top + PANEL.height + PANEL.bottom + 26;
  }
  const rest = cells.filter((cell) => cell.at === undefined);
  if (rest.length) {
    parts.push(words(LEFT, y, 'Other weather', { class: 'ink h2' }), others(rest, y + 20));
    y += 20 + ROW_HEIGHT * rest.length + 60;
  }
  const box = { xmlns: 'http://www.w3.org/2000/svg', width: WIDTH, height: y, viewBox: `0 0 ${WIDTH} ${Math.round(y)}`, role: 'img' };
  return `${tag('svg', box, `\n${[tag('title', {}, 'Calls in bad weather'), STYLE, tag('rect', { width: WIDTH, height: y, class: 'paper' }), ...parts].filter(Boolean).join('\n')}\n`)}\n`;
}

function header(cells) {
  const seeds = Math.max(0, ...cells.map((cell) => cell.runs.length));
  const starved = cells.filter((cell) => cell.runs.some((run) => run.starved)).length;
  const about = `Chromium → Carillon → Chromium. Each point: ${seeds === 1 ? 'one run' : `the median of ${seeds} runs`}`
    + `${seeds > 1 ? ', pale points: each run' : ''}.${starved ? ` In ${starved} cells the processor was too busy to encode in time (∗).` : ''}`;
  return [
    words(LEFT, 34, 'Calls in bad weather', { class: 'ink h1' }), words(LEFT, 56, about, { class: 'faint' }),
    line(WIDTH - 226, 28, WIDTH - 210, 28, 'thick faint-line'), words(WIDTH - 202, 32, 'target', { class: 'faint' }),
    tag('path', { d: `M${WIDTH - 142} 22l12 12m0 -12l-12 12`, class: 'cross missed-line' }),
    words(WIDTH - 122, 32, 'target missed', { class: 'faint' }),
  ].join('\n');
}

function jitterLegend(y) {
  const entries = Object.entries(SERIES).map(([series, text], i) => {
    const x = 220 + i * 130;
    return tag('circle', { cx: x, cy: y - 4, r: 4, class: series }) + words(x + 10, y, text, { class: 'faint' });
  });
  return [...entries, words(620, y, 'filled: packets overtake each other', { class: 'faint' }),
    tag('circle', { cx: 846, cy: y - 4, r: 4, class: 'hollow both-line' }), words(856, y, 'hollow: order is kept', { class: 'faint' })].join('');
}

/** The range of a figure in this picture: what is measured and asked for fits in, up to where it no longer matters. */
function range(cells, { key, low, high, end, bound }) {
  const values = cells.flatMap((cell) => [cell.median[key], cell[bound]?.[key]]).filter(Number.isFinite);
  const most = Math.max(high, ...values.map((v) => (v > high ? roundUp(v) : v)));
  return [Math.min(low, ...values.map((v) => Math.floor(v * 10) / 10)), Math.min(end, most)];
}

function isMissed(cell, { key, bound }) {
  const target = cell[bound]?.[key];
  const value = cell.median[key];
  if (target === undefined) return false;
  return bound === 'least' ? !(value >= target) : !(value !== null && value <= target);
}

/** Where nothing came the figure is the worst there is. */
function shown(value, figure, [low, high]) {
  return Number.isFinite(value) ? value : figure.bound === 'least' ? low : high;
}

function told(cell, { key, label, digits, bound }) {
  const value = cell.median[key];
  const target = cell[bound]?.[key];
  const asked = target === undefined ? '' : `, target ${bound === 'least' ? '≥' : '≤'} ${target}`;
  return `${cell.name}: ${Number.isFinite(value) ? value.toFixed(digits) : 'nothing came'}, ${label}${asked}`;
}

function panel(cells, figure, axis, label, left, top) {
  const [x0, y0] = [left + PANEL.left, top + PANEL.top];
  const [low, high] = range(cells, figure);
  const x = across(cells, axis, x0);
  const y = scale([low, high], [y0 + PANEL.height, y0]);
  const out = [words(left, y0 - 14, figure.label, { class: 'ink small' })];
  for (const tick of ticks(low, high)) {
    out.push(line(x0, y(tick), x0 + PANEL.width, y(tick), 'grid-line'));
    out.push(words(x0 - 6, y(tick) + 4, tick, { class: 'faint small', 'text-anchor': 'end' }));
  }
  for (const at of new Set(cells.map((cell) => cell.at[axis]))) {
    out.push(words(x(at), y0 + PANEL.height + 16, at, { class: 'faint small', 'text-anchor': 'middle' }));
  }
  out.push(words(x0 + PANEL.width / 2, y0 + PANEL.height + 34, label, { class: 'faint small', 'text-anchor': 'middle' }));
  out.push(...curves(cells, figure, axis, x, y, [low, high]));
  return out.join('\n');
}

/** Loss to scale; the few amounts of jitter side by side, with room for the ways and orders of each. */
function across(cells, axis, x0) {
  const values = [...new Set(cells.map((cell) => cell.at[axis]))].sort((a, b) => a - b);
  if (axis === 'loss') return scale([0, values[values.length - 1] || 1], [x0 + 8, x0 + PANEL.width - 10]);
  return (value) => x0 + (PANEL.width * (values.indexOf(value) + 0.5)) / values.length;
}

/** One curve for each way, and each order where it matters, side by side, with its targets. */
function curves(cells, figure, axis, x, y, bounds) {
  const [lines, points] = [[], []];
  Object.keys(SERIES).forEach((series, i) => {
    for (const ordered of [false, true]) {
      const own = cells.filter((cell) => (cell.at.way ?? 'both') === series && Boolean(cell.at.ordered) === ordered)
        .sort((a, b) => a.at[axis] - b.at[axis]);
      const aside = axis === 'jitter' ? (2 * i + Number(ordered) - 2.5) * 11 : 0;
      const place = (cell) => x(cell.at[axis]) + aside;
      lines.push(polyline(own.map((cell) => [place(cell), y(shown(cell.median[figure.key], figure, bounds))]), `${axis === 'loss' ? 'thick' : 'seed'} ${series}-line`));
      for (const cell of own) points.push(...pointsOf(cell, figure, place(cell), y, bounds, { series, hollow: ordered }));
    }
  });
  return [...lines, ...points];
}

function pointsOf(cell, figure, x, y, bounds, look) {
  const target = cell[figure.bound]?.[figure.key];
  const at = (value) => y(shown(value, figure, bounds));
  const seeds = cell.runs.length > 1 ? cell.runs.map((run) => tag('circle', { cx: x, cy: at(run[figure.key]), r: 2.5, class: `seed ${look.series}` })) : [];
  return [
    target === undefined ? '' : line(x - 6, y(target), x + 6, y(target), 'thick faint-line'), ...seeds,
    point({ x, y: at(cell.median[figure.key]), ...look, missed: isMissed(cell, figure), told: told(cell, figure), cell: cell.name }),
    beyond(cell, figure, bounds) ? words(x, at(cell.median[figure.key]) + 20, beyond(cell, figure, bounds), { class: 'ink small', 'text-anchor': 'middle' }) : '',
  ];
}

/** The figure itself, where its point stands at the edge of the range. */
function beyond(cell, { key, digits }, [low, high]) {
  const value = cell.median[key];
  if (!Number.isFinite(value)) return 'none';
  return value < low || value > high ? value.toFixed(digits) : '';
}

/** A line for each cell, a column for each figure, values along it. */
function others(cells, top) {
  const out = [];
  const bottom = top + 16 + ROW_HEIGHT * cells.length;
  cells.forEach((cell, i) => {
    const y = top + 16 + ROW_HEIGHT * (i + 0.5);
    const star = cell.runs.some((run) => run.starved) ? ' ∗' : '';
    out.push(words(LEFT, y + 4, `${cell.name}${star}`, {}), line(LEFT + NAMES, y, WIDTH - LEFT, y, 'grid-line'));
  });
  FIGURES.forEach((figure, column) => {
    const width = (WIDTH - 2 * LEFT - NAMES) / FIGURES.length;
    const x0 = LEFT + NAMES + column * width;
    const bounds = range(cells, figure);
    const x = scale(bounds, [x0 + 14, x0 + width - 30]);
    out.push(words(x0 + 14, top + 4, figure.label, { class: 'ink small' }));
    for (const tick of ticks(bounds[0], bounds[1])) {
      out.push(line(x(tick), top + 14, x(tick), bottom, 'grid-line'));
      out.push(words(x(tick), bottom + 16, tick, { class: 'faint small', 'text-anchor': 'middle' }));
    }
    cells.forEach((cell, i) => out.push(figure.key in cell.median ? mark(cell, figure, x, top + 16 + ROW_HEIGHT * (i + 0.5), bounds) : ''));
  });
  cells.forEach((cell, i) => out.push('fps' in cell.median ? '' : ownFigures(cell, top + 16 + ROW_HEIGHT * (i + 0.5))));
  return out.filter(Boolean).join('\n');
}

/** A cell that shows no picture says in words what came of it. */
function ownFigures(cell, y) {
  const bounds = [...Object.entries(cell.least ?? {}).map((b) => [...b, '≥']), ...Object.entries(cell.most ?? {}).map((b) => [...b, '≤'])];
  const text = bounds.map(([key, target, sign]) => `${key} ${cell.median[key] ?? 'none'}, target ${sign} ${target}`).join('; ');
  const x = LEFT + NAMES + 14;
  const at = { x, y, series: 'both', missed: cell.misses.length > 0, told: `${cell.name}: ${text}`, cell: cell.name };
  return tag('rect', { x: x + 10, y: y - 9, width: 8 * text.length, height: 18, class: 'paper' }) + point(at) + words(x + 14, y + 4, text, {});
}

function mark(cell, figure, x, y, bounds) {
  const target = cell[figure.bound]?.[figure.key];
  const asked = target === undefined ? '' : line(x(target), y - 8, x(target), y + 8, 'thick faint-line');
  const at = x(shown(cell.median[figure.key], figure, bounds));
  const value = beyond(cell, figure, bounds);
  const text = value ? words(at - 12, y + 4, value, { class: 'ink small', 'text-anchor': 'end' }) : '';
  return asked + point({ x: at, y, series: 'both', missed: isMissed(cell, figure), told: told(cell, figure), cell: cell.name }) + text;
}
