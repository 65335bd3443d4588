// More people into a running group call.

import { store } from '../state.js';
import { peersOf } from '../peers.js';
import { invite } from '../phone.js';
import { toast } from '../report.js';
import { h } from '../lib/dom.js';
import { t } from '../i18n/index.js';
import { chipsField } from './composer.js';
import { openDialog } from './dialog.js';

export function openInvite() {
  let picked = [];
  const field = chipsField({
    id: 'invitee', testid: 'invite-input', refuse: peersOf(store.get()).map((one) => one.userID),
    get: () => picked, set: (users) => { picked = users; },
  });
  const send = h('button', { class: 'button button-main', type: 'submit', text: t('ringThem'), data: { testid: 'invite-send' } });
  openDialog({
    title: t('inviteTitle'), testid: 'invite-dialog',
    fill: (close) => [h('form', { class: 'stack', on: { submit: (event) => submit(event, close) } },
      h('div', { class: 'field' }, h('label', { for: 'invitee', text: t('whoToInvite') }), field.box, field.error),
      h('div', { class: 'dialog-foot' }, h('button', { class: 'button button-quiet', type: 'button', text: t('cancel'), on: { click: close } }), send))],
  });
  field.input.focus();

  async function submit(event, close) {
    event.preventDefault();
    if (!field.take()) return;
    if (!picked.length) {
      field.fail(t('calleeMissing'));
      return;
    }
    send.disabled = true;
    const done = await invite(picked);
    send.disabled = false;
    if (!done) return;
    toast(t('ringingThem'));
    close();
  }
}
