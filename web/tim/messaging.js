/** Messages and conversations with the vendor's method names. */

import { EVENT, TYPES } from './constants.js';
import { messagesSince, missedConversations } from './catch_up.js';
import { asChatError, badParameter, ChatCode, ChatError, notSupported, ok } from './errors.js';
import { Conversations } from './conversations.js';
import { History } from './history.js';
import { Composing } from './composing.js';
import { conversationIdOf, kindOf, peerOf } from './message.js';
import { Profiles, profileOf } from './profiles.js';

/** One page where the caller names no size, and the gateway's largest. */
const PAGE = 15;
const PAGE_MAX = 100;

/** @typedef {import('./message.js').ChatMessage} ChatMessage */

export class Messaging extends Composing {
  conversations = new Conversations();
  history = new History();
  profiles = new Profiles((verb, body) => this.request(verb, body));

  // ---- sending, changing, reading ----

  /**
   * @param {ChatMessage} message
   * @param {{offlinePushInfo?: object, onlineUserOnly?: boolean, messageControlInfo?: {excludedFromUnreadCount?: boolean, excludedFromLastMessage?: boolean}}} [options]
   */
  async sendMessage(message, options = {}) {
    const kind = kindOf(message?.type);
    if (!kind) return notSupported('sendMessage', `${message?.type} is not carried; send the file's address as a text or custom message`);
    const control = options.messageControlInfo ?? {};
    const hidden = Boolean(control.excludedFromUnreadCount || control.excludedFromLastMessage);
    const body = {
      to: peerOf(message.conversationID), kind, payload: message.payload, clientId: message.ID, priority: message.priority,
      cloudCustomData: message.cloudCustomData || undefined,
      options: { onlineOnly: options.onlineUserOnly === true, excludeFromHistory: hidden, offlinePush: options.offlinePushInfo },
    };
    try {
      const { message: stored } = await this.request('message.send', body);
      this.#sent(message, stored, hidden || body.options.onlineOnly);
    } catch (error) {
      message.status = 'fail';
      throw asChatError(error);
    }
    return ok({ message });
  }

  /** @param {ChatMessage} message @param {object} [options] */
  resendMessage(message, options) {
    return this.sendMessage(message, options);
  }

  /** @param {ChatMessage} message with its new `payload` or `cloudCustomData` */
  async modifyMessage({ ID, payload, cloudCustomData }) {
    const body = { id: this.gatewayId(ID), payload, cloudCustomData };
    const { message: stored } = await this.request('message.modify', body);
    return ok({ message: this.convert(stored) });
  }

  /** @param {ChatMessage} message */
  async revokeMessage(message) {
    await this.request('message.revoke', { id: this.gatewayId(message?.ID) });
    message.isRevoked = true;
    if (this.conversations.replaceLast(message)) this.#listChanged();
    return ok({ message });
  }

  /**
   * Oldest first; the next page is asked with `nextReqMessageID`.
   * @param {{conversationID: string, count?: number, nextReqMessageID?: string}} options
   */
  async getMessageList({ conversationID, count = PAGE, nextReqMessageID = '' }) {
    const limit = Math.max(1, Math.min(PAGE_MAX, Number(count) || PAGE));
    const before = nextReqMessageID ? (this.history.find(nextReqMessageID)?.seq ?? (Number(nextReqMessageID.replace('seq-', '')) || undefined)) : undefined;
    const { messages, complete } = await this.request('message.list', { with: peerOf(conversationID), before, limit });
    const messageList = messages.filter((/** @type {any} */ m) => !this.history.isLeftOut(m)).map((/** @type {any} */ m) => this.convert(m));
    const next = complete || messages.length === 0 ? '' : `seq-${messages[0].seq}`;
    return ok({ messageList, nextReqMessageID: next, nextMessageSeq: 0, isCompleted: complete });
  }

