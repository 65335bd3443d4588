/** The signalling that version 3 of the library has inside: invitations as messages, their answers and their time. */

import { uuid } from '../core/clock.js';
import { EVENT, TYPES } from './constants.js';
import { asChatError, badParameter, ChatError } from './errors.js';
import { Groups } from './groups.js';
import { needOptions } from './options.js';
import { Invites } from './v3_invites.js';
import { isHidden, readSignal, signalOf, TSignaling } from './v3_signal.js';

/** The invitation is unknown here, or it is answered already. */
const BAD_INVITE = 8010;
/** It is not this user's to answer or to take back. */
const NO_RIGHT = 8011;
/** An invitation without a timer is replayed at sign-in when it is younger than this. */
const REPLAY_MAX_S = 30;

const { ACTION_TYPE_INVITE: INVITE, ACTION_TYPE_CANCEL_INVITE: CANCEL, ACTION_TYPE_ACCEPT_INVITE: ACCEPT,
  ACTION_TYPE_REJECT_INVITE: REJECT, ACTION_TYPE_INVITE_TIMEOUT: TIMEOUT } = TSignaling;

/**
 * @typedef {import('./v3_signal.js').Signal} Signal
 * @typedef {import('./message.js').ChatMessage} ChatMessage
 * @typedef {{data?: string, timeout?: number, onlineUserOnly?: boolean, offlinePushInfo?: object}} InviteOptions
 * @typedef {{inviteID: string, data?: string}} AnswerOptions
 */

export class Signalling extends Groups {
  #invites;

  /** @param {import('./session.js').ChatOptions} options */
  constructor(options) {
    super(options);
    this.#invites = new Invites((inviteID) => this.#timedOut(inviteID), options.clock);
  }

  /** @param {string} name @param {(event: any) => void} fn @param {any} [context] */
  addSignalingListener(name, fn, context) {
    this.on(name, fn, context);
  }

  /** @param {string} name @param {(event: any) => void} [fn] */
  removeSignalingListener(name, fn) {
    this.off(name, fn);
  }

  /** @param {InviteOptions & {userID: string}} options `timeout` in seconds */
  async invite({ userID, ...options }) {
    if (typeof userID !== 'string' || userID === '') throw badParameter('invite: `userID` names whom to invite');
    return this.#invite({ inviteeList: [userID], groupID: '', ...options });
  }

  /** @param {InviteOptions & {groupID: string, inviteeList: string[]}} options */
  async inviteInGroup({ groupID, inviteeList, ...options }) {
    if (typeof groupID !== 'string' || groupID === '') throw badParameter('inviteInGroup: `groupID` names the group');
    if (!Array.isArray(inviteeList)) throw badParameter('inviteInGroup: `inviteeList` names whom to invite');
    return this.#invite({ inviteeList, groupID, ...options });
  }

  /** @param {any} options @param {(result: {inviteID: string}) => void} [done] @param {(code: number, message: string) => void} [failed] */
  inviteSync(options, done, failed) {
    return settle(this.invite(options), done, failed);
  }

  /** @param {any} options @param {(result: {inviteID: string}) => void} [done] @param {(code: number, message: string) => void} [failed] */
  inviteInGroupSync(options, done, failed) {
    return settle(this.inviteInGroup(options), done, failed);
  }

  /** @param {AnswerOptions} options */
  async accept(options) {
    return this.#answer(ACCEPT, options);
  }

  /** @param {AnswerOptions} options */
  async reject(options) {
    return this.#answer(REJECT, options);
  }

  /** Takes one's own invitation back from all who have not answered. @param {AnswerOptions} options */
  async cancel({ inviteID, data = '' }) {
    const invite = this.#open(inviteID);
    if (invite.signal.inviter !== this.user) throw new ChatError(NO_RIGHT, 'only who invited cancels');
    const message = await this.#reply(invite, CANCEL, invite.signal.inviteeList, data);
    this.#invites.remove(inviteID);
    return { code: 0, data: { message }, inviteID };
  }

