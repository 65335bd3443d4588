// A modal dialog on the platform's own <dialog>: it keeps the focus inside and gives it back.

import { giveBack, h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { store } from '../state.js';
import { t } from '../i18n/index.js';

/**
 * Opens a dialog with a title; `fill(close)` gives its content.
 * @param {{title: string, testid: string, fill: (close: () => void) => Node[], onClose?: () => void}} options
 */
export function openDialog({ title, testid, fill, onClose }) {
  const before = document.activeElement;
  const close = () => dialog.close();
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title', data: { testid } },
    h('div', { class: 'dialog-head' }, h('h2', { id: 'dialog-title', text: title }),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': t('close'), html: icon('close'), data: { testid: 'dialog-close' }, on: { click: close } })));
  dialog.append(h('div', { class: 'dialog-body' }, ...fill(close)));
  dialog.addEventListener('click', (event) => event.target === dialog && close());
  // A ringing phone, the end of a call or a kick takes the dialog away: what it stood on is gone.
  const { status, kicked } = store.get();
  const stop = store.watch((state) => (state.status !== status || state.kicked !== kicked) && queueMicrotask(close));
  dialog.addEventListener('close', () => {
    stop();
    dialog.remove();
    onClose?.();
    giveBack(before);
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close };
}
