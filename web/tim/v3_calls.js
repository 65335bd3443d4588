/**
 * The call service that the newest call engines ask (`calls()` and `join()` of the kits 4.x) instead of signalling. A call that
 * is asked for here is made with the signalling of the older engines, so that all of them can be called; what becomes of it is
 * told back in the service's own form. Only the caller's side is here: who is called is invited the older way.
 */

import { systemClock } from '../core/clock.js';
import { answer, callData, infoOf, inviteData, object, results } from './v3_call_forms.js';
import { TSignaling } from './v3_signal.js';

export const CALL_SERVICE = 'call_engine_srv.';
const VERSION = 2;
const UNKNOWN_COMMAND = 60004;
const UNKNOWN_CALL = 10010;
/** Calls that are kept: one runs, and those before it may still be told of. */
const MAX_CALLS = 8;
/** The service knows at once who is busy; a device answers within this time. */
const BUSY_WITHIN_MS = 300;

/** What a member did, as the service numbers it. */
const Did = Object.freeze({ ANSWER: 1, REJECT: 2, NO_ANSWER: 3, HANGUP: 4, JOIN: 5, OFFLINE: 6, INVITE: 7, CANCEL_INVITE: 8 });

/**
 * @typedef {object} Host what is needed of the chat
 * @property {string} user
 * @property {(options: any) => Promise<{inviteID: string}>} invite
 * @property {(options: any) => Promise<{inviteID: string}>} inviteInGroup
 * @property {(options: any) => Promise<any>} cancel
 * @property {(users: string[]) => Promise<string>} makeGroup
 * @property {() => Promise<{call: string, room: import('../core/protocol.js').RoomId, group: string | null, media: string, connected: string[]}[]>} current calls one is in or invited to
 * @property {(text: string) => void} notify to the engine
 * @property {import('../core/clock.js').Clock} [clock]
 *
 * @typedef {object} ServiceCall
 * @property {any} info the service's CallInfo
 * @property {string} group
 * @property {string} userData
 * @property {number} timeoutS
 * @property {Map<string, string[]>} invites whom each invitation asked
 * @property {Set<string>} waiting
 * @property {Set<string>} connected the others who are in
 * @property {Set<string>} busy
 * @property {string[] | null} early what is told while the call still starts: the engine does not know it yet
 */