  /** Writes other data into the invitation's message. @param {{inviteID: string, data: string}} options */
  async modifyInvitation({ inviteID, data }) {
    const { signal, message } = this.#open(inviteID);
    const payload = { ...message.payload, data: JSON.stringify({ ...readSignal(message), data }) };
    const result = await this.modifyMessage({ ...message, payload });
    signal.data = data;
    message.payload = payload;
    return result;
  }

  /** @param {ChatMessage} message @returns {Signal | null} `null`: no invitation and no answer */
  getSignalingInfo(message) {
    return readSignal(message);
  }

  // ---- what comes ----

  /** @param {import('../core/protocol.js').Snapshot} snapshot @param {boolean} first */
  began(snapshot, first) {
    super.began(snapshot, first);
    // Later sessions catch up by messages; the first one has what is still ringing.
    if (first) this.once(EVENT.SDK_READY, () => this.#replay(snapshot.openInvitations ?? []));
  }

  /** @param {ChatMessage[]} messages */
  tellReceived(messages) {
    for (const message of messages) {
      const signal = readSignal(message);
      if (signal) this.#came(signal, message);
    }
    super.tellReceived(messages);
  }

  /** @param {string} event @param {any} body */
  told(event, body) {
    super.told(event, body);
    if (event !== 'message.modified') return;
    const signal = readSignal({ type: TYPES.MSG_CUSTOM, payload: body.payload });
    const invite = signal && this.#invites.get(signal.inviteID);
    if (!invite) return;
    invite.signal.data = signal.data;
    this.emit(TSignaling.INVITATION_MODIFIED, { inviteID: signal.inviteID, data: signal.data });
  }

  over() {
    super.over();
    this.#invites.clear();
  }

  /** @param {Signal} signal @param {ChatMessage} message */
  #came(signal, message) {
    switch (signal.actionType) {
      case INVITE:
        return this.#invited(signal, message);
      case CANCEL:
        return this.#ended(signal, TSignaling.INVITATION_CANCELLED, {}, () => this.#invites.remove(signal.inviteID));
      case ACCEPT:
        return this.#ended(signal, TSignaling.INVITEE_ACCEPTED, { invitee: signal.inviteeList[0] });
      case REJECT:
        return this.#ended(signal, TSignaling.INVITEE_REJECTED, { invitee: signal.inviteeList[0] });
      case TIMEOUT:
        return this.#ended(signal, TSignaling.INVITATION_TIMEOUT, { inviteeList: signal.inviteeList, isSelfTimeout: false });
      default:
        return undefined;
    }
  }

