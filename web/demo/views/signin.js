// The first page: the bells, a name, and in.

import { store } from '../state.js';
import { signIn, userPattern } from '../session.js';
import { errorText } from '../report.js';
import { h, announce, attr, text } from '../lib/dom.js';
import { icon, wordmark } from '../lib/icons.js';
import { bellOf, playName, strike, scale } from '../lib/chime.js';
import { tabKept } from '../lib/keep.js';
import { t } from '../i18n/index.js';
import { bellsView } from './bells.js';
import { pageHint } from './hints.js';
import { toolbar } from './toolbar.js';

export function signInView() {
  const { config, signInError } = store.get();
  const bells = bellsView();
  const name = h('input', {
    class: 'input', id: 'name', name: 'name', type: 'text', maxlength: 32, required: true, autocomplete: 'username', autocapitalize: 'none',
    spellcheck: 'false', placeholder: t('namePlaceholder'), 'aria-describedby': 'name-help name-error', value: tabKept('user') ?? '', data: { testid: 'sign-in-name' },
    on: { input: typed },
  });
  const sig = config.development ? null : h('textarea', {
    class: 'input', id: 'sig', name: 'sig', required: true, spellcheck: 'false', autocomplete: 'off', 'aria-describedby': 'sig-help', data: { testid: 'sign-in-sig' },
  });
  const error = h('p', { class: 'error', id: 'name-error', role: 'alert', data: { testid: 'sign-in-error' } });
  const submit = h('button', { class: 'button button-main', type: 'submit', text: t('signIn'), data: { testid: 'sign-in' } });
  const chime = h('button', {
    class: 'button button-quiet button-small', type: 'button', html: `${icon('play')}<span>${t('yourChime')}</span>`, data: { testid: 'chime' },
    on: { click: () => playName(name.value.trim(), { onStep: (step) => bells.hit(step, { silent: true }) }) },
  });
  const form = h('form', { novalidate: true, on: { submit: send } },
    h('div', { class: 'field' }, h('label', { for: 'name', text: t('yourName') }), h('div', { class: 'name-row' }, name, submit)),
    h('div', { class: 'name-under' }, h('span', { id: 'name-help', text: t(config.development ? 'nameHelp' : 'nameHelpSig') }), chime),
    sig && h('div', { class: 'field' }, h('label', { for: 'sig', text: 'UserSig' }), sig,
      h('p', { class: 'small muted', id: 'sig-help', html: t('sigHelp') })),
    error);

  const el = h('main', { class: 'signin' },
    h('div', { class: 'signin-top' }, toolbar()),
    bells.el,
    h('div', { class: 'signin-main' },
      h('div', { class: 'signin-brand' }, h('h1', { html: wordmark }), h('p', { class: 'tagline' }, t('tagline').split('|').flatMap((part) => [h('span', { text: part }), ' ']))),
      form, pageHint()),
    h('p', { class: 'signin-foot', text: t('footer', { version: config.version ?? '' }) }));

  let before = name.value;
  drawChime();
  if (signInError) fail(errorText(signInError));

  function typed() {
    const value = name.value;
    if (value.length > before.length) {
      const bell = bellOf(value.at(-1).toLowerCase());
      bells.hit(bell, { silent: true });
      strike(scale[bell], { loud: 0.18 });
    }
    before = value;
    fail('');
    drawChime();
  }

  function drawChime() {
    chime.hidden = !name.value.trim();
  }

  function fail(message) {
    text(error, message);
    attr(name, 'aria-invalid', message ? 'true' : null);
  }

  async function send(event) {
    event.preventDefault();
    const user = name.value.trim();
    if (!userPattern.test(user)) {
      fail(t(user ? 'nameBad' : 'nameMissing'));
      name.focus();
      return;
    }
    if (sig && !sig.value.trim()) {
      fail(t('sigMissing'));
      sig.focus();
      return;
    }
    submit.disabled = true;
    text(submit, t('signingIn'));
    announce(t('signingIn'));
    try {
      await signIn(user, sig?.value.trim());
    } catch (problem) {
      fail(errorText(problem));
      name.focus();
    } finally {
      submit.disabled = false;
      text(submit, t('signIn'));
    }
  }

  return {
    el,
    shown() {
      name.focus({ preventScroll: true });
      if (!name.value) [0, 2, 4, 6].forEach((bell, index) => setTimeout(() => bells.hit(bell, { silent: true }), 350 + index * 170));
    },
  };
}
