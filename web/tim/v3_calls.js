/**
 * The call service that the newest call engines ask (`calls()` and `join()` of the kits 4.x) instead of signalling: their
 * requests as the gateway's verbs, and what the server tells of a call in the service's own form. The server makes these
 * calls, and writes the invitations by which the older engines ring.
 */

import { systemClock, uuid } from '../core/clock.js';
import { answer, changesBetween, Did, didOf, infoOf, members, results, ringOf, roomOf, Said } from './v3_call_forms.js';

export const CALL_SERVICE = 'call_engine_srv.';
const VERSION = 2;
const UNKNOWN_COMMAND = 60004;
const UNKNOWN_CALL = 10010;
/** Calls that are kept: one runs, and those before it may still be told of. */
const MAX_CALLS = 8;

/**
 * @typedef {import('../core/protocol.js').CallState} CallState
 * @typedef {{user: string, change: string}} Change
 *
 * @typedef {object} Host what is needed of the chat
 * @property {string} user
 * @property {(verb: string, body: object) => Promise<any>} request
 * @property {(users: string[]) => Promise<string>} makeGroup
 * @property {(text: string) => void} notify to the engine
 * @property {import('../core/clock.js').Clock} [clock]
 *
 * @typedef {object} ServiceCall
 * @property {any} info the service's CallInfo
 * @property {object} ring how its invitations are made
 * @property {CallState} state as told last
 * @property {boolean} fresh what came of the start is in its answer, and not told again
 * @property {boolean} handled somebody answered
 */

export class CallService {
  #host;
  #clock;
  /** @type {Map<string, ServiceCall>} those one started or joined, by id */ #calls = new Map();

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

  /** @param {string} event @param {any} body */
  told(event, body) {
    if (event === 'call.members') this.#changed(body);
    else if (event === 'call.changed' && body.state === 'ended') this.#ended(body.call);
  }

  /** A new session, after one in which things may have been told in vain. @param {CallState[]} states of one's calls */
  began(states) {
    for (const [id, call] of [...this.#calls]) {
      const state = states.find((one) => one.call === id);
      if (state) this.#tell(call, state, changesBetween(call.state, state));
      else this.#ended(id);
    }
  }

  /** The session is over. */
  clear() {
    this.#calls.clear();
  }

  // ---- commands ----

  /** @param {string} command @param {any} body @returns {Promise<object>} */
  async #run(command, body) {
    const { CallId, CalleeList_Account: users = [] } = body ?? {};
    switch (command) {
      case 'get_invitation':
      case 'clean_previous_device_call':
        // Invitations come by signalling, and the server ends what nobody is in any more.
        return {};
      case 'start_call':
        return this.#start(body);
      case 'invite_user':
        return this.#invite(CallId, users, body);
      case 'cancel_invite':
        this.#keep(CallId, await this.#host.request('call.cancel', { call: CallId, users }));
        return { CallId, CallResult: results(users) };
      case 'handle_call':
        return this.#say(CallId, Said[body.ActionType] ?? 'reject');
      case 'hangup':
        this.#calls.delete(CallId);
        await this.#host.request('call.hangUp', { call: CallId });
        return { CallId };
      case 'join_in_call':
        return this.#join(CallId);
      case 'get_call_info':
        return this.#describe((await this.#host.request('call.beat', { call: CallId })).call);
      case 'heart_beat':
        if (CallId) await this.#host.request('call.beat', { call: CallId });
        return {};
      default:
        throw Object.assign(new Error(`${command} is not answered here`), { code: UNKNOWN_COMMAND });
    }
  }

