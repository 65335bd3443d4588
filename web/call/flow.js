/**
 * The course of one call at a time: ringing, connected, over. `engine.js` is its public face, `inbox.js` reads what others
 * send. One winner per step: after each wait the call is compared with the one that began it.
 */

import { uuid } from '../core/clock.js';
import { asCarillonError, CarillonError } from '../core/errors.js';
import { CallEvent as E, CancelReason, EndReason, ErrorCode } from './constants.js';
import { forgetRinging, rememberRinging } from './memory.js';
import { Seat } from './seat.js';
import { Action, payload } from './signal.js';
import { newCall, peerOf, roomNames, waitingIn } from './state.js';

/** How much later than an invitee the inviter gives up: the invitee's own notice wins where it is online. */
const INVITER_GRACE_S = 5;
const SWITCH_WITHIN_MS = 35_000;
const SWITCH_TIMEOUT_S = 30;

/** @typedef {import('./state.js').Call} Call */
/** @typedef {import('./state.js').InviteeState} InviteeState */

/**
 * @typedef {object} Host
 * @property {import('../core/gateway.js').GatewayClient} gateway
 * @property {import('../core/devices.js').LocalMedia} local
 * @property {import('../core/playback.js').Playback} playback
 * @property {import('../core/clock.js').Clock} clock
 * @property {boolean} autoOpenDevices
 * @property {any} [RTCPeerConnection]
 * @property {(name: string, payload?: any) => void} emit
 */

export class Flow {
  /** @type {'idle' | 'calling' | 'connected'} */ status = 'idle';
  /** @type {Call | null} */ call = null;
  /** @type {any} */ #tick = null;

  /** @param {Host} host */
  constructor(host) {
    this.host = host;
    this.seat = new Seat(this);
  }

  get me() {
    return this.host.gateway.user;
  }

  // ---- what the user does ----

