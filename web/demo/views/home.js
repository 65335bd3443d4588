// Between calls: whom to call, what came of the last one, who called before.

import { displayName, store } from '../state.js';
import { dismissResumable, join, resume, startCall } from '../phone.js';
import { h, text } from '../lib/dom.js';
import { icon, mark } from '../lib/icons.js';
import { avatar, faces } from '../lib/avatar.js';
import { duration, listOf, t } from '../i18n/index.js';
import { chimeStrip } from './bells.js';
import { composer } from './composer.js';
import { historyView } from './history.js';
import { openProfile } from './profile.js';
import { pageHint } from './hints.js';
import { toolbar } from './toolbar.js';
import { connectionPill } from './banner.js';

export function homeView() {
  const me = h('button', { class: 'me', type: 'button', 'aria-haspopup': 'dialog', data: { testid: 'profile' }, on: { click: openProfile } });
  const cards = h('div', { class: 'cards' });
  const title = h('h1', { tabindex: -1 });
  const compose = composer();
  const past = historyView();
  const pill = connectionPill();
  const el = h('div', { class: 'home' },
    h('header', { class: 'topbar' },
      h('span', { class: 'brand', html: `${mark}<span>Carillon</span>` }), pill.el,
      h('div', { class: 'topbar-end' }, toolbar(), me)),
    h('main', { class: 'home-main' },
      h('div', { class: 'home-left' }, title, cards, compose.el, pageHint(), store.get().me && chimeStrip(store.get().me.user)),
      past.el));

  let drawnCards = '';
  const stop = store.watch((state) => {
    if (!state.me) return;
    const name = displayName(state.me.user);
    text(title, t('greeting', { name }));
    drawMe(me, state.me, name);
    const key = JSON.stringify([state.summary, state.running, state.resumable, state.profiles]);
    if (key === drawnCards) return;
    drawnCards = key;
    cards.replaceChildren(...[summaryCard(state), resumeCard(state), ...state.running.map((one) => runningCard(one, state))].filter(Boolean));
  });

  return {
    el,
    shown() {
      const card = cards.querySelector('[data-testid="summary"]');
      (card ?? compose.input).focus({ preventScroll: true });
    },
    destroy() {
      stop();
      compose.destroy();
      past.destroy();
      pill.destroy();
    },
  };
}

function drawMe(el, me, name) {
  const key = `${name}\n${me.avatar}`;
  if (el.dataset.key === key) return;
  el.dataset.key = key;
  el.setAttribute('aria-label', t('openProfile', { name }));
  el.replaceChildren(avatar(me.user, me), h('span', { text: name }));
}

function summaryCard({ summary, profiles, running }) {
  if (!summary) return null;
  const { users, seconds, media, group } = summary;
  // The others of a group go on: its own card has the way back.
  const goesOn = running.some((one) => one.group === group);
  const outcome = goesOn && summary.outcome === 'ended' ? 'left' : summary.outcome;
  const names = listOf(users.map(displayName));
  const line = seconds > 0 ? t(`talked_${media}`, { time: duration(seconds) }) : t(`kind_${media}`);
  const good = outcome === 'ended' || outcome === 'left';
  return h('section', { class: `card summary ${good ? '' : 'summary-plain'}`, tabindex: -1, role: 'status', 'aria-label': t('lastCall'), data: { testid: 'summary', outcome } },
    faces(users, profiles),
    h('div', { class: 'card-words' }, h('h2', { text: t(`outcome_${outcome}`, { name: names }) }), h('p', { class: 'muted numbers', text: `${good ? `${names} · ` : ''}${line}` })),
    h('div', { class: 'card-actions' },
      !goesOn && h('button', { class: 'button', type: 'button', html: `${icon(media === 'audio' ? 'phone' : 'video')}<span>${t('callAgain')}</span>`, data: { testid: 'call-again' },
        on: { click: () => startCall(users, media, group) } }),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': t('dismiss'), html: icon('close'), data: { testid: 'summary-dismiss' }, on: { click: () => store.set({ summary: null }) } })));
}

function resumeCard({ resumable, profiles }) {
  if (!resumable) return null;
  const users = resumable.caller ? [resumable.caller] : [];
  return h('section', { class: 'card card-live', role: 'status', data: { testid: 'resume' } },
    faces(users, profiles),
    h('div', { class: 'card-words' }, h('h2', { text: t('stillInCall') }), h('p', { class: 'muted', text: t('stillInCallBody') })),
    h('div', { class: 'card-actions' },
      h('button', { class: 'button button-main', type: 'button', text: t('goBack'), data: { testid: 'resume-call' }, on: { click: resume } }),
      h('button', { class: 'button', type: 'button', text: t('leave'), data: { testid: 'resume-dismiss' }, on: { click: dismissResumable } })));
}

function runningCard(one, { profiles }) {
  return h('section', { class: 'card card-live', role: 'status', data: { testid: 'running-call' } },
    faces(one.users, profiles),
    h('div', { class: 'card-words' }, h('h2', { text: t('groupRuns') }), h('p', { class: 'muted', text: listOf(one.users.map(displayName)) })),
    h('div', { class: 'card-actions' },
      h('button', { class: 'button button-main', type: 'button', text: t('join'), data: { testid: 'join-call' }, on: { click: () => join(one) } })));
}
