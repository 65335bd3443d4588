// Telling the user: short notes at the edge, and errors in words that say what to do.

import { displayName } from './state.js';
import { h } from './lib/dom.js';
import { icon } from './lib/icons.js';
import { t } from './i18n/index.js';

const shownMs = 5000;
const mostToasts = 3;

/** A short note that goes by itself. `kind`: 'info', 'good', 'bad'; bad ones stay twice as long. */
export function toast(message, kind = 'info') {
  const box = document.getElementById('toasts');
  if (!box) return;
  for (const old of box.children) if (old.dataset.message === message) old.remove();
  while (box.children.length >= mostToasts) box.firstChild.remove();
  const el = h('div', { class: 'toast', data: { testid: 'toast', kind, message } },
    h('span', { html: icon(kind === 'bad' ? 'warn' : 'bell') }), h('span', { text: message }),
    h('button', { type: 'button', 'aria-label': t('dismiss'), html: icon('close'), on: { click: () => el.remove() } }));
  box.append(el);
  setTimeout(() => el.remove(), kind === 'bad' ? shownMs * 2 : shownMs);
}

/** Which words fit an error's code: the engine's, the vendor's, the gateway's. */
const words = {
  '-1101': 'errPermission', '-1102': 'errNoDevice', '-1103': 'errDeviceBusy', '-1104': 'errDevice',
  '-1201': 'errSignedOut', '-1203': 'errState', '-1204': 'errState', '-1205': 'errNotSupported',
  '-1401': 'errSend', '-1402': 'errEnter', '-1403': 'errMedia', '-100018': 'errEnter',
  30000: 'errInsecure', 6002: 'errTimeout', 6003: 'errSession', 6004: 'errSignedOut', 6005: 'errOverloaded', 6006: 'errNetwork',
  8010: 'errGone', 8011: 'errNoRight', 20003: 'errNoUser', 20007: 'errBlocked',
  70001: 'errSigExpired', 70002: 'errSigEmpty', 70003: 'errSigMalformed', 70009: 'errSigKey', 70013: 'errSigUser',
  70014: 'errSigApp', 70016: 'errSigApp', 70020: 'errSigApp', 70050: 'errTooMany',
  10004: 'errNoRight', 10007: 'errNotMember', 10010: 'errGone', 10014: 'errLimit', 80002: 'errTooLarge', 60021: 'errOverloaded',
  sign: 'errSign',
};

/** The words for an error. */
export function errorText(error, { users = [] } = {}) {
  const key = words[String(error?.code)];
  if (key) return t(key, { name: users.map(displayName).join(', ') });
  if (error instanceof TypeError) return t('errNetwork');
  return t('errUnknown', { detail: error?.message ?? error?.msg ?? String(error?.code ?? error) });
}

/** Shows an error. A screen share that the user did not start is no error. */
export function report(error, about) {
  if (error?.name === 'AbortError') return;
  console.warn('carillon:', error);
  toast(errorText(error, about), 'bad');
}
