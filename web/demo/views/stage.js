// The call: pictures, who speaks, and the dock of controls. Also shown to the caller while it rings.

import { displayName, store } from '../state.js';
import { peersOf } from '../peers.js';
import { h, announce, attr, keyed, text } from '../lib/dom.js';
import { duration, listOf, t } from '../i18n/index.js';
import { tile } from './tile.js';
import { selfTile } from './selfview.js';
import { dock } from './dock.js';
import { fitGrid } from './grid.js';
import { bars } from './bars.js';

/** The tiles: each peer, and a tile of its own for each shared screen. */
function tilesOf(peers) {
  const screens = peers.filter((peer) => peer.screen).map((peer) => ({ key: `${peer.userID}.screen`, kind: 'screen', ...peer }));
  return [...screens, ...peers.map((peer) => ({ key: peer.userID, kind: 'camera', ...peer }))];
}

export function stageView() {
  const grid = h('div', { class: 'grid', data: { testid: 'grid' } });
  const title = h('h1', { tabindex: -1 });
  const timer = h('span', { class: 'timer numbers', role: 'timer', data: { testid: 'timer' } });
  const quality = bars('self');
  const hint = h('p', { class: 'stage-hint' });
  const state = h('span', { class: 'visually-hidden', data: { testid: 'connection-state' } });
  const self = selfTile();
  const controls = dock();
  const el = h('main', { class: 'stage', 'aria-label': t('call') },
    h('header', { class: 'stage-top' }, h('div', { class: 'stage-who' }, title, timer), quality.el, state),
    h('div', { class: 'stage-floor' }, grid, self.el, hint), controls.el);
  const kept = new Map();

  const stop = store.watch((now) => {
    if (!now.call) return;
    const peers = peersOf(now);
    const tiles = tilesOf(peers);
    const spotlight = tiles.some((one) => one.kind === 'screen');
    const alone = !now.call.isGroup && peers.length <= 1 && !spotlight;
    attr(el, 'data-layout', alone ? 'pair' : 'grid');
    attr(el, 'data-media', now.call.mediaType === 1 ? 'audio' : 'video');
    attr(el, 'data-status', now.status);
    attr(grid, 'data-spotlight', spotlight);
    keyed(grid, tiles, (one) => one.key, tile, kept);
    self.update(now, alone, grid);
    drawTop(now, peers);
    layout();
  });

  function drawTop(now, peers) {
    const names = peers.map((peer) => displayName(peer.userID));
    text(title, now.call.isGroup && names.length > 3 ? t('peopleCount', { n: names.length + 1 }) : listOf(names) || t('call'));
    const waiting = now.status === 'calling';
    attr(timer, 'data-status', waiting ? 'calling' : 'connected');
    if (waiting) text(timer, t('calling'));
    else tick();
    quality.set(now.quality[now.me?.user] ?? 0);
    text(state, t(`connection_${now.connection}`));
    attr(state, 'data-state', now.connection);
    text(hint, waiting && !now.call.isGroup && now.online[peers[0]?.userID] === false ? t('calleeOffline', { name: names[0] }) : '');
  }

  function tick() {
    const { call, status } = store.get();
    if (call && status === 'connected') text(timer, duration((Date.now() - call.beganAtMs) / 1000));
  }

  function layout() {
    if (el.dataset.layout === 'grid') fitGrid(grid);
    else grid.removeAttribute('style');
  }

  const clock = setInterval(tick, 500);
  const watcher = new ResizeObserver(layout);
  watcher.observe(grid);
  let began = false;
  const stopSaying = store.watch(({ status }) => {
    if (status !== 'connected' || began) return;
    began = true;
    announce(t('callBegan'));
  });

  return {
    el,
    shown: () => title.focus({ preventScroll: true }),
    destroy() {
      stop();
      stopSaying();
      clearInterval(clock);
      watcher.disconnect();
      for (const view of kept.values()) view.destroy();
      self.destroy();
      controls.destroy();
    },
  };
}
