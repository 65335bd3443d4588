// The small switches of each page's corner: sound, light or dark, language.

import { store } from '../state.js';
import { h, attr } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { keep } from '../lib/keep.js';
import { nextScheme, schemeChoice } from '../lib/scheme.js';
import { setQuiet } from '../lib/chime.js';
import { getLanguage, setLanguage, t } from '../i18n/index.js';

/** @returns {HTMLElement[]} */
export function toolbar() {
  return [soundSwitch(), schemeSwitch(), languageSwitch()];
}

function soundSwitch() {
  const button = h('button', { class: 'icon-button', type: 'button', data: { testid: 'sound' } });
  const draw = () => {
    const { quiet } = store.get();
    button.innerHTML = icon(quiet ? 'bellOff' : 'bell');
    name(button, t(quiet ? 'soundOff' : 'soundOn'));
  };
  button.addEventListener('click', () => {
    const quiet = !store.get().quiet;
    store.set({ quiet });
    keep('quiet', quiet ? 'yes' : 'no');
    setQuiet(quiet);
    draw();
  });
  draw();
  return button;
}

function schemeSwitch() {
  const button = h('button', { class: 'icon-button', type: 'button', data: { testid: 'scheme' } });
  const draw = () => {
    const choice = schemeChoice();
    button.innerHTML = icon({ auto: 'auto', light: 'sun', dark: 'moon' }[choice]);
    name(button, t(`scheme_${choice}`));
  };
  button.addEventListener('click', () => {
    nextScheme();
    draw();
  });
  draw();
  return button;
}

function languageSwitch() {
  const other = getLanguage() === 'zh' ? 'en' : 'zh';
  return h('button', {
    class: 'button button-quiet button-small language', type: 'button', lang: other === 'zh' ? 'zh-CN' : 'en', data: { testid: 'language' },
    html: `${icon('globe')}<span>${other === 'zh' ? '中文' : 'English'}</span>`,
    on: {
      click: () => {
        setLanguage(other, true);
        store.set(({ drawn }) => ({ drawn: drawn + 1 }));
      },
    },
  });
}

function name(button, label) {
  attr(button, 'aria-label', label);
  attr(button, 'title', label);
}
