// How the line is: a pill on the home page, a banner over everything when something is lost.

import { store } from '../state.js';
import { resumeAudio } from '../phone.js';
import { h, attr, text } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../i18n/index.js';

export function connectionPill() {
  const words = h('span');
  const el = h('span', { class: 'pill', role: 'status', data: { testid: 'connection-state' } }, h('i'), words);
  const stop = store.watch(({ connection }) => {
    attr(el, 'data-state', connection);
    text(words, t(`connection_${connection}`));
  });
  return { el, destroy: stop };
}

/** Which banner the state calls for: the worst first. */
function banner({ me, connection, status, media, soundBlocked, kicked }) {
  if (!me || kicked) return '';
  if (status === 'connected' && media === 'reconnecting') return 'mediaLost';
  if (connection === 'reconnecting' || connection === 'connecting') return status === 'connected' ? 'signalLostInCall' : 'signalLost';
  return soundBlocked ? 'soundBlocked' : '';
}

/** Shown a moment late: a blip that heals at once is nobody's business. */
const patienceMs = 700;

export function connectionBanner() {
  const words = h('span');
  const symbol = h('span', { html: icon('wifiOff') });
  const action = h('button', { class: 'button button-small', type: 'button', on: { click: resumeAudio }, data: { testid: 'resume-audio' } });
  const inner = h('div', { class: 'banner-inner' }, symbol, words, action);
  const el = h('div', { class: 'banner', role: 'status', 'aria-live': 'polite', data: { testid: 'banner' } }, inner);
  let wanted = null;
  let timer = null;

  function show(key) {
    attr(el, 'data-kind', key || null);
    inner.hidden = !key;
    if (!key) return;
    symbol.innerHTML = icon(key === 'soundBlocked' ? 'toAudio' : 'wifiOff');
    text(words, t(`banner_${key}`));
    action.hidden = key !== 'soundBlocked';
    text(action, t('playSound'));
  }

  store.watch((state) => {
    const key = banner(state);
    if (wanted === `${key}.${state.drawn}`) return;
    wanted = `${key}.${state.drawn}`;
    clearTimeout(timer);
    if (key && key !== 'soundBlocked') timer = setTimeout(show, patienceMs, key);
    else show(key);
  });
  return { el };
}
