/** What others send about calls, and what the server tells of them: the steps of the call that follow. */

import { CallEvent as E, CancelReason, EndReason } from './constants.js';
import { Action, parse } from './signal.js';
import { newCall, roomNames } from './state.js';

/** Messages of this many last invitations are known, so that none rings twice. */
const MAX_KNOWN = 256;
/** Others' invitations are given up here a little after the inviter should have said so. */
const ONLOOKER_GRACE_S = 8;
/** The server may tell the end of a call before the message that says why. */
const SERVER_END_PATIENCE_MS = 2_000;

/** @typedef {import('./signal.js').Signal} Signal */
/** @typedef {import('./state.js').Call} Call */

export class Inbox {
  /** @type {Set<string>} */ #known = new Set();
  #flow;

  /** @param {import('./flow.js').Flow} flow */
  constructor(flow) {
    this.#flow = flow;
  }

  /** @param {import('../core/protocol.js').Message} message */
  receive(message) {
    const signal = parse(message);
    if (!signal) {
      this.#flow.host.emit(E.MESSAGE_RECEIVED, message);
      return;
    }
    if (signal.from === this.#flow.me) this.#echo(signal);
    else if (signal.kind === 'invite') this.#invite(signal);
    else if (signal.kind === 'hangup') this.#hangup(signal);
    else if (signal.kind === 'switch') this.#switch(signal);
    else this.#answer(signal);
  }

  /** A new session: what was missed, from the server's own view. @param {import('../core/protocol.js').Snapshot} snapshot */
  catchUp(snapshot) {
    const flow = this.#flow;
    const open = snapshot.openInvitations ?? [];
    const call = flow.call;
    if (call && flow.status === 'calling' && !call.accepting) this.#recheck(call, snapshot, open);
    for (const message of open) this.receive(message);
  }

  /** @param {import('../core/protocol.js').CallState} state */
  serverSays(state) {
    const flow = this.#flow;
    const { call } = flow;
    if (!call || state.state !== 'ended' || !(state.call === call.callID || state.room === call.room)) return;
    flow.host.clock.setTimeout(() => {
      if (flow.call === call) flow.stop(call, EndReason.ENDED_BY_SERVER, CancelReason.ENDED_BY_SERVER, '');
    }, SERVER_END_PATIENCE_MS);
  }

  /** @param {Call} call @param {import('../core/protocol.js').Snapshot} snapshot @param {import('../core/protocol.js').Message[]} open */
  #recheck(call, snapshot, open) {
    const flow = this.#flow;
    const state = snapshot.calls?.find(({ call: id, room }) => id === call.callID || room === call.room);
    if (call.role === 'invitee') {
      const stillOpen = open.some((message) => call.invites.has(parse(message)?.inviteID ?? ''));
      if (!stillOpen && !state?.waiting.includes(flow.me)) flow.cancel(call, CancelReason.CANCELED, call.inviter);
      return;
    }
    if (call.invites.size === 0) return;
    for (const user of state?.connected ?? []) if (user !== flow.me) flow.settle(call, [user], 'accepted');
    if (state?.state === 'connected') flow.connect(call);
    else if (!state && open.length === 0) flow.cancel(call, CancelReason.ENDED_BY_SERVER, '');
  }

  /** @param {Signal} signal */
  #invite(signal) {
    const flow = this.#flow;
    if (signal.room === null || signal.consumed || !this.#isNew(signal.inviteID)) return;
    const elapsed = Math.max(0, flow.host.gateway.serverNow() - signal.timeMs);
    const leftMs = (signal.timeout || 30) * 1000 - elapsed;
    const { call } = flow;
    const sameRoom = call !== null && call.room === signal.room;
    if (signal.groupID && !signal.inviteeList.includes(flow.me)) {
      if (sameRoom && call.groupID === signal.groupID) this.#addInvitees(call, signal, leftMs);
      return;
    }
    if (leftMs <= 0) return;
    if (call) {
      if (!sameRoom) this.#busy(call, signal);
      return;
    }
    this.#ring(signal, leftMs);
  }

