// Who one is: signing in and out, what a tab remembers, what the address asks for.

import { CallEngine } from '/sdk/call/index.js';
import { store } from './state.js';
import { startPhone, stopPhone } from './phone.js';
import { tabForget, tabKeep, tabKept } from './lib/keep.js';

export const userPattern = /^[A-Za-z0-9_-]{1,32}$/;

/** Asks the server for its facts, then signs in whom the address or the tab names. */
export async function boot() {
  try {
    const reply = await fetch('/demo/config.json', { cache: 'no-store' });
    if (!reply.ok) throw new Error(String(reply.status));
    store.set({ config: await reply.json() });
  } catch {
    store.set({ screen: 'unreachable' });
    return;
  }
  const wish = readAddress();
  const user = wish.user ?? tabKept('user');
  if (!user || (!store.get().config.development && !tabKept('sig'))) {
    store.set({ screen: 'signin' });
    return;
  }
  try {
    await signIn(user, store.get().config.development ? '' : tabKept('sig'));
  } catch (error) {
    tabForget('sig');
    store.set({ screen: 'signin', signInError: error });
  }
}

/** `?user=amy` signs in, `&call=ben,cat&type=audio` calls at once. */
export function readAddress() {
  const query = new URLSearchParams(location.search);
  const user = query.get('user');
  const call = (query.get('call') ?? '').split(/[\s,;]+/).filter((name) => userPattern.test(name));
  return { user: user && userPattern.test(user) ? user : null, call, type: query.get('type') === 'audio' ? 'audio' : 'video' };
}

/** Forgets `?call=…`, so that a reload does not call again; keeps who one is. */
export function forgetWish() {
  const query = new URLSearchParams(location.search);
  query.delete('call');
  query.delete('type');
  history.replaceState(null, '', `${location.pathname}${query.size ? `?${query}` : ''}`);
}

/**
 * Signs in. Without a `userSig` the server of a development set-up makes one.
 * @param {string} user
 * @param {string} [userSig]
 */
export async function signIn(user, userSig = '') {
  const { config } = store.get();
  const sig = userSig || await developmentSig(user);
  const engine = new CallEngine({
    SDKAppID: config.app,
    renewUserSig: config.development ? () => developmentSig(user) : undefined,
  });
  try {
    await startPhone(engine, user, sig);
  } catch (error) {
    await engine.destroyInstance().catch(() => {});
    throw error;
  }
  tabKeep('user', user);
  if (userSig) tabKeep('sig', userSig);
  store.set({ screen: 'home', kicked: null, signInError: null });
}

async function developmentSig(user) {
  const reply = await fetch('/demo/sign', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  if (!reply.ok) throw Object.assign(new Error(await reply.text()), { code: 'sign' });
  return (await reply.json()).userSig;
}

export async function signOut() {
  tabForget('user');
  tabForget('sig');
  history.replaceState(null, '', location.pathname);
  await stopPhone();
  store.set({ screen: 'signin', kicked: null });
}

/** After having been signed out by another device: takes the session back. */
export async function signInAgain() {
  const user = store.get().me.user;
  await stopPhone();
  await signIn(user, tabKept('sig') ?? '');
}
