// What the engine tells, put into the store; and the sounds, words and memories that go with it.

import { CallEvent } from '/sdk/call/index.js';
import { displayName, store } from './state.js';
import { learnProfiles, loadRecords } from './people.js';
import { report, toast } from './report.js';
import { ring, ringBack, sign, stopRinging } from './lib/chime.js';
import { tabForget, tabKeep } from './lib/keep.js';
import { t } from './i18n/index.js';

/** Puts the engine's view of the call into the store. */
export function sync(engine) {
  const call = engine.currentCall;
  store.set({
    status: engine.status,
    connection: engine.connection,
    local: { ...engine.localMedia },
    call: call && { ...call, invitees: call.invitees.map((one) => ({ ...one })), remoteUsers: call.remoteUsers.map((one) => ({ ...one })) },
  });
  if (call) learnProfiles([call.inviter, ...call.invitees.map((one) => one.userID), ...call.remoteUsers.map((one) => one.userID)]);
}

/** @param {import('/sdk/call/index.js').CallEngine} engine */
export function bindEvents(engine) {
  const on = (name, fn) => engine.on(name, (payload) => {
    sync(engine);
    fn?.(payload ?? {}, engine);
  });
  for (const name of Object.values(CallEvent)) if (!(name in handlers)) engine.on(name, () => sync(engine));
  for (const [name, fn] of Object.entries(handlers)) on(name, fn);
}

/** @type {Record<string, (payload: any, engine: any) => void>} */
const handlers = {
  [CallEvent.STATUS_CHANGED]: ({ status }, engine) => {
    if (status === 'calling' && engine.currentCall?.role === 'inviter') ringBack();
    if (status !== 'calling') stopRinging();
    if (status === 'idle') forgetCall();
  },
  [CallEvent.ON_CALL_RECEIVED]: ({ callerId }) => {
    store.set({ summary: null });
    ring(callerId);
  },
  [CallEvent.ON_CALL_BEGIN]: ({ callID }) => {
    stopRinging();
    tabKeep('call', callID);
  },
  [CallEvent.USER_ENTER]: () => inGroup(() => sign('join')),
  [CallEvent.USER_LEAVE]: ({ userID }) => {
    const { call, status } = store.get();
    if (!call?.isGroup || status !== 'connected') return;
    sign('leave');
    toast(t('userLeft', { name: displayName(userID) }));
  },
  [CallEvent.REJECT]: ({ userID }) => inGroup(() => toast(t('userRejected', { name: displayName(userID) }))),
  [CallEvent.LINE_BUSY]: ({ userID }) => inGroup(() => toast(t('userBusy', { name: displayName(userID) }))),
  [CallEvent.NO_RESP]: ({ userIDList }) => inGroup(() => {
    const others = userIDList.filter((user) => user !== store.get().me?.user);
    for (const user of others) toast(t('userNoResponse', { name: displayName(user) }));
  }),
  [CallEvent.ON_CALL_CANCELED]: ({ reason, userID }) => finish(canceledOutcome(reason, userID), 0),
  [CallEvent.CALL_END]: ({ reason, totalTime }) => {
    sign('end');
    finish(endedOutcome(reason), totalTime ?? 0);
  },
  [CallEvent.CALL_TYPE_CHANGED]: () => toast(t('nowAudio')),
  [CallEvent.USER_VOICE_VOLUME]: ({ volumeMap }, engine) => {
    const volumes = Object.fromEntries(volumeMap.map(({ userId, audioVolume }) => [userId || engine.userID, audioVolume]));
    store.set({ volumes });
  },
  [CallEvent.SPEAKER_CHANGED]: ({ userID }) => store.set({ speaker: userID ?? null }),
  [CallEvent.ON_USER_NETWORK_QUALITY_CHANGED]: ({ networkQualityList }, engine) => {
    const quality = Object.fromEntries(networkQualityList.map((one) => [one.userId || engine.userID, one.quality]));
    store.set((state) => ({ quality: { ...state.quality, ...quality } }));
  },
  [CallEvent.MEDIA_CHANGED]: ({ state }) => store.set({ media: state }),
  [CallEvent.CONNECTION_CHANGED]: ({ state, previous }) => {
    if (state === 'online' && previous === 'reconnecting') {
      toast(t('backOnline'));
      loadRecords();
    }
  },
  [CallEvent.CALL_RESUMABLE]: (resumable) => store.set({ resumable: resumable?.callID ? resumable : null }),
  [CallEvent.AUTOPLAY_BLOCKED]: () => store.set({ soundBlocked: true }),
  [CallEvent.KICKED_OUT]: ({ reason }) => {
    stopRinging();
    store.set({ kicked: { reason: reason ?? '' } });
  },
  [CallEvent.ERROR]: (error) => report(error),
};

/** The call before the engine forgot it, and everybody who was in it or asked: for the summary. */
let lastCall = null;
let lastUsers = new Set();
store.watch(({ call }) => {
  if (!call) return;
  if (call.callID !== lastCall?.callID) lastUsers = new Set();
  lastCall = call;
  for (const user of [call.inviter, ...call.invitees.map((one) => one.userID), ...call.remoteUsers.map((one) => one.userID)]) lastUsers.add(user);
});

function inGroup(fn) {
  if (store.get().call?.isGroup) fn();
}

function forgetCall() {
  tabForget('call');
  store.set({ media: 'idle', volumes: {}, quality: {}, speaker: null, unplayable: {}, soundBlocked: false });
  // The record is written by the server when it saw the end: a moment later.
  setTimeout(loadRecords, 400);
}

/** Shows what became of the call. Calls that this device only stopped ringing for leave no summary. */
function finish(outcome, seconds) {
  stopRinging();
  const call = lastCall;
  if (!call || !outcome) return;
  const me = store.get().me?.user;
  const users = [...lastUsers].filter((user) => user && user !== me);
  store.set({
    summary: { users, group: call.groupID || null, media: call.mediaType === 1 ? 'audio' : 'video', outcome, seconds },
  });
}

function canceledOutcome(reason, userID) {
  const mine = userID === store.get().me?.user;
  const incoming = lastCall?.role === 'invitee';
  switch (reason) {
    case 'canceled': return incoming ? 'missed' : 'canceled';
    case 'rejected': return mine || incoming ? null : 'rejected';
    case 'noResponse': return incoming ? 'missed' : 'noResponse';
    case 'lineBusy': return 'busy';
    case 'otherDeviceAccepted': return 'acceptedElsewhere';
    case 'otherDeviceRejected': return 'rejectedElsewhere';
    case 'endedByServer': return 'endedByServer';
    default: return 'failed';
  }
}

function endedOutcome(reason) {
  return { lost: 'lost', kicked: 'removed', takenOver: 'takenOver', endedByServer: 'endedByServer', failed: 'failed' }[reason] ?? 'ended';
}
