// Earlier calls: who, how it went, when; a click calls back.

import { displayName, store } from '../state.js';
import { startCall } from '../phone.js';
import { h } from '../lib/dom.js';
import { faces } from '../lib/avatar.js';
import { icon } from '../lib/icons.js';
import { readRecord } from '../lib/record.js';
import { ago, duration, listOf, t } from '../i18n/index.js';

/** How often the "5 minutes ago" are set anew. */
const refreshMs = 60_000;

export function historyView() {
  const list = h('ul', { class: 'history-list' });
  const empty = emptyView();
  const el = h('section', { class: 'card history', 'aria-labelledby': 'history-title' },
    h('h2', { id: 'history-title', text: t('recentCalls') }), list, empty);

  let drawn = '';
  function draw(state, force = false) {
    const key = JSON.stringify([state.records, state.profiles]);
    if (key === drawn && !force) return;
    drawn = key;
    const records = state.records ?? [];
    empty.hidden = state.records === null || records.length > 0;
    list.hidden = !records.length;
    list.replaceChildren(...records.map((record) => item(record, state)));
  }
  const stop = store.watch(draw);
  const timer = setInterval(() => draw(store.get(), true), refreshMs);

  return {
    el,
    destroy() {
      stop();
      clearInterval(timer);
    },
  };
}

function item(record, { me, profiles }) {
  const { outgoing, others, seconds, missed, result, talked } = readRecord(record, me?.user);
  const names = listOf(others.map(displayName));
  const words = talked ? duration(seconds) : t(`result_${result}`);
  const direction = missed ? 'missed' : outgoing ? 'out' : 'in';
  const media = record.media === 'audio' ? 'audio' : 'video';
  const when = ago(record.startedMs);
  const say = (words) => h('span', { class: 'visually-hidden', text: words });
  const back = (kind) => () => startCall(others, kind, record.group ?? null);
  return h('li', { class: 'history-item', data: { testid: 'history-item', result: record.result, direction: outgoing ? 'out' : 'in' } },
    h('button', { class: 'history-main', type: 'button', title: t('callBack'), on: { click: back(media) } },
      faces(others, profiles, 2),
      h('span', { class: 'history-words' },
        h('span', { class: 'history-name', text: names }),
        say(` ${t(`direction_${direction}`)}, ${t(`kind_${media}`)}. `),
        h('span', { class: `history-line numbers ${missed ? 'is-missed' : ''}` }, h('span', { html: icon(direction) }), h('span', { text: `${words} · ${when}` })),
        say(`. ${t('callBack')}`))),
    h('button', { class: 'icon-button', type: 'button', 'aria-label': t('callWith', { name: names, media: t(`kind_${other(media)}`) }), html: icon(media === 'audio' ? 'video' : 'phone'), title: t(`kind_${other(media)}`), on: { click: back(other(media)) } }));
}

const other = (media) => (media === 'audio' ? 'video' : 'audio');

/** Nobody yet: a second tab is a second person. */
function emptyView() {
  const { me, config } = store.get();
  const friend = me?.user === 'ben' ? 'amy' : 'ben';
  const href = `/?user=${friend}&call=${encodeURIComponent(me?.user ?? '')}&type=video`;
  return h('div', { class: 'empty' },
    h('span', { class: 'empty-bells', 'aria-hidden': 'true', html: icon('bell') + icon('bell') }),
    h('p', { text: t('noCalls') }),
    config?.development && h('p', { class: 'muted small', text: t('tryTwoTabs', { name: friend }) }),
    config?.development && h('a', { class: 'button button-small', href, target: '_blank', rel: 'noopener', data: { testid: 'second-tab' }, html: `${icon('tabs')}<span>${t('openSecondTab', { name: friend })}</span>` }));
}