  /** @param {Signal} signal @param {number} leftMs */
  #ring(signal, leftMs) {
    const flow = this.#flow;
    const { inviteID, inviter, groupID, type, userData, inviteeList } = signal;
    const invited = signal.groupID ? inviteeList : [flow.me];
    const invitees = new Map();
    for (const user of invited) invitees.set(user, 'waiting');
    for (const user of signal.inCall) if (user !== inviter) invitees.set(user, 'accepted');
    const callID = signal.initialCallId || inviteID;
    const room = /** @type {import('./state.js').RoomId} */ (signal.room);
    const call = newCall({ callID, room, groupID, role: 'invitee', type, inviter, userData, invitees });
    flow.hold(call, inviteID, inviter, invited, leftMs);
    flow.begin(call, 'calling');
    this.#tellRing(signal, call, invited);
  }

  /** @param {Signal} signal @param {Call} call @param {string[]} invited */
  #tellRing(signal, call, invited) {
    const userIDList = [...new Set([...invited, ...signal.inCall])];
    const facts = {
      callerId: call.inviter, sponsor: call.inviter, callID: call.callID, inviteID: signal.inviteID, calleeIdList: invited, userIDList,
      groupID: call.groupID, isFromGroup: call.groupID !== '', callMediaType: call.type, ...roomNames(call.room),
      callRole: call.role, userData: call.userData, inviteData: signal.inviteData,
    };
    this.#flow.host.emit(E.INVITED, facts);
    this.#flow.host.emit(E.ON_CALL_RECEIVED, facts);
  }

  /** @param {Call} call @param {Signal} signal */
  #busy(call, { inviteID, inviter, groupID, type }) {
    const answered = { groupID, type, inviter: call.inviter };
    this.#flow.answer(answered, inviteID, inviter, Action.REJECT, [this.#flow.me], { busy: true }).catch((error) => this.#flow.fault(error));
  }

  /** Somebody in this call asked more people. @param {Call} call @param {Signal} signal @param {number} leftMs */
  #addInvitees(call, signal, leftMs) {
    const users = signal.inviteeList.filter((user) => call.invitees.get(user) !== 'accepted');
    for (const user of users) call.invitees.set(user, 'waiting');
    this.#flow.hold(call, signal.inviteID, signal.inviter, users, Math.max(0, leftMs) + ONLOOKER_GRACE_S * 1000);
    this.#flow.host.emit(E.GROUP_CALL_INVITEE_LIST_UPDATE, { userIDList: [...call.invitees.keys()] });
  }

  /** @param {Signal} signal */
  #hangup(signal) {
    const flow = this.#flow;
    const { call } = flow;
    if (!call || call.groupID !== signal.groupID) return;
    const known = signal.from === call.inviter || call.invitees.has(signal.from);
    if (!known || flow.status !== 'connected') return;
    flow.settle(call, [signal.from], 'left');
    // A group's room says who is left; a late notice of an earlier call of two must not end this one.
    const inRoom = flow.seat.users().includes(signal.from);
    if (!call.groupID && inRoom && call.beganAtMs < signal.timeMs - 1000) flow.end(call, EndReason.REMOTE_HANGUP, signal.from);
  }

  /** @param {Signal} signal */
  #switch(signal) {
    const flow = this.#flow;
    const { call } = flow;
    if (!call || call.groupID) return;
    // Anybody of the app can write one; only the other side of this call may ask for it.
    const known = signal.from === call.inviter || call.invitees.has(signal.from) || flow.seat.users().includes(signal.from);
    if (!known) return;
    if (signal.action === Action.INVITE) {
      if (signal.room !== null && signal.room !== call.room) return;
      flow.answer(call, signal.inviteID, signal.inviter, Action.ACCEPT, [flow.me], { cmd: 'switchToAudio' }).catch((error) => flow.fault(error));
      flow.becomeAudio(call);
    } else this.#switchAnswered(call, signal);
  }

  /** @param {Call} call @param {Signal} signal */
  #switchAnswered(call, signal) {
    if (call.switching?.inviteID !== signal.inviteID) return;
    if (signal.action === Action.ACCEPT) call.switching.done();
    else call.switching.done(new Error('the other side did not agree'));
  }

  /** @param {Signal} signal */
  #answer(signal) {
    const flow = this.#flow;
    const { call } = flow;
    if (call?.switching?.inviteID === signal.inviteID) return this.#switchAnswered(call, signal);
    const invite = call?.invites.get(signal.inviteID);
    if (!call || !invite) {
      // A cancelled invitation that has not been seen yet must not ring when it comes.
      if (signal.action === Action.CANCEL) this.#isNew(signal.inviteID);
      return;
    }
    switch (signal.action) {
      case Action.ACCEPT:
        return this.#accepted(call, signal);
      case Action.REJECT:
        return this.#rejected(call, signal);
      case Action.CANCEL:
        return this.#canceled(call, signal, invite);
      case Action.TIMEOUT:
        return this.#timedOut(call, signal, invite);
      default:
        return undefined;
    }
  }

  // Everybody answers for oneself: what the message says of others is not believed, nor is one who was not invited.

  /** @param {Call} call @param {Signal} signal */
  #accepted(call, { from }) {
    const flow = this.#flow;
    if (!call.invitees.has(from)) return;
    flow.settle(call, [from], 'accepted');
    flow.host.emit(E.USER_ACCEPT, { userID: from });
    if (call.role === 'inviter') flow.connect(call);
  }

  /** @param {Call} call @param {Signal} signal */
  #rejected(call, { from, busy, inviteID }) {
    const flow = this.#flow;
    if (!call.invitees.has(from)) return;
    flow.settle(call, [from], busy ? 'busy' : 'rejected');
    flow.host.emit(busy ? E.LINE_BUSY : E.REJECT, { userID: from, invitee: from, inviteID, reason: busy ? 'line busy' : 'reject' });
    flow.endIfAlone(call, busy ? CancelReason.LINE_BUSY : CancelReason.REJECTED, from);
  }

  /** @param {Call} call @param {Signal} signal @param {import('./state.js').Invite} invite */
  #canceled(call, signal, invite) {
    const flow = this.#flow;
    // Only who made an invitation takes it back.
    if (signal.from !== invite.inviter) return;
    const mine = !call.groupID || signal.inviteeList.length === 0 || signal.inviteeList.includes(flow.me);
    if (call.role === 'invitee' && mine && (flow.status === 'calling' || !call.groupID)) {
      flow.stop(call, EndReason.REMOTE_HANGUP, CancelReason.CANCELED, signal.from);
      return;
    }
    flow.settle(call, signal.inviteeList, 'noResponse');
    flow.endIfAlone(call, CancelReason.CANCELED, signal.from);
  }

  /** @param {Call} call @param {Signal} signal @param {import('./state.js').Invite} invite */
  #timedOut(call, signal, invite) {
    // Its maker says so of all, anybody else of oneself.
    const named = signal.from === invite.inviter ? signal.inviteeList : [signal.from];
    const users = named.filter((user) => invite.open.has(user));
    if (users.length > 0) this.#flow.noResponse(call, users);
  }

  /** What another device of the same user answered. @param {Signal} signal */
  #echo(signal) {
    const flow = this.#flow;
    const { call } = flow;
    if (signal.kind !== 'answer') return;
    this.#isNew(signal.inviteID);
    if (!call || flow.status !== 'calling' || call.role !== 'invitee' || !call.invites.has(signal.inviteID)) return;
    if (signal.action === Action.ACCEPT) flow.cancel(call, CancelReason.ACCEPTED_ELSEWHERE, flow.me);
    else if (signal.action === Action.REJECT) flow.cancel(call, CancelReason.REJECTED_ELSEWHERE, flow.me);
    else if (signal.action === Action.TIMEOUT) flow.cancel(call, CancelReason.NO_RESPONSE, flow.me);
  }

  /** @param {string} inviteID */
  #isNew(inviteID) {
    if (this.#known.has(inviteID)) return false;
    this.#known.add(inviteID);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(/** @type {string} */ (this.#known.values().next().value));
    return true;
  }
}
