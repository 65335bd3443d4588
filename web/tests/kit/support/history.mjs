// A random history: people with engines of both generations call, answer, hang up and lose their connection, at random and at
// once. Afterwards everybody must be idle, nobody may have been rung twice, and the server's records must say what the stored
// messages say.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { GatewayClient } from '../../../core/gateway.js';
import { Device, OldDevice } from './device.mjs';
import { userSig } from './world.mjs';

const USERS = ['amy', 'ben', 'cat', 'dan'];
const STEPS = 14;
const PAUSE_MS = 60;
/**
 * The engines' longest wait is 35 s of their time, 1.4 s here; a lost phone's grace comes on top. An invitation and a cancel of it
 * take a request's 15 s each at worst, on a machine that is starved.
 */
const CALM_WITHIN_MS = 45_000;
/** TSignaling's cancel, accept and reject. */
const LOCKING = new Set([2, 3, 4]);

export class RandomHistory {
  /** @type {string[]} what was done, for a failure's report */ log = [];
  /** @type {Device[]} */ devices = [];
  #random;

  /** @param {{gateway: string}} server @param {number} app @param {number} seed */
  constructor(server, app, seed) {
    Object.assign(this, { server, app, seed });
    this.#random = mulberry(seed);
  }

  async play() {
    for (const user of USERS) this.devices.push(await this.#pick([Device, OldDevice]).of(this.server, this.app, user));
    this.devices.push(await this.#pick([Device, OldDevice]).of(this.server, this.app, 'ben', { name: 'ben second' }));
    for (const device of this.devices) this.#noteUnsent(device);
    const others = USERS.slice(1).map((userID) => ({ userID }));
    this.group = (await this.devices[0].tim.createGroup({ type: 'Public', name: 'team', memberList: others })).data.group.groupID;
    for (let i = 0; i < STEPS; i++) {
      this.#step();
      await new Promise((resolve) => setTimeout(resolve, this.#random() * PAUSE_MS));
    }
    await this.#calm();
  }

  async end() {
    await Device.endAll(this.devices);
  }

  async check() {
    for (const device of this.devices) this.#rungOnce(device);
    // First that all is over: an answer may be under way to one who is idle already.
    for (const user of USERS) await this.#noOpenCall(user);
    const invites = await this.#invites();
    for (const user of USERS) await this.#recordsAgree(user, invites);
  }

  // ---- doing ----

  #step() {
    const device = this.#pick(this.devices);
    const { callStatus, isInviter } = device.engine.data;
    // As a user interface: one thing at a time.
    if (device.acting) return undefined;
    if (this.#random() < 0.15) return this.#do(device, 'loses its connection', () => device.dropSocket());
    if (callStatus === 'idle') return this.#call(device);
    if (callStatus === 'connected') {
      return this.#random() < 0.6 ? this.#do(device, 'hangs up', () => device.engine.hangup()) : undefined;
    }
    if (isInviter) return this.#random() < 0.3 ? this.#do(device, 'cancels', () => device.engine.hangup()) : undefined;
    if (this.#random() < 0.6) return this.#do(device, 'accepts', () => device.engine.accept());
    return this.#do(device, 'rejects', () => device.engine.reject());
  }

  /** @param {Device} device */
  #call(device) {
    const others = USERS.filter((user) => user !== device.user);
    const type = this.#random() < 0.5 ? 1 : 2;
    if (this.#random() < 0.3) {
      const userIDList = others.filter(() => this.#random() < 0.7);
      if (userIDList.length > 0) this.#do(device, `calls the group: ${userIDList}`, () => device.engine.groupCall({ userIDList, groupID: this.group, type }));
      return;
    }
    const userID = this.#pick(others);
    this.#do(device, `calls ${userID}`, () => device.engine.call({ userID, type }));
  }

  /** What is refused (the state changed meanwhile) is part of the game. */
  #do(device, what, action) {
    this.log.push(`${device.name} ${what}`);
    device.acting = true;
    device.inviting = what.includes('calls');
    const rung = () => device.events.filter(([name]) => name === 'INVITED').length;
    const before = rung();
    (async () => action())()
      .catch((error) => this.log.push(`  ${device.name}: ${error.message ?? error}`))
      .finally(() => {
        // The engines are idle until their own invitation was sent: one that comes in that moment mixes two calls in one.
        if (device.inviting && rung() > before) device.mixed = true;
        device.acting = device.inviting = false;
      });
  }

  /**
   * `tsignaling-wx` answers nothing any more after one answer or cancel that could not be sent, as it keeps its lock (`_isHandling`):
   * only the application's new start helps. What else cannot be sent locks nothing.
   */
  #noteUnsent(device) {
    const { tim } = device;
    const send = tim.sendMessage.bind(tim);
    tim.sendMessage = (message, options) => send(message, options).catch((error) => {
      const action = actionOf(message);
      this.log.push(`  ${device.name}: action ${action} not sent (${error.code})`);
      device.unsent ||= LOCKING.has(action);
      throw error;
    });
  }

  /** Everybody hangs up until nobody is in a call. */
  async #calm() {
    this.log.push('all hang up');
    const deadline = Date.now() + CALM_WITHIN_MS;
    for (;;) {
      // An engine is idle until its invitation was sent, which waits for a lost connection.
      const busy = this.devices.filter(({ engine, inviting }) => inviting || engine.data.callStatus !== 'idle');
      if (busy.length === 0) break;
      if (Date.now() > deadline) assert.fail(`stuck: ${busy.map(({ name, engine, inviting }) => `${name} ${inviting ? 'inviting' : engine.data.callStatus}`)}`);
      for (const { engine, mixed, unsent } of busy) {
        if (engine.data.callStatus === 'idle') continue;
        const { callStatus, isInviter } = engine.data;
        const end = mixed || unsent ? () => engine._resetTUICallEngine() : callStatus === 'calling' && !isInviter ? () => engine.reject() : () => engine.hangup();
        (async () => end())().catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }

  // ---- checking ----

  #rungOnce(device) {
    const rung = device.events.filter(([name]) => name === 'INVITED').map(([, { inviteID }]) => inviteID);
    assert.equal(new Set(rung).size, rung.length, `${device.name} was rung twice`);
  }

  /** Calls of two, by the stored messages: who called whom, and the first answer. */
  async #invites() {
    /** @type {Map<string, {caller: string, callee: string, answers: string[], answeredMs?: number}>} */
    const found = new Map();
    for (const [i, one] of USERS.entries()) {
      const client = await this.#client(one);
      for (const other of USERS.slice(i + 1)) {
        const { messages } = await client.request('message.list', { with: { user: other }, limit: 100 });
        for (const { from, to, payload, timeMs } of messages) note(found, from, to.user, timeMs, JSON.parse(payload.data));
      }
      await client.signOut();
    }
    return found;
  }

  async #recordsAgree(user, invites) {
    const client = await this.#client(user);
    const all = async () => (await client.request('call.records', { limit: 100 })).records;
    const records = new Map((await all()).filter(({ group }) => !group).map((record) => [record.call, record]));
    await client.signOut();
    for (const [id, { caller, callee, answers, answeredMs }] of invites) {
      if (caller !== user) continue;
      const record = records.get(id);
      assert.ok(record, `the call ${id} of ${caller} to ${callee} (${answers}) has a record`);
      assert.deepEqual(record.callees, [callee]);
      // The caller may be out of the room, and the call over, before an answer that was under way arrives.
      if (record.result === 'Cancel' && record.endedMs <= (answeredMs ?? Infinity)) continue;
      const right = RESULTS[answers[0] ?? 'none'];
      assert.ok(right.includes(record.result), `${caller} to ${callee}: ${record.result}, but the messages say ${answers}`);
      assert.equal(record.acceptedMs !== null, answers[0] === 'accept', `${caller} to ${callee}: acceptedMs ${record.acceptedMs} after ${answers}`);
    }
  }

  async #noOpenCall(user) {
    const client = await this.#client(user);
    const deadline = Date.now() + CALM_WITHIN_MS;
    for (;;) {
      const { calls } = await client.request('call.current');
      if (calls.length === 0) return client.signOut();
      if (Date.now() > deadline) assert.fail(`${user} has an open call: ${JSON.stringify(calls)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #client(user) {
    const client = new GatewayClient({ url: this.server.gateway, app: this.app, deviceId: 'checker', WebSocket, network: null });
    await client.signIn({ user, userSig: userSig(user, this.app) });
    return client;
  }

  #pick(list) {
    return list[Math.floor(this.#random() * list.length)];
  }
}

/** Results that fit the first answer. Who left a call that was never joined by both is its own question. */
const RESULTS = {
  accept: ['NormalEnd', 'Interrupt'], reject: ['Reject'], busy: ['CallBusy'], cancel: ['Cancel'], timeout: ['NotAnswer', 'Offline'],
  none: ['Cancel', 'NotAnswer', 'Offline'],
};
const ANSWERS = { 2: 'cancel', 3: 'accept', 4: 'reject', 5: 'timeout' };

function note(found, from, to, timeMs, { inviteID, actionType, data }) {
  const inner = JSON.parse(data);
  if (actionType === 1) {
    const rings = inner.room_id && !inner.switch_to_audio_call && inner.data?.cmd !== 'hangup';
    if (rings) found.set(inviteID, { caller: from, callee: to, answers: [] });
    return;
  }
  const busy = 'line_busy' in inner;
  const invite = found.get(inviteID);
  invite?.answers.push(busy ? 'busy' : ANSWERS[actionType]);
  if (invite) invite.answeredMs ??= timeMs;
}

/** Of a signal; `undefined` where the message is none. @param {{payload?: {data?: string}}} message */
function actionOf(message) {
  try {
    return JSON.parse(message.payload?.data ?? '').actionType;
  } catch {
    return undefined;
  }
}

/** A small generator: the seed is printed, so a failure can be played again. */
function mulberry(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