  /** Messages are listed from the server, and not kept here. @param {string} _ID @returns {ChatMessage | null} */
  findMessage(_ID) {
    return null;
  }

  /** @param {{conversationID: string}} options */
  async setMessageRead({ conversationID }) {
    await this.request('message.read', { with: peerOf(conversationID) });
    if (this.conversations.markRead(conversationID)) this.#listChanged();
    return ok({});
  }

  /** @param {{scope?: string}} [options] */
  async setAllMessageRead({ scope = TYPES.READ_ALL_MSG } = {}) {
    const one = { [TYPES.READ_ALL_C2C_MSG]: TYPES.CONV_C2C, [TYPES.READ_ALL_GROUP_MSG]: TYPES.CONV_GROUP }[scope];
    const unread = this.conversations.list().filter(({ type, unreadCount }) => unreadCount > 0 && (!one || type === one));
    for (const { conversationID } of unread) await this.setMessageRead({ conversationID });
    return ok({});
  }

  // ---- conversations ----

  /** @param {string[] | {type?: string, hasUnreadCount?: boolean}} [which] */
  async getConversationList(which) {
    if (!this.user) throw new ChatError(ChatCode.NOT_LOGGED_IN, 'getConversationList: log in and wait for SDK_READY first');
    const listed = await this.#described();
    const ids = Array.isArray(which) ? new Set(which) : null;
    const { type, hasUnreadCount } = Array.isArray(which) ? {} : (which ?? {});
    const conversationList = listed.filter((one) => (!ids || ids.has(one.conversationID))
      && (!type || one.type === type) && (!hasUnreadCount || one.unreadCount > 0));
    return ok({ conversationList, isSyncCompleted: true });
  }

  /** @param {string} conversationID */
  async getConversationProfile(conversationID) {
    const conversation = (await this.#described()).find((one) => one.conversationID === conversationID);
    if (!conversation) throw new ChatError(10010, `there is no conversation ${conversationID}`);
    return ok({ conversation });
  }

  /** @param {string | {conversationIDList: string[]}} which */
  async deleteConversation(which) {
    const ids = typeof which === 'string' ? [which] : which.conversationIDList;
    for (const id of ids) {
      await this.request('conversation.delete', { with: peerOf(id) });
      this.conversations.remove(id);
    }
    this.#listChanged();
    return ok({ conversationID: ids[0] });
  }

  getTotalUnreadMessageCount() {
    return this.conversations.unreadTotal;
  }

  // ---- what the gateway tells ----

  /** @param {import('../core/protocol.js').Snapshot} snapshot @param {boolean} first */
  began(snapshot, first) {
    const missed = first ? [] : missedConversations(this.conversations, snapshot);
    if (first) this.history.reset();
    this.conversations.reset(snapshot.conversations, this.user);
    this.profiles.put(snapshot.profile);
    if (!first) this.#catchUp(missed, snapshot.openInvitations).catch((error) => this.emit(EVENT.ERROR, asChatError(error)));
  }

  /** @param {string} event @param {any} body */
  told(event, body) {
    if (event === 'message.new') this.#received([body]);
    else if (event === 'message.modified') this.#modified(body);
    else if (event === 'message.revoked') this.#revoked(body);
    else if (event === 'message.read') this.#read(body);
  }

  over() {
    this.conversations.reset([], '');
  }

  /** New messages, oldest first. A face that has signalling inside looks at them here. @param {ChatMessage[]} messages */
  tellReceived(messages) {
    this.emit(EVENT.MESSAGE_RECEIVED, messages);
  }

  /** @param {string} ID */
  gatewayId(ID) {
    const found = this.history.find(ID);
    if (!found) throw badParameter(`the message ${ID} is not known here: list its conversation first`);
    return found.id;
  }

  // ---- inside ----

  /** What `getConversationList` answers. */
  listed() {
    return this.conversations.list();
  }

  /** @param {any} stored */
  convert(stored) {
    const id = 'group' in stored.to ? '' : conversationIdOf(stored.to);
    return this.history.convert(stored, this.user, this.conversations.peerReadSeq(id));
  }

  /** @param {ChatMessage} message @param {any} stored @param {boolean} hidden */
  #sent(message, stored, hidden) {
    const { seq, timeMs, nick, avatar } = stored;
    Object.assign(message, { status: 'success', sequence: seq, time: Math.floor(timeMs / 1000), nick, avatar, from: stored.from });
    this.history.sent(message, stored);
    if (this.conversations.add(message, hidden)) this.#listChanged();
  }

