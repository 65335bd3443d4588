// Notes about the page itself: no camera without HTTPS, no WebRTC in this browser.

import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../i18n/index.js';

/** What stands in the way of a call in this browser, or null. */
export function pageHint() {
  if (!globalThis.isSecureContext) return note('warn', t('httpsTitle'), t('httpsBody', { origin: location.origin }), 'https-hint');
  if (!globalThis.RTCPeerConnection) return note('warn', t('noRtcTitle'), t('noRtcBody'), 'rtc-hint');
  return null;
}

function note(symbol, title, body, testid) {
  return h('div', { class: 'note', role: 'note', data: { testid } },
    h('span', { html: icon(symbol) }), h('div', {}, h('strong', { text: title }), h('span', { text: body })));
}
