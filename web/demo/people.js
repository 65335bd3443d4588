// What the gateway knows of others: profiles, who is online, past calls, running group calls.

import { store } from './state.js';
import { phone } from './line.js';
import { withoutUser, withUnplayable } from './peers.js';

const asked = new Set();

/** Fetches profiles that are not known yet. */
export async function learnProfiles(users) {
  const engine = phone();
  const missing = [...new Set(users)].filter((user) => user && !asked.has(user));
  if (!engine || !missing.length) return;
  missing.forEach((user) => asked.add(user));
  try {
    const found = await engine.getProfiles(missing);
    const profiles = Object.fromEntries(missing.map((user, index) => [user, found[index] ?? null]));
    store.set((state) => ({ profiles: { ...state.profiles, ...profiles } }));
  } catch {
    missing.forEach((user) => asked.delete(user));
  }
}

const historyLength = 40;

export async function loadRecords() {
  const engine = phone();
  if (!engine) return;
  try {
    const { records } = await engine.gateway.request('call.records', { limit: historyLength });
    if (phone() !== engine) return;
    store.set({ records });
    const users = records.flatMap((record) => [record.caller, ...record.callees]);
    learnProfiles(users);
    watchStatus(recentUsers(records));
  } catch {
    store.set((state) => ({ records: state.records ?? [] }));
  }
}

const quickPicks = 8;

/** The users of the latest calls, newest first, without oneself. */
export function recentUsers(records, most = quickPicks) {
  const me = store.get().me?.user;
  const users = (records ?? []).flatMap((record) => [record.caller, ...record.callees]);
  return [...new Set(users)].filter((user) => user !== me).slice(0, most);
}

const watched = new Set();

/** From now on the store knows whether these users are signed in. */
export async function watchStatus(users) {
  const engine = phone();
  const fresh = users.filter((user) => !watched.has(user));
  if (!engine || !fresh.length) return;
  fresh.forEach((user) => watched.add(user));
  try {
    const { statuses } = await engine.gateway.request('status.watch', { users: fresh });
    putStatuses(statuses);
  } catch {
    fresh.forEach((user) => watched.delete(user));
  }
}

function putStatuses(statuses) {
  const online = Object.fromEntries(statuses.filter(Boolean).map((status) => [status.user, status.online]));
  store.set((state) => ({ online: { ...state.online, ...online } }));
}

/** Watches the groups that one is in for running calls, and others for changed profiles and presence. */
export async function followGateway() {
  const engine = phone();
  if (!engine) return;
  engine.gateway.on('event', ({ event, body }) => gatewayEvent(event, body));
  // A new session, after the server restarted, knows nothing of what the old one watched.
  engine.gateway.on('session', refresh);
  await refresh();
}

async function refresh() {
  const engine = phone();
  if (!engine) return;
  asked.clear();
  watched.clear();
  loadRecords();
  try {
    const { groups } = await engine.gateway.request('group.list', {});
    for (const group of groups) putRunning(group.id, group.attributes);
  } catch {
    // Without the list there are no join hints; calls work all the same.
  }
}

function gatewayEvent(event, body) {
  if (event === 'group.attributes') putRunning(body.group, body.attributes);
  else if (event === 'group.changed') putRunning(body.group, body.info?.attributes ?? {});
  else if (event === 'status.changed') putStatuses([body]);
  else if (event === 'room.unplayable') store.set(({ unplayable }) => ({ unplayable: withUnplayable(unplayable, body) }));
  else if (event === 'room.left') store.set(({ unplayable }) => ({ unplayable: withoutUser(unplayable, body.user) }));
  else if (event === 'profile.changed') {
    const { me } = store.get();
    if (me?.user === body.user) store.set({ me: { ...me, ...body } });
    store.set((state) => ({ profiles: { ...state.profiles, [body.user]: body } }));
  }
}

/** Keeps what the attribute `inner_attr_kit_info` of a group says: a call runs there, with these users. */
function putRunning(group, attributes = {}) {
  const call = parseKitInfo(attributes.inner_attr_kit_info);
  store.set((state) => {
    const others = state.running.filter((one) => one.group !== group);
    return { running: call ? [...others, { group, ...call }] : others };
  });
  if (call) learnProfiles(call.users);
}

function parseKitInfo(text) {
  if (!text) return null;
  try {
    const info = JSON.parse(text);
    const users = (info.user_list ?? []).map((one) => one.userid).filter((user) => typeof user === 'string');
    if (!users.length) return null;
    const asText = Number(info.room_id_type) === 2 || !/^\d+$/.test(String(info.room_id));
    return {
      users,
      media: ['audio', '1'].includes(String(info.call_media_type).toLowerCase()) ? 'audio' : 'video',
      roomID: asText ? 0 : Number(info.room_id),
      strRoomID: asText ? String(info.room_id) : '',
    };
  } catch {
    return null;
  }
}