export class CallService {
  #host;
  #clock;
  /** @type {Map<string, ServiceCall>} by call id */ #calls = new Map();
  /** @type {Map<string, object>} CallInfo of calls of groups that one was asked into, by call id */ #heard = new Map();

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
    this.#clock = host.clock ?? systemClock;
  }

  /**
   * @param {string} command
   * @param {string} text
   * @returns {Promise<string>} the service's answer
   */
  async handle(command, text) {
    try {
      const { Body } = JSON.parse(text);
      return answer(0, '', await this.#run(command.slice(CALL_SERVICE.length), Body));
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      return answer(Number(code) || UNKNOWN_CALL, String(message), {});
    }
  }

  /**
   * @param {string} name
   * @param {{inviteID: string, data?: string, invitee?: string, inviteeList?: string[]}} signal
   * @returns {boolean} whether it is about a call of this service
   */
  signalled(name, { inviteID, data = '', invitee = '', inviteeList = [] }) {
    const call = [...this.#calls.values()].find(({ invites }) => invites.has(inviteID));
    if (!call) return false;
    if (name === TSignaling.INVITEE_ACCEPTED) this.#accepted(call, invitee);
    else if (name === TSignaling.INVITEE_REJECTED) this.#rejected(call, invitee, /"lineBusy"|"line_busy"/.test(data));
    else if (name === TSignaling.INVITATION_TIMEOUT) this.#gone(call, inviteeList, Did.NO_ANSWER);
    return true;
  }

  /** An invitation came: who declines may join later. @param {{inviteID: string, groupID: string, data: string}} signal */
  invited({ inviteID, groupID, data }) {
    const { call_type: type, room_id: number, data: inner } = object(data);
    const text = inner?.str_room_id;
    if (!groupID || (!number && !text)) return;
    const CallId = inner.initialCallId || inviteID;
    this.#heard.set(CallId, { CallId, ...infoOf(type, text || number, groupID) });
    if (this.#heard.size > MAX_CALLS) this.#heard.delete(/** @type {string} */ (this.#heard.keys().next().value));
  }

  /** The server's view of a call: who came by the room alone, and who left. @param {{call: string, state: string, connected: string[]}} told */
  changed({ call: id, state, connected }) {
    if (state === 'ended') this.#heard.delete(id);
    const call = this.#calls.get(id);
    if (!call) return;
    const others = connected.filter((user) => user !== this.#host.user);
    const left = [...call.connected].filter((user) => !others.includes(user));
    for (const user of others) if (!call.connected.has(user) && !call.waiting.has(user)) this.#came(call, user, Did.JOIN);
    if (left.length > 0) this.#gone(call, left, Did.HANGUP);
    if (state === 'ended' && this.#calls.has(id)) this.#end(call);
  }

  /** The session is over. */
  clear() {
    this.#calls.clear();
    this.#heard.clear();
  }

  // ---- commands ----

  /** @param {string} command @param {any} body @returns {Promise<object>} */
  async #run(command, body) {
    switch (command) {
      case 'get_invitation':
      case 'clean_previous_device_call':
      case 'heart_beat':
        // Invitations come by signalling, and the server watches calls by itself.
        return {};
      case 'start_call':
        return this.#start(body);
      case 'invite_user':
        return this.#inviteMore(body);
      case 'cancel_invite':
        return this.#cancel(this.#find(body.CallId), body.CalleeList_Account ?? []);
      case 'hangup':
        return this.#hangup(this.#find(body.CallId));
      case 'join_in_call':
        return this.#join(body.CallId);
      case 'get_call_info':
        return this.#describe(this.#find(body.CallId));
      default:
        throw Object.assign(new Error(`${command} is not answered here`), { code: UNKNOWN_COMMAND });
    }
  }

  /** @param {any} body */
  async #start({ CallInfo, CalleeList_Account: callees, Timeout = 30_000, UserData = '', OfflinePushInfo }) {
    const group = CallInfo.GroupId || (callees.length > 1 ? await this.#host.makeGroup(callees) : '');
    const call = newCall(CallInfo, group, UserData, Timeout / 1000);
    const inviteID = await this.#ask(call, callees, OfflinePushInfo);
    this.#keep(call, inviteID);
    call.early = [];
    await new Promise((resolve) => this.#clock.setTimeout(() => resolve(undefined), BUSY_WITHIN_MS));
    this.#clock.setTimeout(() => this.#tellEarly(call), 0);
    return { CallId: inviteID, CallResult: results(callees, call.busy) };
  }

  /** A call that goes on, and that one was asked into. @param {string} id */
  async #join(id) {
    const found = (await this.#host.current()).find(({ call }) => call === id);
    const info = found ? infoOf(found.media === 'audio' ? 1 : 2, found.room, found.group ?? '') : this.#heard.get(id);
    if (!info) throw unknown(id);
    const call = newCall(info, found?.group ?? '');
    for (const user of found?.connected ?? []) if (user !== this.#host.user) call.connected.add(user);
    this.#keep(call, id);
    return this.#describe(call);
  }

  /** @param {ServiceCall} call @param {string} id */
  #keep(call, id) {
    call.info = { ...call.info, CallId: id };
    this.#calls.set(id, call);
    if (this.#calls.size > MAX_CALLS) this.#calls.delete(/** @type {string} */ (this.#calls.keys().next().value));
  }

  /** @param {any} body */
  async #inviteMore({ CallId, CalleeList_Account: callees, OfflinePushInfo }) {
    const call = this.#find(CallId);
    if (!call.group) throw Object.assign(new Error('a call of two takes nobody else'), { code: UNKNOWN_CALL });
    await this.#ask(call, callees, OfflinePushInfo);
    this.#tell(call, callees, Did.INVITE);
    return { CallId, CallResult: results(callees) };
  }

  /** @param {ServiceCall} call @param {string[]} users @param {any} push */
  async #ask(call, users, push) {
    const data = JSON.stringify(inviteData(call, users, this.#host.user));
    const offlinePushInfo = push && { title: push.Title ?? '', description: push.Desc ?? '', extension: push.Ext ?? '' };
    const common = { data, timeout: call.timeoutS, offlinePushInfo };
    const { inviteID } = call.group
      ? await this.#host.inviteInGroup({ groupID: call.group, inviteeList: users, ...common })
      : await this.#host.invite({ userID: users[0], ...common });
    call.invites.set(inviteID, users);
    for (const user of users) call.waiting.add(user);
    return inviteID;
  }

  /** @param {ServiceCall} call @param {string[]} users */
  async #cancel(call, users) {
    for (const [inviteID, asked] of call.invites) {
      if (!asked.some((user) => users.includes(user) && call.waiting.has(user))) continue;
      await this.#host.cancel({ inviteID, data: JSON.stringify(callData(call, this.#host.user)) });
    }
    for (const user of users) call.waiting.delete(user);
    if (call.waiting.size + call.connected.size === 0) this.#calls.delete(call.info.CallId);
    return { CallId: call.info.CallId, CallResult: results(users) };
  }

  /** The others see one leave the room. @param {ServiceCall} call */
  async #hangup(call) {
    this.#calls.delete(call.info.CallId);
    if (call.waiting.size > 0) await this.#cancel(call, [...call.waiting]);
    return { CallId: call.info.CallId };
  }

  /** @param {ServiceCall} call */
  #describe(call) {
    return { CallInfo: call.info, UserList: this.#everybody(call) };
  }

  // ---- what the engine is told ----

  /** @param {ServiceCall} call @param {string} user */
  #accepted(call, user) {
    const { CallId } = call.info;
    const first = call.connected.size === 0;
    this.#came(call, user, Did.ANSWER);
    if (first) this.#notify(call, 'call_handled_notify', { CallInfo: call.info, CallId, ActionType: Did.ANSWER });
  }

  /** @param {ServiceCall} call @param {string} user @param {boolean} busy */
  #rejected(call, user, busy) {
    if (!busy || !call.early) return this.#gone(call, [user], Did.REJECT);
    call.busy.add(user);
    call.waiting.delete(user);
    return undefined;
  }

  /** @param {ServiceCall} call @param {string} user @param {number} did */
  #came(call, user, did) {
    call.waiting.delete(user);
    call.connected.add(user);
    this.#tell(call, [user], did);
  }

  /** @param {ServiceCall} call @param {string[]} users @param {number} did */
  #gone(call, users, did) {
    for (const user of users) {
      call.waiting.delete(user);
      call.connected.delete(user);
    }
    this.#tell(call, users, did);
    if (call.waiting.size + call.connected.size === 0) this.#calls.delete(call.info.CallId);
  }

  /** @param {ServiceCall} call */
  #end(call) {
    this.#calls.delete(call.info.CallId);
    this.#notify(call, 'end_call_notify', { CallInfo: call.info, CallId: call.info.CallId });
  }

  /** @param {ServiceCall} call @param {string[]} users @param {number} did */
  #tell(call, users, did) {
    this.#notify(call, 'call_member_changed_notify', {
      CallInfo: call.info,
      CallId: call.info.CallId,
      OperationUserList: users.map((user) => ({ User_Account: user, ActionType: did })),
      AllUserList: this.#everybody(call),
    });
  }

  /** @param {ServiceCall} call @param {string} command @param {object} data */
  #notify(call, command, data) {
    const text = JSON.stringify({ Head: { Version: VERSION, Command: `${CALL_SERVICE}${command}` }, Data: data });
    if (call.early) call.early.push(text);
    else this.#host.notify(text);
  }

  /** @param {ServiceCall} call */
  #tellEarly(call) {
    const early = call.early ?? [];
    call.early = null;
    for (const text of early) this.#host.notify(text);
    if (call.waiting.size + call.connected.size === 0) this.#calls.delete(call.info.CallId);
  }

  // ---- shapes ----

  /** The engine ends a call that only one user is listed in. @param {ServiceCall} call */
  #everybody({ waiting, connected }) {
    return [this.#host.user, ...connected, ...waiting].map((user) => ({ User_Account: user, Status: 1 }));
  }

  /** @param {string} id @returns {ServiceCall} */
  #find(id) {
    const call = this.#calls.get(id);
    if (!call) throw unknown(id);
    return call;
  }
}

/** @param {any} info @param {string} group @param {string} [userData] @param {number} [timeoutS] @returns {ServiceCall} */
function newCall(info, group, userData = '', timeoutS = 30) {
  return { info, group, userData, timeoutS, invites: new Map(), waiting: new Set(), connected: new Set(), busy: new Set(), early: null };
}

/** @param {string} id */
const unknown = (id) => Object.assign(new Error(`there is no call ${id} of this user`), { code: UNKNOWN_CALL });