  /** @param {any} body */
  async #start(body) {
    const { CallInfo, CalleeList_Account: users } = body;
    const group = CallInfo.GroupId || (users.length > 1 ? await this.#host.makeGroup(users) : null);
    const ring = ringOf(body);
    const asked = await this.#host.request('call.start', {
      call: CallInfo.CallId || uuid(), users, group, room: roomOf(CallInfo), media: CallInfo.CallMediaType === 1 ? 'audio' : 'video', ...ring,
    });
    const CallId = asked.call.call;
    this.#add({ info: { ...CallInfo, CallId }, ring, state: asked.call, fresh: true, handled: false });
    return { CallId, CallResult: results(users, asked.users) };
  }

  /** @param {string} call @param {string[]} users @param {any} body */
  async #invite(call, users, body) {
    const ring = { ...this.#calls.get(call)?.ring, ...ringOf(body) };
    const asked = await this.#host.request('call.invite', { call, invite: uuid(), users, ...ring });
    return { CallId: call, CallResult: results(users, asked.users) };
  }

  /** @param {string} call @param {string} word */
  async #say(call, word) {
    const { call: state } = await this.#host.request('call.answer', { call, answer: word });
    if (word === 'accept') this.#add({ info: infoOf(state), ring: {}, state, fresh: false, handled: true });
    return { CallId: call, CallInfo: infoOf(state) };
  }

  /** A call that goes on. @param {string} id */
  async #join(id) {
    const { call: state } = await this.#host.request('call.join', { call: id });
    this.#add({ info: infoOf(state), ring: {}, state, fresh: false, handled: true });
    return this.#describe(state);
  }

  /** @param {ServiceCall} call */
  #add(call) {
    if (call.state.state === 'ended') return;
    this.#calls.set(call.info.CallId, call);
    if (this.#calls.size > MAX_CALLS) this.#calls.delete(/** @type {string} */ (this.#calls.keys().next().value));
  }

  /** What the engine did itself is not told to it. @param {string} id @param {{call: CallState}} reply */
  #keep(id, { call: state }) {
    const call = this.#calls.get(id);
    if (call && state.state !== 'ended') call.state = state;
    else this.#calls.delete(id);
  }

  /** @param {CallState} state */
  #describe(state) {
    return { CallInfo: this.#calls.get(state.call)?.info ?? infoOf(state), UserList: members(state, this.#host.user) };
  }

  // ---- what the engine is told ----

  /** @param {{call: CallState, changes: Change[]}} told */
  #changed({ call: state, changes }) {
    const call = this.#calls.get(state.call);
    if (!call) return;
    if (call.fresh) call.fresh = false;
    else this.#tell(call, state, changes);
  }

  /** @param {ServiceCall} call @param {CallState} state @param {Change[]} changes */
  #tell(call, state, changes) {
    const { user: me } = this.#host;
    const { CallId } = call.info;
    const others = changes.filter(({ user }) => user !== me);
    const left = [...call.state.waiting, ...call.state.connected].filter((user) => user !== me && !others.some((one) => one.user === user));
    call.state = state;
    if (others.length === 0) return;
    this.#notify('call_member_changed_notify', {
      CallInfo: call.info,
      CallId,
      OperationUserList: others.map(({ user, change }) => ({ User_Account: user, ActionType: didOf(change) })),
      AllUserList: members(state, me),
    });
    const answered = others.some(({ change }) => change === 'answer');
    if (answered && !call.handled) this.#notify('call_handled_notify', { CallInfo: call.info, CallId, ActionType: Did.ANSWER });
    call.handled ||= answered;
    // The engine ends a call by itself in which it knows nobody else any more.
    if (state.state === 'ended' && left.length === 0) this.#calls.delete(CallId);
  }

  /** @param {string} id */
  #ended(id) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    this.#notify('end_call_notify', { CallInfo: call.info, CallId: id });
  }

  /** After the answer to what the engine asked: before it, it knows no call. @param {string} command @param {object} data */
  #notify(command, data) {
    const text = JSON.stringify({ Head: { Version: VERSION, Command: `${CALL_SERVICE}${command}` }, Data: data });
    this.#clock.setTimeout(() => this.#host.notify(text), 0);
  }
}
