// The carillon on the sign-in page: eight bells to look at and to play. Letters of the name strike them.

import { h, calmMotion } from '../lib/dom.js';
import { bellShape, icon } from '../lib/icons.js';
import { melodyOf, playName, scale, strike } from '../lib/chime.js';
import { t } from '../i18n/index.js';

/** Old bells are green, young ones bright: [light, middle, dark]. */
const shades = [
  ['#5aa093', '#2b776b', '#154a43'], ['#6aa88f', '#3a8069', '#1c5040'], ['#86ab80', '#597f54', '#304f2f'], ['#a9ad6c', '#7e7e3c', '#504f1f'],
  ['#c9b05e', '#a07f2c', '#664e14'], ['#dcb45a', '#b88526', '#74510f'], ['#e9bd62', '#c88f2b', '#835a12'], ['#f5cf7c', '#d7a03a', '#91661a'],
];

export function bellsView() {
  const row = h('div', { class: 'bells', role: 'group', 'aria-label': t('bellsLabel') });
  row.innerHTML = gradients();
  const bells = scale.map((_, index) => {
    const bell = h('button', {
      class: 'bell', type: 'button', tabindex: index === 0 ? 0 : -1, 'aria-label': t('bellNumber', { n: index + 1 }),
      html: `<span class="bell-rope"></span><span class="bell-body">${bellShape(`shade-${index}`)}</span><span class="bell-ring"></span>`,
      on: { pointerdown: () => hit(index), keydown: (event) => steer(event, index) },
    });
    bell.style.setProperty('--i', index);
    return bell;
  });
  row.append(...bells);

  function steer(event, index) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (!event.repeat) hit(index);
    } else if (step) {
      event.preventDefault();
      const next = bells[(index + step + bells.length) % bells.length];
      bells[index].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  }

  /** Swings bell `index`, with its sound unless `silent`. */
  function hit(index, { silent = false } = {}) {
    if (!silent) strike(scale[index], { loud: 0.55 });
    swing(bells[index]);
  }

  return { el: row, hit };
}

/** The bells of a user's own chime, and a button that plays it. */
export function chimeStrip(user) {
  const bells = melodyOf(user).map((step) => {
    const bell = h('span', { html: `<i></i>${bellShape(`shade-${5 + (step % 3)}`)}` });
    bell.style.setProperty('--step', step);
    return bell;
  });
  let next = 0;
  const play = () => {
    next = 0;
    playName(user, { onStep: () => swingBody(bells[next++]) });
  };
  const row = h('div', { class: 'chime-bells', 'aria-hidden': 'true', html: gradients() });
  row.append(...bells);
  return h('section', { class: 'card chime', 'aria-label': t('yourChimeTitle') }, row,
    h('p', { class: 'small muted', text: t('yourChimeBody') }),
    h('button', { class: 'button button-quiet button-small', type: 'button', title: t('yourChime'), html: `${icon('play')}<span>${t('play')}</span>`, data: { testid: 'chime' }, on: { click: play } }));
}

function gradients() {
  const stops = shades.map(([light, middle, dark], index) => `<linearGradient id="shade-${index}" x1="0" x2="1" y1="0" y2=".25">
    <stop offset="0" stop-color="${light}"/><stop offset=".42" stop-color="${middle}"/><stop offset="1" stop-color="${dark}"/></linearGradient>`);
  return `<svg class="visually-hidden" aria-hidden="true"><defs>${stops.join('')}</defs></svg>`;
}

/** A few damped swings, and one wave of sound. */
function swing(bell) {
  const ring = bell.querySelector('.bell-ring');
  if (calmMotion()) {
    bell.animate([{ filter: 'brightness(1.5)' }, { filter: 'none' }], { duration: 500 });
    return;
  }
  const side = Math.random() < 0.5 ? 1 : -1;
  swingBody(bell.querySelector('.bell-body'), side);
  const clapper = [0, -16, 12, -8, 5, -2, 0].map((angle) => ({ rotate: `${angle * side}deg`, easing: 'ease-in-out' }));
  bell.querySelector('.bell-clapper').animate(clapper, { duration: 1900 });
  ring.animate([{ opacity: 0.8, scale: 0.5 }, { opacity: 0, scale: 2.4 }], { duration: 1400, easing: 'ease-out' });
}

function swingBody(body, side = 1) {
  if (!body || calmMotion()) return;
  const angles = [0, 13, -10, 7, -4.5, 2.5, -1, 0].map((angle) => ({ rotate: `${angle * side}deg`, easing: 'ease-in-out' }));
  body.animate(angles, { duration: 2200 });
}
