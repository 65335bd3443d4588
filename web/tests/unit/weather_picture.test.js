/** The picture of the table of bad weather. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CELLS } from '../weather/cells.mjs';
import { draw } from '../weather/picture.mjs';
import { roundUp, ticks } from '../weather/svg.mjs';

const FIGURES = 4;

/** @param {(name: string) => any} [median] */
function report(median = () => ({ fps: 29.5, freeze: 0, stoi: 0.97, latencyMs: 120 })) {
  return Object.fromEntries(Object.keys(CELLS).map((name) => {
    const figures = CELLS[name].scene === 'joins' ? { joinedOf10: 8, joinMs: 900 } : median(name);
    return [name, { median: figures, runs: [figures, figures, figures], misses: [] }];
  }));
}

/** Every tag is closed in order, attributes are quoted, and text holds no bare sign. */
function assertWellFormed(svg) {
  const open = [];
  const tags = /<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<>&]*(?:&(?:amp|lt|gt|quot);[^"<>&]*)*")*)(\/?)>|&(?!(?:amp|lt|gt|quot);)|<|>/g;
  for (const [all, end, name, , alone] of svg.matchAll(tags)) {
    assert.ok(name, `a bare ${all} in ${svg.slice(0, 80)}`);
    if (end) assert.equal(open.pop(), name);
    else if (!alone) open.push(name);
  }
  assert.deepEqual(open, []);
}

test('the picture is well-formed and has a point for every figure of every cell', () => {
  const svg = draw(report());
  assertWellFormed(svg);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined|null/);
  for (const name of Object.keys(CELLS)) {
    const points = svg.split(`data-cell="${name}"`).length - 1;
    assert.equal(points, CELLS[name].scene === 'joins' ? 1 : FIGURES, name);
  }
});

test('it says what its axes are, in units, for light and dark', () => {
  const svg = draw(report());
  for (const words of ['Calls in bad weather', 'pictures shown (1/s)', 'frozen, gaps over 250 ms (%)', '(STOI)', 'median (ms)', 'packets lost on each link (%)', 'prefers-color-scheme:dark']) {
    assert.ok(svg.includes(words), words);
  }
});

test('a missed target is crossed out, whatever the colour', () => {
  const crosses = (svg) => svg.split('class="cross missed-line"').length - 1;
  const legend = crosses(draw({}));
  assert.equal(crosses(draw(report())), legend);
  const slow = draw({ loss70: { median: { fps: 10, freeze: 1, stoi: 0.99, latencyMs: 200 }, runs: [], misses: [] } });
  assert.equal(crosses(slow), legend + 1);
});

test('nothing at all is drawn as the worst there is', () => {
  const svg = draw(report(() => ({ fps: 0, freeze: 100, stoi: null, latencyMs: null })));
  assertWellFormed(svg);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  assert.match(svg, /nothing came/);
});

test('scales end at round numbers', () => {
  assert.deepEqual([0.9, 1, 3, 26, 1_100, 2_300].map(roundUp), [1, 1, 5, 50, 2_000, 2_500]);
  assert.deepEqual(ticks(0, 30), [0, 10, 20, 30]);
  assert.deepEqual(ticks(0.5, 1), [0.5, 0.6, 0.7, 0.8, 0.9, 1]);
});
