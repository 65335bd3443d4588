// One participant: the picture, or the face while there is none; name, microphone, network, and a rim of brass who speaks.

import { displayName, profileOf, store } from '../state.js';
import { phone } from '../line.js';
import { withUnplayable } from '../peers.js';
import { h, attr, text } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { avatar } from '../lib/avatar.js';
import { t } from '../i18n/index.js';
import { bars } from './bars.js';

/** The face of a user behind the picture, with rings that follow the voice. */
export function faceOf(user) {
  const holder = h('div', { class: 'tile-face' }, h('i', { class: 'voice', 'aria-hidden': 'true' }), h('span'), h('strong', { class: 'tile-big' }));
  return {
    el: holder,
    update() {
      const profile = profileOf(user);
      const key = `${profile?.nick}\n${profile?.avatar}`;
      if (holder.dataset.key === key) return;
      holder.dataset.key = key;
      holder.children[1].replaceWith(avatar(user, profile));
      text(holder.lastChild, profile?.nick?.trim() || user);
    },
  };
}

/** Says whether the picture fits its frame badly: then the whole of it is shown, with bars, rather than its middle. */
export function watchFit(place) {
  const fit = () => {
    const video = place.querySelector('video');
    if (!video?.videoWidth || !place.clientWidth) return;
    const ratio = (video.videoWidth / video.videoHeight) / (place.clientWidth / place.clientHeight);
    attr(place, 'data-fit', ratio > 1.8 || ratio < 0.62 ? 'contain' : 'cover');
  };
  place.addEventListener('resize', fit, true);
  place.addEventListener('loadedmetadata', fit, true);
  const watcher = new ResizeObserver(fit);
  watcher.observe(place);
  return () => watcher.disconnect();
}

/** A tile that follows `{userID, kind: 'camera'|'screen', state: 'in'|'ringing'|'joining', video, audio}`. */
export function tile({ userID, kind }) {
  const screen = kind === 'screen';
  const picture = h('div', { class: 'tile-video' });
  const face = faceOf(userID);
  const name = h('span', { class: 'tile-name' });
  const muted = h('span', { class: 'tile-muted', role: 'img', 'aria-label': t('muted'), html: icon('micOff'), data: { testid: `muted-${userID}` } });
  const quality = bars(userID);
  const state = h('span', { class: 'tile-state' });
  const el = h('div', { class: `tile ${screen ? 'tile-screen' : ''}`, role: 'group', data: { testid: screen ? `screen-${userID}` : `tile-${userID}` } },
    picture, screen ? null : face.el, state,
    h('div', { class: 'tile-label' }, screen ? h('span', { html: icon('screen') }) : muted, name, screen ? null : quality.el));
  const stopFit = watchFit(picture);
  const streamType = screen ? 'screen' : 'camera';
  let viewing = false;
  // A picture that is there after all knows better than what the server said of an earlier one.
  picture.addEventListener('loadeddata', ({ target }) => {
    if (!target.videoWidth || !store.get().unplayable[userID]?.[streamType]) return;
    store.set(({ unplayable }) => ({ unplayable: withUnplayable(unplayable, { user: userID, track: streamType, codec: null }) }));
  }, true);

  function update(one) {
    const { volumes, speaker, quality: levels, unplayable } = store.get();
    const inRoom = one.state === 'in';
    const level = levels[userID] ?? 0;
    const lost = inRoom && level === 6;
    const sends = inRoom && (screen || one.video);
    const codec = sends && !lost ? unplayable[userID]?.[streamType] : undefined;
    text(name, screen ? t('screenOf', { name: displayName(userID) }) : displayName(userID));
    attr(el, 'aria-label', name.textContent);
    attr(el, 'data-state', lost ? 'lost' : codec ? 'unplayable' : one.state);
    attr(el, 'data-video', !codec && (screen || Boolean(sends)));
    attr(el, 'data-speaking', !screen && (speaker === userID || (volumes[userID] ?? 0) > 12));
    el.style.setProperty('--voice', ((volumes[userID] ?? 0) / 100).toFixed(2));
    muted.hidden = !inRoom || one.audio !== false;
    quality.el.hidden = !inRoom;
    quality.set(level);
    text(state, lost ? t('tile_lost') : codec ? t(`tile_unplayable_${streamType}`, { codec }) : inRoom ? '' : t(`tile_${one.state}`));
    face.update();
    if (inRoom && !viewing) {
      viewing = true;
      phone()?.startRemoteView({ userID, videoViewDomID: picture, options: { streamType, objectFit: screen ? 'contain' : 'cover' } })?.catch(() => { viewing = false; });
    } else if (!inRoom) {
      viewing = false;
    }
  }

  return {
    el,
    update,
    destroy() {
      stopFit();
      if (viewing) phone()?.stopRemoteView({ userID, streamType })?.catch(() => {});
    },
  };
}
