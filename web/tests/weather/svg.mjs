// Small parts of a chart as SVG text: a scale, a frame with axes, a point. Colours are classes, so that one file is
// readable on light and on dark paper.

const LIGHT = {
  paper: '#ffffff', ink: '#1d2330', faint: '#667085', grid: '#e4e7ec', missed: '#c81e1e', both: '#1f5fd6', up: '#b45309', down: '#047857',
};
const DARK = {
  paper: '#14171d', ink: '#e7eaf0', faint: '#9aa3b2', grid: '#2d333f', missed: '#ff8080', both: '#7fb0ff', up: '#f3b562', down: '#5fd3a4',
};

function colours(palette) {
  const rules = Object.entries(palette).map(([name, colour]) => `.${name}{fill:${colour}}.${name}-line{stroke:${colour}}`);
  return rules.join('');
}

export const STYLE = `<style>text{font:12px system-ui,sans-serif}.h1{font-size:20px;font-weight:600}.h2{font-size:14px;font-weight:600}`
  + `.small{font-size:11px}line,polyline,path.cross{fill:none;stroke-width:1}.thick{stroke-width:2}`
  + `path.cross{stroke-width:2}circle.hollow,circle.ring{stroke-width:2}${colours(LIGHT)}.seed{opacity:.35}.hollow{fill:${LIGHT.paper}}`
  + `@media (prefers-color-scheme:dark){${colours(DARK)}.hollow{fill:${DARK.paper}}}</style>`;

export function escape(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);
}

/** A tag with attributes and content; numbers are cut to a tenth of a pixel. */
export function tag(name, attributes, content = '') {
  const text = Object.entries(attributes).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? Math.round(value * 10) / 10 : escape(value)}"`).join('');
  return content === '' ? `<${name}${text}/>` : `<${name}${text}>${content}</${name}>`;
}

export function words(x, y, text, attributes = {}) {
  return tag('text', { x, y, class: 'ink', ...attributes }, escape(text));
}

export function line(x1, y1, x2, y2, classes) {
  return tag('line', { x1, y1, x2, y2, class: classes });
}

export function polyline(points, classes) {
  const text = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return points.length > 1 ? tag('polyline', { points: text, class: classes }) : '';
}

/** From values to pixels; what lies outside is put on the edge. */
export function scale([low, high], [from, to]) {
  return (value) => from + ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (to - from);
}

/** The least of 1, 2, 2.5, 5 × 10ⁿ that is no less than `value`. */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return (([1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999)) ?? 10) * power;
}

/** Five or so round values from low to high. */
export function ticks(low, high) {
  const step = roundUp((high - low) / 5);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(6)));
}

/**
 * A cell's figure: filled, or hollow; a cross beside colour where the target is missed, so that it can be told without colour.
 * @param {{x: number, y: number, series: string, hollow?: boolean, missed?: boolean, told: string, cell: string}} of
 */
export function point({ x, y, series, hollow, missed, told, cell }) {
  const dot = tag('circle', { cx: x, cy: y, r: 4, class: hollow ? `hollow ${series}-line` : series });
  const cross = missed ? tag('path', { d: `M${(x - 8).toFixed(1)} ${(y - 8).toFixed(1)}l16 16m0 -16l-16 16`, class: 'cross missed-line' }) : '';
  return tag('g', { 'data-cell': cell }, `${tag('title', {}, escape(told))}${cross}${dot}`);
}
