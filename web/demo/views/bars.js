// Network quality as bars.

import { h, attr } from '../lib/dom.js';
import { t } from '../i18n/index.js';

/** @param {string} user */
export function bars(user) {
  const el = h('span', { class: 'bars', role: 'img', data: { testid: `quality-${user}` } }, h('i'), h('i'), h('i'), h('i'));
  return {
    el,
    /** @param {number} level 0 unknown, 1 excellent … 6 down */
    set(level) {
      attr(el, 'data-level', level);
      attr(el, 'aria-label', t(`quality_${level}`));
      attr(el, 'title', t(`quality_${level}`));
    },
  };
}
