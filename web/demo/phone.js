// What a user does with the call engine. What then happens comes back by phone-events.js.

import { MediaType } from '/sdk/call/index.js';
import { phone, setPhone } from './line.js';
import { store } from './state.js';
import { bindEvents, sync } from './phone-events.js';
import { followGateway, watchStatus } from './people.js';
import { report } from './report.js';
import { tabForget, tabKept } from './lib/keep.js';

/** Binds `next` to the page and signs it in. */
export async function startPhone(next, user, userSig) {
  bindEvents(next);
  setPhone(next);
  // Before login: somebody may be ringing already, and its answer brings that call.
  store.set({ me: { user, nick: '', avatar: '' }, call: null, records: null, running: [], summary: null, picked: [] });
  try {
    await next.login({ userID: user, userSig });
  } catch (error) {
    setPhone(null);
    store.set({ me: null });
    throw error;
  }
  store.set({ me: { nick: '', avatar: '', ...(next.profile ?? {}), user } });
  sync(next);
  followGateway();
  const resumable = next.resumableCall;
  if (!resumable) return;
  if (tabKept('call') === resumable.callID) await resume();
  else store.set({ resumable });
}

export async function stopPhone() {
  const old = phone();
  setPhone(null);
  tabForget('call');
  await old?.destroyInstance().catch(() => {});
  store.set({ me: null, call: null, status: 'idle', connection: 'signedOut', records: null, resumable: null, summary: null });
}

const typeOf = (media) => (media === 'audio' ? MediaType.AUDIO : MediaType.VIDEO);

/**
 * Calls one or several users.
 * @param {string[]} users
 * @param {'audio'|'video'} media
 * @param {string|null} [groupID] the group of an earlier call
 */
export async function startCall(users, media, groupID = null) {
  const engine = phone();
  if (!engine || store.get().busy || engine.status !== 'idle') return;
  store.set({ busy: true, summary: null, resumable: null });
  watchStatus(users);
  try {
    if (users.length === 1 && !groupID) await engine.call({ userID: users[0], type: typeOf(media) });
    else await engine.groupCall({ userIDList: users, type: typeOf(media), ...(groupID ? { groupID } : {}) });
    store.set({ picked: [] });
  } catch (error) {
    report(error, { users });
  } finally {
    store.set({ busy: false });
  }
}

/** Runs an action of the engine; a failure is told to the user and yields false. */
async function act(action) {
  const engine = phone();
  if (!engine) return false;
  try {
    await action(engine);
    return true;
  } catch (error) {
    report(error);
    return false;
  }
}

export const accept = () => act(async (e) => {
  store.set({ busy: true, summary: null });
  await e.accept().finally(() => store.set({ busy: false }));
});
export const reject = () => act((e) => e.reject());
export const hangup = () => act((e) => e.hangup());
export const toAudio = () => act((e) => e.switchCallMediaType(MediaType.AUDIO));
export const invite = (users) => act((e) => e.inviteUser({ userIDList: users }));
export const resumeAudio = () => act(async (e) => {
  await e.resumeAudio();
  store.set({ soundBlocked: false });
});
export const toggleMicrophone = () => act((e) => (e.localMedia.microphone === 'on' ? e.closeMicrophone() : e.openMicrophone()));
export const toggleCamera = () => act((e) => (e.localMedia.camera === 'on' ? e.closeCamera() : e.openCamera()));
export const toggleScreen = () => act((e) => (e.localMedia.screen === 'on' ? e.stopScreenShare() : e.startScreenShare()));

export const join = ({ group, roomID, strRoomID, media }) => act(async (e) => {
  store.set({ busy: true, summary: null });
  const room = strRoomID ? { strRoomID } : { roomID };
  await e.joinInGroupCall({ type: typeOf(media), groupID: group, ...room }).finally(() => store.set({ busy: false }));
});

export async function resume() {
  store.set({ resumable: null });
  await act((e) => e.resumeCall());
}

export async function dismissResumable() {
  store.set({ resumable: null });
  await act((e) => e.dismissResumableCall());
}

/** @param {{nickName?: string, avatar?: string}} info */
export async function saveProfile(info) {
  const done = await act((e) => e.setSelfInfo(info));
  if (!done) return false;
  store.set(({ me }) => ({ me: { ...me, nick: info.nickName ?? me.nick, avatar: info.avatar ?? me.avatar } }));
  return true;
}

