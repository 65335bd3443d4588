// Pages that say why nothing else is there: signed in elsewhere, server not reachable.

import { store } from '../state.js';
import { boot, signInAgain, signOut } from '../session.js';
import { report } from '../report.js';
import { h } from '../lib/dom.js';
import { mark } from '../lib/icons.js';
import { t } from '../i18n/index.js';

const known = ['kickedByDevice', 'kickedBySameDevice', 'userSigExpired', 'kickedByAdmin'];

export function kickedView() {
  const { reason } = store.get().kicked;
  const why = known.find((one) => reason.includes(one)) ?? 'other';
  const again = h('button', { class: 'button button-main', type: 'button', text: t('useHere'), data: { testid: 'use-here' }, on: { click: retry } });
  const el = h('div', { class: 'ring-veil' },
    h('section', { class: 'notice', role: 'alertdialog', 'aria-modal': 'true', 'aria-labelledby': 'notice-title', 'aria-describedby': 'notice-body', data: { testid: 'kicked' } },
      h('span', { class: 'notice-mark', html: mark }),
      h('h2', { id: 'notice-title', text: t('kickedTitle') }), h('p', { id: 'notice-body', class: 'muted', text: t(`kicked_${why}`) }),
      h('div', { class: 'notice-actions' }, h('button', { class: 'button', type: 'button', text: t('signOut'), on: { click: signOut } }), again)));

  async function retry() {
    again.disabled = true;
    await signInAgain().catch((error) => {
      report(error);
      signOut();
    });
  }

  return { el, shown: () => again.focus() };
}

export function unreachableView() {
  const again = h('button', { class: 'button button-main', type: 'button', text: t('tryAgain'), on: { click: () => boot() } });
  const el = h('main', { class: 'notice-page' },
    h('section', { class: 'notice', role: 'alert', data: { testid: 'unreachable' } },
      h('span', { class: 'notice-mark', html: mark }),
      h('h1', { text: t('unreachableTitle') }), h('p', { class: 'muted', text: t('unreachableBody') }), again));
  return { el, shown: () => again.focus() };
}
