// Somebody calls: who, what, and the two answers.

import { displayName, profileOf, store } from '../state.js';
import { accept, reject } from '../phone.js';
import { h, announce, attr, giveBack, text } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { avatar } from '../lib/avatar.js';
import { listOf, t } from '../i18n/index.js';

export function incomingView() {
  const face = h('div', { class: 'ring-face' });
  const name = h('h2', { id: 'incoming-name' });
  const line = h('p', { id: 'incoming-line', class: 'ring-line' });
  const withWhom = h('p', { class: 'ring-with small' });
  const no = answer('reject', 'hangup', 'decline', reject);
  const yes = answer('accept', 'video', 'accept', accept);
  const el = h('div', { class: 'ring-veil' },
    h('div', { class: 'ring-card', role: 'alertdialog', 'aria-modal': 'true', 'aria-labelledby': 'incoming-name', 'aria-describedby': 'incoming-line', tabindex: -1, data: { testid: 'incoming' } },
      h('div', { class: 'ring-waves', 'aria-hidden': 'true' }, h('i'), h('i'), h('i'), face), name, line, withWhom,
      h('div', { class: 'ring-answers' }, no.wrap, yes.wrap)));
  const before = document.activeElement;
  const card = el.firstChild;

  const stop = store.watch(({ call, me, busy }) => {
    if (!call) return;
    const profile = profileOf(call.inviter);
    const key = `${call.inviter}\n${profile?.avatar}\n${profile?.nick}`;
    if (face.dataset.key !== key) {
      face.dataset.key = key;
      face.replaceChildren(avatar(call.inviter, profile));
    }
    const media = call.mediaType === 1 ? 'audio' : 'video';
    text(name, displayName(call.inviter));
    text(line, t(call.isGroup ? `incomingGroup_${media}` : `incoming_${media}`));
    attr(card, 'data-media', media);
    const others = call.invitees.map((one) => one.userID).filter((user) => user !== me?.user);
    text(withWhom, call.isGroup && others.length ? t('alsoAsked', { names: listOf(others.map(displayName)) }) : '');
    const symbol = media === 'audio' ? 'phone' : 'video';
    if (yes.button.dataset.icon !== symbol) {
      yes.button.dataset.icon = symbol;
      yes.button.innerHTML = icon(symbol);
    }
    yes.button.disabled = busy;
    text(yes.label, t(busy ? 'connecting' : 'accept'));
  });

  return {
    el,
    shown() {
      // The card, not a button: who is typing must not answer by accident.
      card.focus({ preventScroll: true });
      const { call } = store.get();
      announce(t('titleRinging', { name: displayName(call.inviter) }));
    },
    destroy() {
      stop();
      queueMicrotask(() => giveBack(before));
    },
  };
}

function answer(testid, symbol, word, action) {
  const id = `answer-${testid}`;
  const button = h('button', { class: `round round-${testid}`, type: 'button', 'aria-labelledby': id, html: icon(symbol), data: { testid }, on: { click: action } });
  const label = h('span', { id, text: t(word) });
  return { button, label, wrap: h('div', { class: 'ring-answer' }, button, label) };
}