  /** @param {any[]} stored */
  #received(stored) {
    const fresh = stored.filter((one) => this.history.tell(one));
    if (fresh.length === 0) return;
    const messages = fresh.map((one) => this.convert(one));
    const shown = messages.map((message, i) => this.conversations.add(message, fresh[i].excludeFromHistory || fresh[i].onlineOnly));
    this.tellReceived(messages);
    if (shown.includes(true)) this.#listChanged();
  }

  /** @param {any} stored */
  #modified(stored) {
    const message = this.convert(stored);
    this.emit(EVENT.MESSAGE_MODIFIED, [message]);
    if (this.conversations.replaceLast(message)) this.#listChanged();
  }

  /** @param {{id: string, with: any}} body */
  #revoked({ id, with: peer }) {
    const conversationID = conversationIdOf(peer);
    const ID = this.history.idOf(id);
    const sequence = this.history.find(ID)?.seq ?? 0;
    this.emit(EVENT.MESSAGE_REVOKED, [{ ID, conversationID, sequence, isRevoked: true, revoker: 'user' in peer ? peer.user : '', revokeReason: '' }]);
    const conversation = this.conversations.get(conversationID);
    if (conversation?.lastMessage.lastSequence !== sequence || sequence === 0) return;
    Object.assign(conversation.lastMessage, { isRevoked: true, messageForShow: '' });
    this.#listChanged();
  }

  /** @param {{with: any, by: string, seq: number}} body */
  #read({ with: peer, by, seq }) {
    const id = conversationIdOf(peer);
    if (by === this.user) {
      if (seq >= this.conversations.seenSeq(id) && this.conversations.markRead(id)) this.#listChanged();
      return;
    }
    this.conversations.peerRead(id, seq);
    const read = this.history.readByPeer(id, seq);
    if (read.length > 0) this.emit(EVENT.MESSAGE_READ_BY_PEER, read);
  }

  /** @param {{with: any, from: number}[]} missed @param {any[]} openInvitations */
  async #catchUp(missed, openInvitations) {
    const found = [...openInvitations];
    for (const one of missed) found.push(...(await messagesSince((verb, body) => this.request(verb, body), one)));
    const once = new Map(found.filter((m) => !this.history.wasTold(m)).map((m) => [m.id, m]));
    this.#received([...once.values()].sort((a, b) => a.timeMs - b.timeMs || a.seq - b.seq));
  }

  /** Those listed, each with whom it is with. */
  async #described() {
    const users = this.listed().filter(({ type }) => type === TYPES.CONV_C2C).map(({ conversationID }) => conversationID.slice(3));
    await this.profiles.ensure(users).catch(() => undefined);
    // What came meanwhile is listed, too.
    const list = this.listed();
    for (const one of list) {
      const name = one.conversationID.slice(one.type.length);
      if (one.type === TYPES.CONV_C2C) one.userProfile = this.profiles.kept(name) ?? profileOf(name);
      else one.groupProfile ??= { groupID: name, name: '', avatar: '', type: '' };
    }
    return list;
  }

  #listChanged() {
    this.emit(EVENT.CONVERSATION_LIST_UPDATED, this.conversations.list());
    this.emit(EVENT.TOTAL_UNREAD_MESSAGE_COUNT_UPDATED, this.conversations.unreadTotal);
  }
}
