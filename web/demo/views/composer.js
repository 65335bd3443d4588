// Whom to call: names as chips, people of earlier calls, and two big buttons.

import { displayName, profileOf, store } from '../state.js';
import { startCall } from '../phone.js';
import { learnProfiles, recentUsers, watchStatus } from '../people.js';
import { userPattern } from '../session.js';
import { h, announce, attr, text } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { avatar } from '../lib/avatar.js';
import { t } from '../i18n/index.js';

/** The most users one call asks. */
const mostPicked = 20;

/**
 * A field that turns names into chips. Enter, comma, space and leaving the field finish a name.
 * @param {{id: string, testid: string, refuse?: string[], get: () => string[], set: (users: string[]) => void}} options
 */
export function chipsField({ id, testid, refuse = [], get, set }) {
  const input = h('input', {
    id, type: 'text', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', enterkeyhint: 'done', maxlength: 200,
    'aria-describedby': `${id}-error`, data: { testid }, on: { input: typed, keydown: key, blur: () => input.value.trim() && take() },
  });
  const error = h('p', { class: 'error', id: `${id}-error`, role: 'alert', data: { testid: `${testid}-error` } });
  const box = h('div', { class: 'chips', on: { click: (event) => event.target === box && input.focus() } }, input);

  function typed() {
    text(error, '');
    if (/[\s,;，；、]/.test(input.value)) take();
  }

  function key(event) {
    if (event.key === 'Enter' && !event.isComposing && input.value.trim()) {
      event.preventDefault();
      take();
    } else if (event.key === 'Backspace' && !input.value && get().length) {
      remove(get().at(-1));
    }
  }

  /** Turns what is typed into chips; returns false where something is wrong with it. */
  function take() {
    const words = input.value.split(/[\s,;，；、]+/).filter(Boolean);
    for (const word of words) {
      const problem = problemWith(word);
      if (problem) {
        text(error, problem);
        return false;
      }
      if (!get().includes(word)) set([...get(), word]);
    }
    input.value = '';
    draw();
    return true;
  }

  function problemWith(user) {
    if (!userPattern.test(user)) return t('nameBadOther', { name: user });
    if (user === store.get().me?.user) return t('nameSelf');
    if (refuse.includes(user)) return t('alreadyIn', { name: displayName(user) });
    return get().length >= mostPicked ? t('tooMany', { n: mostPicked }) : '';
  }

  function remove(user) {
    set(get().filter((one) => one !== user));
    draw();
    announce(t('removed', { name: displayName(user) }));
    input.focus();
  }

  let drawn = '';
  function draw() {
    const users = get();
    const { profiles } = store.get();
    const now = JSON.stringify(users.map((user) => [user, profiles[user]]));
    if (now === drawn) return;
    drawn = now;
    for (const old of box.querySelectorAll('.chip')) old.remove();
    input.before(...users.map(chip));
    learnProfiles(users);
    watchStatus(users);
    attr(input, 'placeholder', users.length ? t('addAnother') : t('calleePlaceholder'));
  }

  function chip(user) {
    const face = avatar(user, profileOf(user));
    face.style.setProperty('--size', '28px');
    return h('span', { class: 'chip', data: { testid: `chip-${user}` } }, face, h('span', { text: displayName(user) }),
      h('button', { type: 'button', 'aria-label': t('remove', { name: displayName(user) }), html: icon('close'), on: { click: () => remove(user) } }));
  }

  draw();
  return { box, input, error, take, draw, fail: (message) => text(error, message) };
}

export function composer() {
  const field = chipsField({
    id: 'callee', testid: 'callee-input', get: () => store.get().picked, set: (picked) => store.set({ picked }),
  });
  const video = h('button', { class: 'button button-main call-button', type: 'button', data: { testid: 'call-video' }, html: `${icon('video')}<span>${t('videoCall')}</span>`, on: { click: () => call('video') } });
  const audio = h('button', { class: 'button call-button', type: 'button', data: { testid: 'call-audio' }, html: `${icon('phone')}<span>${t('audioCall')}</span>`, on: { click: () => call('audio') } });
  const recent = h('div', { class: 'recent', role: 'group', 'aria-label': t('recentPeople') });
  const hint = h('p', { class: 'small muted compose-hint' });
  const el = h('section', { class: 'card compose', 'aria-labelledby': 'compose-title' },
    h('h2', { class: 'label', id: 'compose-title' }, h('label', { for: 'callee', text: t('whoToCall') })),
    field.box, field.error, recent,
    h('div', { class: 'call-buttons' }, video, audio), hint);

  function call(media) {
    if (!field.take()) {
      field.input.focus();
      return;
    }
    const { picked } = store.get();
    if (!picked.length) {
      field.fail(t('calleeMissing'));
      field.input.focus();
      return;
    }
    startCall(picked, media);
  }

  let drawn = '';
  const stop = store.watch((state) => {
    field.draw();
    video.disabled = state.busy;
    audio.disabled = state.busy;
    text(hint, state.busy ? t('askingDevices') : t(state.picked.length > 1 ? 'hintGroup' : 'hintOne', { n: state.picked.length }));
    const users = recentUsers(state.records);
    const key = JSON.stringify([users, state.picked, state.online, users.map((user) => state.profiles[user])]);
    if (key === drawn) return;
    drawn = key;
    drawRecent(recent, users, state);
  });

  return { el, input: field.input, destroy: stop };
}

function drawRecent(box, users, { picked, online, profiles }) {
  const focused = document.activeElement?.dataset?.user;
  box.hidden = !users.length;
  box.replaceChildren(...users.map((user) => {
    const on = picked.includes(user);
    const label = online[user] ? t('isOnline', { name: displayName(user) }) : displayName(user);
    return h('button', {
      class: 'person', type: 'button', 'aria-pressed': String(on), 'aria-label': label, data: { user, testid: `person-${user}` },
      on: { click: () => store.set({ picked: on ? picked.filter((one) => one !== user) : [...picked, user] }) },
    }, h('span', { class: 'face' }, avatar(user, profiles[user]), h('span', { class: 'dot', data: { on: String(Boolean(online[user])) } })),
    h('span', { class: 'person-name', text: displayName(user) }));
  }));
  if (focused) box.querySelector(`[data-user="${focused}"]`)?.focus();
}
