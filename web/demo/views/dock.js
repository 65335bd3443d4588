// The controls of a call.

import { store } from '../state.js';
import { hangup, toAudio, toggleCamera, toggleMicrophone, toggleScreen } from '../phone.js';
import { h, attr, text } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../i18n/index.js';
import { openDevices } from './devices.js';
import { openInvite } from './invite.js';

/** A control of the dock: an icon and a word below it. */
function control(testid, symbol, word, click) {
  const label = h('span', { class: 'dock-word' });
  const face = h('span', { class: 'dock-face' });
  const el = h('button', { class: 'dock-button', type: 'button', data: { testid }, on: { click } }, face, label);
  const set = (nextSymbol, nextWord) => {
    if (el.dataset.icon !== nextSymbol) {
      el.dataset.icon = nextSymbol;
      face.innerHTML = icon(nextSymbol);
    }
    text(label, nextWord);
    attr(el, 'title', nextWord);
  };
  set(symbol, word);
  return { el, set };
}

export function dock() {
  const microphone = control('mute', 'mic', t('mute'), toggleMicrophone);
  const camera = control('camera', 'video', t('cameraOff'), toggleCamera);
  const screen = control('screen', 'screen', t('share'), toggleScreen);
  const devices = control('devices', 'devices', t('devices'), openDevices);
  const audio = control('to-audio', 'toAudio', t('toAudio'), toAudio);
  const more = control('invite-more', 'invite', t('invite'), openInvite);
  const end = control('hangup', 'hangup', t('hangup'), hangup);
  end.el.classList.add('dock-end');
  for (const one of [devices, more]) one.el.setAttribute('aria-haspopup', 'dialog');
  const el = h('div', { class: 'dock', role: 'group', 'aria-label': t('controls') },
    microphone.el, camera.el, screen.el, audio.el, more.el, devices.el, end.el);

  const stop = store.watch(({ call, status, local }) => {
    if (!call) return;
    const connected = status === 'connected';
    const video = call.mediaType !== 1;
    const [speaking, seen, shared] = [local.microphone === 'on', local.camera === 'on', local.screen === 'on'];
    microphone.set(speaking ? 'mic' : 'micOff', t(speaking ? 'mute' : 'unmute'));
    attr(microphone.el, 'data-off', !speaking);
    attr(microphone.el, 'aria-pressed', String(!speaking));
    camera.set(seen ? 'video' : 'videoOff', t(seen ? 'cameraOff' : 'cameraOn'));
    attr(camera.el, 'data-off', !seen);
    attr(camera.el, 'aria-pressed', String(!seen));
    camera.el.hidden = !video;
    screen.set('screen', t(shared ? 'stopShare' : 'share'));
    attr(screen.el, 'data-on', shared);
    screen.el.hidden = !connected || !video || !navigator.mediaDevices?.getDisplayMedia;
    audio.el.hidden = !connected || !video || call.isGroup;
    more.el.hidden = !connected || !call.isGroup;
    end.set('hangup', t(connected ? 'hangup' : 'cancel'));
    attr(end.el, 'data-testid', connected ? 'hangup' : 'cancel');
  });

  /** M and V, unless one types. */
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector('dialog[open]')) return;
    if (event.target instanceof HTMLInputElement) return;
    if (event.key.toLowerCase() === 'm') toggleMicrophone();
    else if (event.key.toLowerCase() === 'v' && !camera.el.hidden) toggleCamera();
  }
  addEventListener('keydown', key);

  return {
    el,
    destroy() {
      stop();
      removeEventListener('keydown', key);
    },
  };
}
