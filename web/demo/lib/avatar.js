// Faces: a chosen or uploaded picture, else initials on the metal that belongs to the name.

import { h } from './dom.js';

/** Metals and patinas; white text on each has contrast of 4.5 and more. */
export const metals = ['#8a5f14', '#9c4f2a', '#9b3f4f', '#7c4a86', '#4f5a9e', '#2a6a8e', '#0c7066', '#3f6b3a', '#6b6420', '#5d6368'];

const glyphs = {
  bell: '<path d="M24 9c-7 0-9 6-9.5 12-.4 7-2.400 10-5.5 13h30c-3.100-3-5.100-6-5.5-13C33 15 31 9 24 9Z"/><circle cx="24" cy="38.5" r="3"/>',
  sun: '<circle cx="24" cy="24" r="8"/><path d="M24 8v4m0 24v4M8 24h4m24 0h4M13 13l3 3m16 16 3 3M13 35l3-3m16-16 3-3" stroke="#fff" stroke-width="3" stroke-linecap="round"/>',
  moon: '<path d="M33 28A12 12 0 1 1 20 12a10 10 0 0 0 13 16Z"/>',
  leaf: '<path d="M12 34C10 20 18 11 37 11c1 18-8 26-21 24l-4 5-2-2Z"/>',
  hill: '<path d="M7 36 19 17l7 10 4-5 11 14Z"/>',
  wave: '<path d="M8 22q4-6 8 0t8 0 8 0 8 0M8 31q4-6 8 0t8 0 8 0 8 0" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"/>',
  note: '<path d="M19 34V14l16-4v20" fill="none" stroke="#fff" stroke-width="3.5"/><circle cx="15.5" cy="34" r="4.5"/><circle cx="31.5" cy="30" r="4.5"/>',
  bird: '<path d="M9 30c8 0 9-14 19-14 4 0 6 2 7 4l5 1-5 3c0 9-7 13-14 13-5 0-9-3-12-7Z"/>',
  key: '<circle cx="17" cy="24" r="7" fill="none" stroke="#fff" stroke-width="4"/><path d="M24 24h16m-5 0v6" stroke="#fff" stroke-width="4" stroke-linecap="round"/>',
};

/** The pictures to choose from, as small SVG data URLs that any client can show. */
export const gallery = Object.values(glyphs).map((glyph, index) => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><path fill="${metals[index % metals.length]}" d="M0 0h48v48H0z"/><g fill="#fff">${glyph}</g></svg>`;
  return `data:image/svg+xml,${svg.replace(/"/g, "'").replace(/[#<>%]/g, encodeURIComponent)}`;
});

/** The metal of a name: always the same one. */
export function metalOf(user) {
  const sum = [...user].reduce((all, char) => (all * 33 + char.codePointAt(0)) >>> 0, 5381);
  return metals[sum % metals.length];
}

/** Only pictures that tell no other server that one looked at them. */
export function safeAvatar(url) {
  return typeof url === 'string' && /^data:image\/(png|jpeg|webp|gif|svg\+xml)[;,]/.test(url) ? url : '';
}

/** What to call a user. */
export const nameOf = (user, profile) => profile?.nick?.trim() || user;

function initials(name) {
  const words = name.trim().split(/[\s_-]+/).filter(Boolean);
  if (!words.length) return '?';
  const first = [...words[0]][0];
  const second = words.length > 1 ? [...words.at(-1)][0] : '';
  return (first + second).toUpperCase();
}

/**
 * A round face. Decorative: the name stands beside it.
 * @param {string} user
 * @param {{nick?: string, avatar?: string}|null|undefined} profile
 */
export function avatar(user, profile) {
  const el = h('span', { class: 'avatar', 'aria-hidden': 'true' });
  el.style.setProperty('--metal', metalOf(user));
  // Drawn by the style sheet: letters that are no words stay out of names and searches.
  el.dataset.initials = initials(nameOf(user, profile));
  const picture = safeAvatar(profile?.avatar);
  if (picture) {
    const img = h('img', { alt: '', src: picture });
    img.addEventListener('error', () => img.remove());
    el.append(img);
  }
  return el;
}

/** Several round faces that overlap. */
export function faces(users, profiles, most = 3) {
  return h('span', { class: 'faces' }, users.slice(0, most).map((user) => avatar(user, profiles[user])));
}
