// What a sequence left behind, in a form that is the same each time: random ids become names, seconds become "s".
import { readFile, writeFile } from 'node:fs/promises';
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { GatewayClient } from '../../../core/gateway.js';
import { userSig } from './world.mjs';

const EXPECTED = new URL('../expected/', import.meta.url);

/**
 * @param {string} name
 * @param {object} played
 * @param {{anyOrder?: boolean, eitherFirst?: boolean}} [options] `anyOrder`: what users do may reach a device in any order;
 *   `eitherFirst`: Ben may have been what Amy was
 */
export async function compare(name, played, { anyOrder = false, eitherFirst = false } = {}) {
  const transcript = eitherFirst && played.messages[0]?.from === 'ben' ? swapped(played) : played;
  const file = new URL(`${name}.json`, EXPECTED);
  if (process.env.KIT_RECORD && !anyOrder) await writeFile(file, `${pretty(transcript)}\n`);
  const expected = JSON.parse(await readFile(file, 'utf8'));
  for (const { devices } of [transcript, expected]) Object.values(devices).forEach(anyOrder ? sortWhatOthersDid : putAcceptFirst);
  if (anyOrder) for (const one of [transcript, expected]) one.messages = one.messages.filter(isFirstTimeOut).map(byEither);
  assert.deepEqual(transcript, expected, `the sequence ${name} differs from ${file.pathname}`);
}

/** Amy's and Ben's names changed. */
function swapped(transcript) {
  const other = { '"amy"': '"ben"', '"ben"': '"amy"' };
  return JSON.parse(JSON.stringify(transcript).replace(/"(amy|ben)"/g, (name) => other[name]));
}

/** That a user accepts comes by a message, that one enters by the room: two ways, and either may be the quicker. */
function putAcceptFirst(events) {
  for (let from = 0; from < events.length; from += 1) {
    let to = from;
    while (to < events.length && ['USER_ACCEPT', 'USER_ENTER'].includes(events[to][0])) to += 1;
    const run = events.slice(from, to);
    events.splice(from, run.length, ...run.filter(([name]) => name === 'USER_ACCEPT'), ...run.filter(([name]) => name === 'USER_ENTER'));
    from = Math.max(from, to - 1);
  }
}

/** Events about several users that follow each other: sorted, and without who is still asked, which changes with each. */
function sortWhatOthersDid(events) {
  const about = (/** @type {[string, any]} */ [name, { userID, reason }]) => JSON.stringify([name, userID, reason]);
  for (let from = 0; from < events.length; from += 1) {
    let to = from;
    while (to < events.length && OF_OTHERS.has(events[to][0])) to += 1;
    const run = events.slice(from, to).map(([name, { userList: _, ...data }]) => [name, data]);
    events.splice(from, run.length, ...run.sort((a, b) => about(a).localeCompare(about(b))));
    from = Math.max(from, to - 1);
  }
}

/** The caller's time-out follows the callee's after 5 s of the engines', which is as long as a frame may be kept: it may be sent, too, or first. */
function isFirstTimeOut({ actionType, inviteID }, i, messages) {
  const first = messages.findIndex((one) => one.actionType === TIME_OUT && one.inviteID === inviteID);
  return actionType !== TIME_OUT || first === i;
}

const byEither = (/** @type {any} */ message) => (message.actionType === TIME_OUT ? { ...message, from: '', to: '' } : message);
const TIME_OUT = 5;
const OF_OTHERS = new Set(['USER_ACCEPT', 'USER_ENTER', 'USER_LEAVE', 'REJECT']);

/** One event or message a line. */
function pretty({ devices, messages }) {
  const list = (items) => `[${items.map((item) => `\n      ${JSON.stringify(item)}`).join(',')}${items.length ? '\n    ' : ''}]`;
  const told = Object.entries(devices).map(([name, events]) => `\n    ${JSON.stringify(name)}: ${list(events)}`);
  return `{\n  "devices": {${told.join(',')}\n  },\n  "messages": ${list(messages).replaceAll('\n    ', '\n  ')}\n}`;
}

/**
 * @param {{gateway: string}} server
 * @param {number} app
 * @param {import('./device.mjs').Device[]} devices
 * @param {({of: string, with: object})[]} conversations
 */
export async function transcribe(server, app, devices, conversations) {
  const names = new Names();
  const messages = [];
  // Before anybody is read: the reader is a device, too, and may put another one out.
  const told = devices.map(({ name, events }) => [name, [...events]]);
  for (const { of, with: peer } of conversations) {
    for (const stored of await read(server, app, of, peer)) messages.push(names.message(stored));
  }
  return { devices: Object.fromEntries(told.map(([name, events]) => [name, events.map(([event, data]) => [event, names.plain(data)])])), messages };
}

async function read(server, app, user, peer) {
  const client = new GatewayClient({ url: server.gateway, app, deviceId: 'reader', WebSocket, network: null });
  await client.signIn({ user, userSig: userSig(user, app) });
  const { messages } = await client.request('message.list', { with: peer, limit: 100 });
  await client.signOut();
  return messages.filter(({ kind }) => kind === 'custom');
}

/** Members that hold ids, and the letter of their names. */
const IDS = { inviteID: 'I', roomID: 'R', room_id: 'R', groupID: 'G', initialCallId: 'I' };
/** Members that differ each time: whose media is on already depends on the network. */
const LEFT_OUT = new Set(['playerList', 'extInfo', 'version', 'platform', 'businessID', 'nick', 'avatar']);
const SECONDS = new Set(['callEnd', 'call_end', 'totalTime']);

class Names {
  #given = new Map();
  #counts = {};

  message({ from, to, payload }) {
    const { businessID, data, ...outer } = JSON.parse(payload.data);
    assert.equal(businessID, 1);
    return { from, to: 'user' in to ? to.user : this.#name('G', to.group), ...this.plain(outer), data: this.plain(JSON.parse(data)) };
  }

  /** @returns {any} */
  plain(value, key = '') {
    if (IDS[key] && value) return this.#name(IDS[key], value);
    if (SECONDS.has(key)) return 's';
    if (key === 'userList') return value.map(({ userID }) => userID);
    if (Array.isArray(value)) return value.map((one) => this.plain(one));
    if (value === null || typeof value !== 'object') return value;
    // `message` is the vendor's message object in events, a word in messages.
    const kept = Object.entries(value).filter(([name, one]) => !LEFT_OUT.has(name) && one !== undefined && typeof one !== 'function'
      && (name !== 'message' || (typeof one === 'string' && one !== '')));
    return Object.fromEntries(kept.map(([name, one]) => [name, this.plain(one, name)]));
  }

  #name(letter, value) {
    const id = `${letter} ${value}`;
    if (!this.#given.has(id)) {
      this.#counts[letter] = (this.#counts[letter] ?? 0) + 1;
      this.#given.set(id, `${letter}${this.#counts[letter]}`);
    }
    return this.#given.get(id);
  }
}