  /**
   * @param {{users: string[], type: number, groupID?: string, room: import('./state.js').RoomId, timeout: number,
   *   userData: string, offlinePush?: any}} wish
   */
  async ring({ users, type, groupID = '', room, timeout, userData, offlinePush }) {
    this.require('idle');
    const callID = uuid();
    const invitees = new Map(users.map((user) => [user, /** @type {InviteeState} */ ('waiting')]));
    const call = newCall({ callID, room, groupID, role: 'inviter', type, inviter: this.me, userData, timeout, invitees });
    this.begin(call, 'calling');
    await this.#orFail(call, async () => {
      await this.#openDevices(call);
      await this.#enter(call);
      rememberRinging({ user: this.me, callID, room, groupID, type, users });
      await this.#invite(call, callID, users, { initialCallId: groupID ? '' : undefined, offlinePush });
    });
    return { callID, inviteID: callID, ...roomNames(room), groupID };
  }

  /** @param {string[]} users */
  async inviteMore(users) {
    const call = this.require('calling', 'connected');
    if (!call.groupID) throw new CarillonError(ErrorCode.NOT_SUPPORTED, 'only a group call takes more people');
    const present = new Set([...this.seat.users(), ...waitingIn(call), this.me]);
    const userIDList = [...new Set(users)].filter((user) => !present.has(user));
    if (userIDList.length === 0) throw new CarillonError(ErrorCode.BAD_PARAMETER, 'all of them are in the call already');
    // Not every group lets its members add others; who cannot be added does not get the message.
    await this.host.gateway.request('group.invite', { group: call.groupID, users: userIDList }).catch(() => {});
    const inviteID = uuid();
    for (const user of userIDList) call.invitees.set(user, 'waiting');
    const inCall = this.seat.users();
    try {
      await this.#invite(call, inviteID, userIDList, { initialCallId: call.callID, inCall });
    } catch (error) {
      this.forgetInvite(call, inviteID);
      for (const user of userIDList) call.invitees.delete(user);
      throw asCarillonError(error);
    }
    this.host.emit(E.GROUP_CALL_INVITEE_LIST_UPDATE, { userIDList: [...call.invitees.keys()] });
    return { inviteID, userIDList };
  }

  /** @param {{room: import('./state.js').RoomId, groupID: string, type: number, callID?: string, inviter?: string, beganAtMs?: number}} wish */
  async join({ room, groupID, type, callID = uuid(), inviter = '', beganAtMs }) {
    this.require('idle');
    const role = inviter === this.me ? 'inviter' : 'invitee';
    const call = newCall({ callID, room, groupID, role, type, inviter });
    this.begin(call, 'calling');
    await this.#orFail(call, async () => {
      await this.#openDevices(call);
      await this.#enter(call);
      if (!groupID) for (const user of this.seat.users()) if (user !== inviter) call.invitees.set(user, 'accepted');
      this.connect(call, beganAtMs);
    });
    return call;
  }

  async accept() {
    const call = this.require('calling');
    const [inviteID, invite] = this.#ownInvite(call);
    if (call.accepting) throw new CarillonError(ErrorCode.REPEATED, 'already accepting');
    call.accepting = true;
    try {
      await this.#openDevices(call);
    } finally {
      call.accepting = false;
    }
    call.accepting = true;
    this.host.clock.clearTimeout(invite.timer);
    await this.#orFail(call, async () => {
      await this.#enter(call);
      await this.answer(call, inviteID, invite.inviter, Action.ACCEPT, [this.me], { hidden: true });
      this.#alive(call);
      call.invitees.set(this.me, 'accepted');
      invite.open.delete(this.me);
      this.connect(call);
      for (const user of this.seat.users()) if (user !== call.inviter) call.invitees.set(user, 'accepted');
    });
  }

  async reject() {
    const call = this.require('calling');
    const [inviteID, invite] = this.#ownInvite(call);
    const sent = this.answer(call, inviteID, invite.inviter, Action.REJECT, [this.me]);
    this.cancel(call, CancelReason.REJECTED, this.me);
    await sent;
  }

  async hangup() {
    const call = this.require('calling', 'connected');
    if (this.status === 'calling' && call.role === 'invitee' && call.invites.size > 0) return this.reject();
    const sent = this.#notices(call);
    if (this.status === 'calling') await this.cancel(call, CancelReason.CANCELED, this.me);
    else await this.end(call, EndReason.HANGUP, this.me);
    await sent;
  }

  async switchToAudio() {
    const call = this.require('calling', 'connected');
    if (call.groupID) throw new CarillonError(ErrorCode.NOT_SUPPORTED, 'a group call keeps its kind');
    if (call.type === 1) return;
    if (call.switching) throw new CarillonError(ErrorCode.REPEATED, 'already asked');
    const inviteID = uuid();
    const inviteeList = [peerOf(call, this.me)];
    const agreed = new Promise((resolve, reject) => {
      const late = new CarillonError(ErrorCode.TIMED_OUT, 'the other side did not agree in time');
      const timer = this.host.clock.setTimeout(() => call.switching?.done(late), SWITCH_WITHIN_MS);
      const done = (/** @type {Error} */ error) => {
        this.host.clock.clearTimeout(timer);
        call.switching = null;
        if (error) reject(error);
        else resolve(undefined);
      };
      call.switching = { inviteID, done: /** @type {any} */ (done) };
    });
    const outer = { inviteID, inviter: this.me, action: Action.INVITE, inviteeList, timeout: SWITCH_TIMEOUT_S, groupID: '' };
    this.send(call, outer, { cmd: 'switchToAudio', room: call.room }).catch((error) => call.switching?.done(error));
    await agreed;
    this.becomeAudio(call);
  }

  // ---- steps that inbox and seat take too ----

  /** @param {Call} call @param {'calling' | 'connected'} status */
  begin(call, status) {
    this.call = call;
    this.setStatus(status);
  }

  /** @param {Call} call @param {number} [beganAtMs] */
  connect(call, beganAtMs) {
    if (this.call !== call || this.status === 'connected') return;
    call.beganAtMs = beganAtMs || this.host.clock.now();
    this.setStatus('connected');
    forgetRinging();
    this.seat.publish();
    this.#tickOn(call);
    this.host.emit(E.ON_CALL_BEGIN, { callID: call.callID, ...roomNames(call.room), callMediaType: call.type, callRole: call.role, groupID: call.groupID });
  }

  /** The call ends before it connected. @param {Call} call @param {string} reason @param {string} userID */
  async cancel(call, reason, userID) {
    if (this.call !== call) return;
    const left = this.#clear(call);
    const facts = { userID, callID: call.callID, reason, inviteID: call.callID, invitee: userID };
    this.host.emit(E.CALLING_CANCEL, facts);
    this.host.emit(E.ON_CALL_CANCELED, facts);
    await left;
  }

  /** The connected call ends. @param {Call} call @param {string} reason @param {string} userID */
  async end(call, reason, userID) {
    if (this.call !== call) return;
    const totalTime = Math.max(0, Math.floor((this.host.clock.now() - call.beganAtMs) / 1000));
    const left = this.#clear(call);
    const facts = { callID: call.callID, ...roomNames(call.room), callMediaType: call.type, callRole: call.role };
    this.host.emit(E.CALL_END, { ...facts, totalTime, callEnd: totalTime, userID, reason });
    await left;
  }

  /** Takes back an invitation that the page sent before it was loaded again. @param {import('./memory.js').Ringing} ringing */
  takeBack({ callID, room, groupID, type, users }) {
    this.answer({ groupID, type, inviter: this.me }, callID, this.me, Action.CANCEL, users).catch((error) => this.fault(error));
    this.host.gateway.request('room.leave', { room }).catch(() => {
      // The seat goes with its grace time.
    });
  }

  /** Either of the two, as the status says. @param {Call} call @param {string} reason of CALL_END @param {string} canceled @param {string} userID */
  stop(call, reason, canceled, userID) {
    return this.status === 'connected' ? this.end(call, reason, userID) : this.cancel(call, canceled, userID);
  }

  /** The peer of a call of two is gone: writes the notice that chat histories show. @param {Call} call @param {string} reason @param {string} userID */
  peerGone(call, reason, userID) {
    this.#sendQuietly(call, this.#hangupOuter(call, [userID]), { cmd: 'hangup', seconds: this.seconds(call) });
    return this.end(call, reason, userID);
  }

  /** @param {Call} call @param {Iterable<string>} users @param {InviteeState} state */
  settle(call, users, state) {
    for (const user of users) {
      if (call.invitees.get(user) === 'waiting' || state === 'left') call.invitees.set(user, state);
      for (const invite of call.invites.values()) {
        if (invite.open.delete(user) && invite.open.size === 0) this.host.clock.clearTimeout(invite.timer);
      }
    }
  }

  /** Ends the call where nobody is left to wait for. @param {Call} call @param {string} reason @param {string} userID */
  endIfAlone(call, reason, userID) {
    if (this.call !== call || waitingIn(call).length > 0) return;
    const accepted = [...call.invitees].some(([user, state]) => state === 'accepted' && user !== this.me);
    if (this.status === 'calling') {
      if (call.role === 'inviter' && !accepted) this.cancel(call, reason, userID);
    } else if (this.seat.users().length === 0 && !(call.groupID === '' && accepted)) {
      this.end(call, EndReason.REMOTE_HANGUP, userID);
    }
  }

  /** @param {Call} call @param {string} inviteID @param {string} inviter @param {string[]} users @param {number} ms */
  hold(call, inviteID, inviter, users, ms) {
    const timer = this.host.clock.setTimeout(() => this.#expired(call, inviteID), ms);
    call.invites.set(inviteID, { inviter, open: new Set(users), timer });
  }

  /** @param {Call} call @param {string} inviteID */
  forgetInvite(call, inviteID) {
    this.host.clock.clearTimeout(call.invites.get(inviteID)?.timer);
    call.invites.delete(inviteID);
  }

  /** @param {Call} call */
  becomeAudio(call) {
    if (this.call !== call || call.type === 1) return;
    call.type = 1;
    this.host.local.mute('camera');
    this.host.emit(E.CALL_TYPE_CHANGED, { oldCallType: 2, newCallType: 1 });
  }

  /**
   * @param {{groupID: string, type: number, inviter: string}} call
   * @param {string} inviteID
   * @param {string} inviter
   * @param {number} action
   * @param {string[]} users
   * @param {Partial<import('./signal.js').Inner>} [inner]
   */
  answer(call, inviteID, inviter, action, users, inner = {}) {
    const outer = { inviteID, inviter, action, inviteeList: users, groupID: call.groupID };
    return this.send(call, outer, inner);
  }

  /**
   * @param {{groupID: string, type: number, inviter: string}} call
   * @param {import('./signal.js').Outer} outer
   * @param {Partial<import('./signal.js').Inner>} inner
   * @param {any} [offlinePush]
   */
  async send(call, outer, inner, offlinePush) {
    const user = outer.inviter === this.me ? outer.inviteeList[0] : outer.inviter;
    const to = outer.groupID ? { group: outer.groupID } : { user };
    const options = { ...(inner.hidden && { excludeFromHistory: true }), ...(offlinePush && { offlinePush }) };
    const body = { to, kind: 'custom', payload: payload(outer, { type: call.type, caller: call.inviter, ...inner }), clientId: uuid(), options };
    const { message } = await this.host.gateway.request('message.send', body);
    this.host.emit(E.MESSAGE_SENT_BY_ME, message);
  }

  /** @param {Call} call */
  seconds(call) {
    return call.beganAtMs ? Math.floor((this.host.clock.now() - call.beganAtMs) / 1000) : 0;
  }

  /** @param {('idle' | 'calling' | 'connected')[]} allowed @returns {any} the call */
  require(...allowed) {
    if (!this.me) throw new CarillonError(ErrorCode.NOT_INITIALISED, 'not signed in');
    if (allowed.includes(this.status)) return this.call;
    throw new CarillonError(ErrorCode.WRONG_STATE, `not while ${this.status}`);
  }

  /** @param {'idle' | 'calling' | 'connected'} status */
  setStatus(status) {
    const previous = this.status;
    if (previous === status) return;
    this.status = status;
    this.host.emit(E.STATUS_CHANGED, { status, previous });
  }

  // ---- helpers ----

  /** @param {Call} call */
  async #openDevices(call) {
    if (!this.host.autoOpenDevices) return;
    const { local } = this.host;
    await local.open('microphone');
    // Without a camera one can still talk.
    if (call.type === 2) await local.open('camera').catch((error) => this.fault(error));
    this.#alive(call);
  }

  /** @param {Call} call */
  async #enter(call) {
    await this.seat.enter(call);
    this.#alive(call);
  }

  /** @param {Call} call @param {string} inviteID @param {string[]} users @param {{initialCallId?: string, inCall?: string[], offlinePush?: any}} more */
  async #invite(call, inviteID, users, { initialCallId, inCall, offlinePush }) {
    this.hold(call, inviteID, this.me, users, (call.timeout + INVITER_GRACE_S) * 1000);
    const outer = { inviteID, inviter: this.me, action: Action.INVITE, inviteeList: users, timeout: call.timeout, groupID: call.groupID };
    const forTwo = call.groupID === '';
    const inner = { room: call.room, userData: call.userData, initialCallId, inCall, ...(forTwo && { userIDs: users, hidden: true }) };
    await this.send(call, outer, inner, offlinePush);
    this.#alive(call, true);
  }

  /** @param {Call} call @param {boolean} [answered] an early answer may have ended it by its own event */
  #alive(call, answered = false) {
    if (this.call === call || answered) return;
    throw Object.assign(new CarillonError(ErrorCode.WRONG_STATE, 'the call is over'), { name: 'AbortError' });
  }

  /** @param {Call} call @param {() => Promise<void>} steps */
  async #orFail(call, steps) {
    try {
      await steps();
    } catch (error) {
      call.accepting = false;
      await this.stop(call, EndReason.FAILED, CancelReason.FAILED, this.me);
      throw asCarillonError(error);
    }
  }

  /** @param {Call} call @returns {[string, import('./state.js').Invite]} */
  #ownInvite(call) {
    const found = [...call.invites].find(([, { open }]) => open.has(this.me));
    if (call.role === 'invitee' && found) return found;
    throw new CarillonError(ErrorCode.WRONG_STATE, 'nobody is calling');
  }

  /** What the others must be told when oneself hangs up. @param {Call} call */
  async #notices(call) {
    const sending = [];
    for (const [inviteID, { inviter, open }] of call.invites) {
      if (inviter !== this.me || open.size === 0) continue;
      if (call.groupID && this.status === 'connected' && this.seat.users().length > 0) continue;
      sending.push(this.answer(call, inviteID, inviter, Action.CANCEL, [...open]));
    }
    if (call.groupID && this.status === 'connected') {
      sending.push(this.send(call, this.#hangupOuter(call, this.seat.users()), { cmd: 'hangup', seconds: this.seconds(call) }));
    }
    for (const error of await Promise.allSettled(sending)) if (error.status === 'rejected') this.fault(error.reason);
  }

  /** @param {Call} call @param {string[]} inviteeList */
  #hangupOuter(call, inviteeList) {
    return { inviteID: uuid(), inviter: this.me, action: Action.INVITE, inviteeList, timeout: 0, groupID: call.groupID };
  }

  /** @param {Call} call @param {import('./signal.js').Outer} outer @param {Partial<import('./signal.js').Inner>} inner */
  #sendQuietly(call, outer, inner) {
    this.send(call, outer, inner).catch((error) => this.fault(error));
  }

  /** Nobody decided in time. @param {Call} call @param {string} inviteID */
  #expired(call, inviteID) {
    const invite = call.invites.get(inviteID);
    if (this.call !== call || !invite || invite.open.size === 0) return;
    const users = [...invite.open];
    const mine = invite.inviter === this.me;
    if (mine || users.includes(this.me)) {
      const list = mine ? users : [this.me];
      this.answer(call, inviteID, invite.inviter, Action.TIMEOUT, list).catch((error) => this.fault(error));
    }
    this.noResponse(call, users);
  }

  /** @param {Call} call @param {string[]} users */
  noResponse(call, users) {
    this.host.emit(E.NO_RESP, { sponsor: call.inviter, userIDList: users, timeoutUserList: users, groupID: call.groupID });
    if (call.role === 'inviter') this.host.emit(E.CALLING_TIMEOUT, { userIDList: users });
    if (this.call !== call) return;
    this.settle(call, users, 'noResponse');
    if (this.status === 'calling' && call.role === 'invitee' && users.includes(this.me)) this.cancel(call, CancelReason.NO_RESPONSE, this.me);
    else this.endIfAlone(call, CancelReason.NO_RESPONSE, users[0]);
  }

  /** @param {unknown} error */
  fault(error) {
    const { code, message } = asCarillonError(error);
    this.host.emit(E.ERROR, { code, msg: message, message });
  }

  /** @param {Call} call */
  #clear(call) {
    for (const inviteID of [...call.invites.keys()]) this.forgetInvite(call, inviteID);
    call.switching?.done(new CarillonError(ErrorCode.WRONG_STATE, 'the call is over'));
    this.host.clock.clearTimeout(this.#tick);
    this.call = null;
    forgetRinging();
    const left = this.seat.leave();
    this.host.local.closeAll();
    this.host.playback.clear();
    this.setStatus('idle');
    return left;
  }

  /** @param {Call} call */
  #tickOn(call) {
    this.host.clock.clearTimeout(this.#tick);
    this.#tick = this.host.clock.setTimeout(() => {
      if (this.call !== call) return;
      this.host.emit(E.CALL_TIME, { seconds: this.seconds(call) });
      this.#tickOn(call);
    }, 1000);
  }
}
