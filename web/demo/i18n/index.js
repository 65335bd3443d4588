// Words in the user's language. A dictionary's value is text with {names}, or a function of the parameters.

import { en } from './en.js';
import { zh } from './zh.js';
import { kept, keep } from '../lib/keep.js';

const dictionaries = { en, zh };
let language = 'en';

/** The language chosen before, else the browser's. */
export function firstLanguage() {
  const chosen = kept('language');
  if (chosen in dictionaries) return chosen;
  const wanted = (navigator.languages ?? [navigator.language]).find((tag) => /^(en|zh)\b/i.test(tag)) ?? 'en';
  return wanted.slice(0, 2).toLowerCase();
}

/** @param {'en'|'zh'} tag */
export function setLanguage(tag, remember = false) {
  language = tag in dictionaries ? tag : 'en';
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  if (remember) keep('language', language);
}

export const getLanguage = () => language;

/** The words for `key`. */
export function t(key, values = {}) {
  const words = dictionaries[language][key] ?? dictionaries.en[key];
  if (words === undefined) return key;
  if (typeof words === 'function') return words(values);
  return words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Several names as a phrase: "Amy, Ben and Cat". */
export function listOf(names) {
  return new Intl.ListFormat(language === 'zh' ? 'zh-CN' : 'en', { type: 'conjunction' }).format(names);
}

/** "just now", "5 minutes ago", "yesterday", or a date. */
export function ago(timeMs, nowMs = Date.now()) {
  const locale = language === 'zh' ? 'zh-CN' : 'en';
  const minutes = Math.round((nowMs - timeMs) / 60_000);
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  if (minutes < 1) return t('justNow');
  if (minutes < 60) return relative.format(-minutes, 'minute');
  if (minutes < 60 * 12) return relative.format(-Math.round(minutes / 60), 'hour');
  const days = Math.round((startOfDay(nowMs) - startOfDay(timeMs)) / 86_400_000);
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(timeMs);
  if (days < 7) return `${relative.format(-days, 'day')} ${clock}`;
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(timeMs);
}

function startOfDay(timeMs) {
  return new Date(timeMs).setHours(0, 0, 0, 0);
}

/** "02:13", or "1:02:13" past an hour. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${two(minutes)}:${two(rest)}`;
}
