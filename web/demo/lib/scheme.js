// Light or dark: as the system says, unless the user chose.

import { kept, keep } from './keep.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

/** @returns {'auto'|'light'|'dark'} */
export const schemeChoice = () => {
  const choice = kept('scheme');
  return choice === 'light' || choice === 'dark' ? choice : 'auto';
};

export function applyScheme() {
  const choice = schemeChoice();
  document.documentElement.dataset.scheme = choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice;
}

export function nextScheme() {
  const order = ['auto', 'light', 'dark'];
  keep('scheme', order[(order.indexOf(schemeChoice()) + 1) % order.length]);
  applyScheme();
}

dark.addEventListener('change', applyScheme);