  /** @param {Signal} signal @param {ChatMessage} message */
  #invited(signal, message) {
    const own = signal.inviter === this.user;
    if (signal.groupID !== '' && !signal.inviteeList.includes(this.user)) return;
    if (!this.#invites.get(signal.inviteID)) {
      const ageS = this.serverNow() / 1000 - message.time;
      this.#invites.add(signal, message, { own, ageS, onlineUserOnly: message._onlineOnlyFlag });
    }
    this.emit(TSignaling.NEW_INVITATION_RECEIVED, { ...base(signal), inviteeList: signal.inviteeList });
  }

  /** @param {Signal} signal @param {string} event @param {object} more @param {() => void} [close] */
  #ended(signal, event, more, close = () => this.#invites.answered(signal.inviteID, signal.inviteeList)) {
    if (!this.#invites.get(signal.inviteID)) return;
    close();
    this.emit(event, { ...base(signal), ...more });
  }

  /** @param {any[]} stored */
  #replay(stored) {
    for (const one of stored) {
      const message = this.history.convert(one, this.user, 0);
      const signal = readSignal(message);
      const ageS = this.serverNow() / 1000 - message.time;
      if (!signal || ageS > (signal.timeout || REPLAY_MAX_S) || !this.history.tell(one)) continue;
      this.#came(signal, message);
    }
  }

  // ---- what goes ----

  /** @param {InviteOptions & {inviteeList: string[], groupID: string}} options */
  async #invite({ inviteeList, groupID, data = '', timeout = 0, onlineUserOnly = false, offlinePushInfo }) {
    const signal = signalOf({ inviteID: uuid(), inviter: this.user, actionType: INVITE, inviteeList, data, timeout, groupID });
    const message = await this.#send(signal, groupID || inviteeList[0], { onlineUserOnly, offlinePushInfo });
    this.#invites.add(signal, message, { own: true, onlineUserOnly });
    return { code: 0, data: { message }, inviteID: signal.inviteID };
  }

  /** @param {number} actionType @param {AnswerOptions} options */
  async #answer(actionType, { inviteID, data = '' }) {
    const invite = this.#open(inviteID);
    if (!invite.signal.inviteeList.includes(this.user)) throw new ChatError(NO_RIGHT, 'only who is invited answers');
    const message = await this.#reply(invite, actionType, [this.user], data);
    this.#invites.answered(inviteID, [this.user]);
    return { code: 0, data: { message }, inviteID };
  }

  /** @param {string} inviteID */
  #open(inviteID) {
    const invite = this.#invites.get(inviteID);
    if (!invite || invite.busy) throw new ChatError(BAD_INVITE, `the invitation ${inviteID} is not open here`);
    return invite;
  }

  /** @param {import('./v3_invites.js').Invite} invite @param {number} actionType @param {string[]} inviteeList @param {string} data */
  async #reply(invite, actionType, inviteeList, data) {
    const { inviteID, inviter, groupID } = invite.signal;
    const to = groupID || (inviter === this.user ? invite.signal.inviteeList[0] : inviter);
    invite.busy = true;
    try {
      return await this.#send(signalOf({ inviteID, inviter, actionType, inviteeList, data, groupID }), to, { onlineUserOnly: invite.onlineUserOnly });
    } finally {
      invite.busy = false;
    }
  }

  /** @param {Signal} signal @param {string} to @param {{onlineUserOnly: boolean, offlinePushInfo?: object}} options */
  async #send(signal, to, { onlineUserOnly, offlinePushInfo }) {
    const message = this.createCustomMessage({
      to,
      conversationType: signal.groupID ? TYPES.CONV_GROUP : TYPES.CONV_C2C,
      priority: TYPES.MSG_PRIORITY_HIGH,
      payload: { data: JSON.stringify(signal), description: '', extension: '' },
    });
    const hidden = isHidden(signal);
    const control = { excludedFromUnreadCount: hidden, excludedFromLastMessage: hidden };
    await this.sendMessage(message, { onlineUserOnly, offlinePushInfo, messageControlInfo: control });
    return message;
  }

  /** Nobody else ends an invitation in time: the clients do. @param {string} inviteID */
  async #timedOut(inviteID) {
    const invite = this.#invites.get(inviteID);
    if (!invite) return;
    const { inviter, data, groupID } = invite.signal;
    const inviteeList = inviter === this.user ? [...invite.signal.inviteeList] : [this.user];
    try {
      const message = await this.#reply(invite, TIMEOUT, inviteeList, data);
      if (!this.#invites.get(inviteID)) return;
      this.emit(TSignaling.INVITATION_TIMEOUT, { inviteID, inviter, groupID, data, inviteeList, isSelfTimeout: true, message });
    } catch (error) {
      // The others have timers, too; here it is over in any case.
      this.emit(EVENT.ERROR, asChatError(error));
      this.emit(TSignaling.INVITATION_TIMEOUT, { inviteID, inviter, groupID, data, inviteeList, isSelfTimeout: true });
    }
    this.#invites.answered(inviteID, inviteeList);
  }
}
needOptions(Signalling, ['invite', 'inviteInGroup', 'accept', 'reject', 'cancel', 'modifyInvitation']);

/** @param {Signal} signal */
const base = ({ inviteID, inviter, groupID, data }) => ({ inviteID, inviter, groupID, data });

/** @param {Promise<{inviteID: string}>} doing @param {any} done @param {any} failed */
async function settle(doing, done, failed) {
  try {
    const { inviteID } = await doing;
    done?.({ inviteID });
    return { inviteID };
  } catch (error) {
    const { code, message } = asChatError(error);
    failed?.(code, message);
    return undefined;
  }
}
