// Starts the page and decides which view is on it.

import { displayName, store } from './state.js';
import { boot, forgetWish, readAddress } from './session.js';
import { startCall } from './phone.js';
import { applyScheme } from './lib/scheme.js';
import { kept } from './lib/keep.js';
import { setQuiet, unlock } from './lib/chime.js';
import { firstLanguage, setLanguage, t } from './i18n/index.js';
import { signInView } from './views/signin.js';
import { homeView } from './views/home.js';
import { stageView } from './views/stage.js';
import { incomingView } from './views/incoming.js';
import { kickedView, unreachableView } from './views/notices.js';
import { connectionBanner } from './views/banner.js';

const views = { signin: signInView, home: homeView, stage: stageView, unreachable: unreachableView };
const overlays = { incoming: incomingView, kicked: kickedView };

let shown = { key: '', view: null };
let over = { key: '', view: null };

/** The view that belongs to the state. */
function mainName({ screen, status, call }) {
  const inCall = call && (status === 'connected' || (status === 'calling' && call.role === 'inviter'));
  return screen === 'home' && inCall ? 'stage' : screen;
}

function overlayName({ kicked, status, call }) {
  if (kicked) return 'kicked';
  return status === 'calling' && call?.role === 'invitee' ? 'incoming' : '';
}

/** Puts the view for `name` into `parent` unless it is there; language and scheme changes draw it anew. */
function place(slot, parent, table, name, drawn) {
  const key = name && `${name}.${drawn}`;
  if (slot.key === key) return slot;
  slot.view?.destroy?.();
  parent.replaceChildren();
  const view = table[name]?.() ?? null;
  if (view) parent.append(view.el);
  view?.shown?.();
  return { key, view };
}

function draw(state) {
  const main = mainName(state);
  document.body.dataset.view = main;
  document.getElementById('toasts').classList.toggle('over-stage', main === 'stage');
  shown = place(shown, document.getElementById('app'), views, main, state.drawn);
  over = place(over, document.getElementById('layer'), overlays, overlayName(state), state.drawn);
  document.getElementById('app').inert = Boolean(over.view);
  drawTitle(state);
}

let flash = null;
let titles = [];

/** The tab's title says what goes on, and flashes while somebody calls. */
function drawTitle({ call, status, me }) {
  const base = me ? `${displayName(me.user)} · Carillon` : 'Carillon';
  const ringing = status === 'calling' && call?.role === 'invitee';
  const wanted = ringing ? [t('titleRinging', { name: displayName(call.inviter) }), base] : [status === 'idle' ? base : `● ${base}`];
  if (wanted.join() === titles.join()) return;
  titles = wanted;
  clearInterval(flash);
  [document.title] = titles;
  if (ringing) flash = setInterval(() => { document.title = titles[Number(document.title === titles[0])]; }, 1000);
}

/** Does what the address asked for: `?call=ben&type=video`. */
function grantWish() {
  const { call, type } = readAddress();
  if (!call.length) return;
  let granted = false;
  const stop = store.watch(({ screen, connection, status }) => {
    if (granted || screen !== 'home' || connection !== 'online' || status !== 'idle') return;
    granted = true;
    queueMicrotask(() => stop());
    forgetWish();
    startCall(call, type);
  });
}

setLanguage(firstLanguage());
applyScheme();
store.set({ quiet: kept('quiet') === 'yes' });
setQuiet(kept('quiet') === 'yes');
for (const gesture of ['pointerdown', 'keydown']) addEventListener(gesture, unlock, { passive: true });
document.body.append(connectionBanner().el);
store.watch(draw);
boot().then(grantWish);
