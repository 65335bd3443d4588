// Who one is: nickname, picture, chime; and the way out.

import { store } from '../state.js';
import { saveProfile } from '../phone.js';
import { signOut } from '../session.js';
import { toast } from '../report.js';
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { avatar, gallery } from '../lib/avatar.js';
import { playName } from '../lib/chime.js';
import { shrink } from '../lib/shrink.js';
import { t } from '../i18n/index.js';
import { openDialog } from './dialog.js';

export function openProfile() {
  const { me } = store.get();
  openDialog({ title: t('profile'), testid: 'profile-dialog', fill: (close) => [form(me, close)] });
}

function form(me, close) {
  let picture = me.avatar ?? '';
  const preview = h('div', { class: 'profile-face' });
  const nick = h('input', { class: 'input', id: 'nick', type: 'text', maxlength: 24, autocomplete: 'nickname', value: me.nick ?? '', placeholder: me.user, data: { testid: 'nick' }, on: { input: () => choose(picture) } });
  const file = h('input', { class: 'visually-hidden', type: 'file', accept: 'image/*', tabindex: -1, 'aria-hidden': 'true', data: { testid: 'avatar-file' }, on: { change: upload } });
  const choices = h('div', { class: 'gallery', role: 'group', 'aria-label': t('pictures') });
  const options = ['', ...gallery].map((url, index) => {
    const button = h('button', { type: 'button', 'aria-label': index ? t('picture', { n: index }) : t('initials'), data: { testid: `avatar-${index}` }, on: { click: () => choose(url) } });
    button.append(avatar(me.user, { nick: nick.value, avatar: url }));
    return { url, button };
  });
  choices.append(...options.map((one) => one.button),
    h('button', { class: 'gallery-upload', type: 'button', 'aria-label': t('uploadPicture'), title: t('uploadPicture'), html: icon('upload'), on: { click: () => file.click() } }), file);

  function choose(url) {
    picture = url;
    preview.replaceChildren(avatar(me.user, { nick: nick.value, avatar: url }));
    for (const one of options) one.button.setAttribute('aria-pressed', String(one.url === url));
  }

  async function upload() {
    const [chosen] = file.files;
    if (!chosen) return;
    try {
      choose(await shrink(chosen));
    } catch (error) {
      toast(t(error.message === 'too large' ? 'pictureLarge' : 'pictureBad'), 'bad');
    }
    file.value = '';
  }

  choose(picture);
  return h('form', { class: 'stack', on: { submit: send } },
    h('div', { class: 'profile-head' }, preview,
      h('div', { class: 'profile-id' }, h('strong', { text: me.user }),
        h('button', { class: 'button button-small', type: 'button', html: `${icon('play')}<span>${t('yourChime')}</span>`, on: { click: () => playName(me.user) } }))),
    h('div', { class: 'field' }, h('label', { for: 'nick', text: t('nickname') }), nick),
    h('div', { class: 'field' }, h('span', { class: 'label', text: t('pictures') }), choices),
    h('div', { class: 'dialog-foot' },
      h('button', { class: 'button button-quiet', type: 'button', data: { testid: 'sign-out' }, html: `${icon('signOut')}<span>${t('signOut')}</span>`, on: { click: () => { close(); signOut(); } } }),
      h('button', { class: 'button button-main', type: 'submit', text: t('save'), data: { testid: 'profile-save' } })));

  async function send(event) {
    event.preventDefault();
    if (await saveProfile({ nickName: nick.value.trim(), avatar: picture })) {
      toast(t('saved'), 'good');
      close();
    }
  }
}
