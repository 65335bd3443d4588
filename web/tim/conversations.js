/** The list of conversations: filled at sign-in, kept true by each message and each mark of reading. */

import { TYPES } from './constants.js';
import { conversationIdOf, fromGateway } from './message.js';

/**
 * @typedef {import('./message.js').ChatMessage} ChatMessage
 * @typedef {object} Conversation
 * @property {string} conversationID
 * @property {string} type
 * @property {number} unreadCount
 * @property {any} lastMessage
 * @property {number} peerReadTime
 * @property {any} [userProfile]
 * @property {any} [groupProfile]
 */

/** @type {Record<string, string>} What a list shows for a message that is no text. */
const SHOWN = {
  [TYPES.MSG_CUSTOM]: '[custom message]',
  [TYPES.MSG_FACE]: '[sticker]',
  [TYPES.MSG_LOCATION]: '[location]',
  [TYPES.MSG_MERGER]: '[chat history]',
  [TYPES.MSG_GRP_TIP]: '[group notice]',
};

export class Conversations {
  /** @type {Map<string, Conversation>} */ #all = new Map();
  /** @type {Map<string, number>} highest `seq` that the peer of a C2C conversation has read */ #peerRead = new Map();
  /** @type {Map<string, number>} highest `seq` seen here */ #seen = new Map();
  /** @type {Map<string, number>} when its last message was seen, ms */ #touched = new Map();

  /** @param {any[]} listed the snapshot's @param {string} me */
  reset(listed, me) {
    this.#all.clear();
    for (const one of listed) {
      const id = conversationIdOf(one.with);
      this.#peerRead.set(id, one.peerReadSeq ?? 0);
      const last = one.lastMessage ? fromGateway(one.lastMessage, me, one.peerReadSeq) : null;
      const conversation = this.#make(id);
      conversation.unreadCount = one.unread;
      conversation.lastMessage = lastOf(last);
      if (last) this.#note(id, last.sequence);
    }
  }

  /**
   * Newest first.
   * @param {ChatMessage[]} [counted] hidden messages that make their conversation unread in this list alone
   */
  list(counted = []) {
    const all = new Map(this.#all);
    for (const message of counted) {
      const known = all.get(message.conversationID) ?? blank(message.conversationID);
      const lastMessage = message.sequence > known.lastMessage.lastSequence ? lastOf(message) : known.lastMessage;
      all.set(message.conversationID, { ...known, lastMessage, unreadCount: Math.max(known.unreadCount, 1) });
    }
    return [...all.values()].sort((a, b) => b.lastMessage.lastTime - a.lastMessage.lastTime);
  }

  /** @param {string} id */
  get(id) {
    return this.#all.get(id) ?? null;
  }

  /** @param {string} id */
  peerReadSeq(id) {
    return this.#peerRead.get(id) ?? 0;
  }

  /** @param {string} id */
  seenSeq(id) {
    return this.#seen.get(id) ?? 0;
  }

  /** Conversations with a message not longer ago than this. @param {number} ms */
  touchedWithin(ms) {
    const since = Date.now() - ms;
    return [...this.#touched].filter(([, at]) => at >= since).map(([id]) => id);
  }

  get unreadTotal() {
    let sum = 0;
    for (const { unreadCount } of this.#all.values()) sum += unreadCount;
    return sum;
  }

  /**
   * A message of this conversation, in or out.
   * @param {ChatMessage} message
   * @param {boolean} hidden neither counted nor shown as the last one
   * @returns {boolean} whether the list changed
   */
  add(message, hidden) {
    this.#note(message.conversationID, message.sequence);
    this.#touched.set(message.conversationID, Date.now());
    if (hidden) return false;
    const conversation = this.#make(message.conversationID);
    conversation.lastMessage = lastOf(message);
    if (message.flow === 'in' && message.type !== TYPES.MSG_GRP_TIP) conversation.unreadCount += 1;
    return true;
  }

  /** Its last message was modified or revoked. @param {ChatMessage} message */
  replaceLast(message) {
    const conversation = this.#all.get(message.conversationID);
    if (!conversation || conversation.lastMessage.lastSequence !== message.sequence) return false;
    conversation.lastMessage = lastOf(message);
    return true;
  }

  /** @param {string} id */
  markRead(id) {
    const conversation = this.#all.get(id);
    if (!conversation || conversation.unreadCount === 0) return false;
    conversation.unreadCount = 0;
    return true;
  }

  /** @param {string} id @param {number} seq */
  peerRead(id, seq) {
    this.#peerRead.set(id, Math.max(seq, this.peerReadSeq(id)));
    const conversation = this.#all.get(id);
    if (!conversation) return;
    conversation.peerReadTime = Math.floor(Date.now() / 1000);
    if (conversation.lastMessage.lastSequence <= seq) conversation.lastMessage.isPeerRead = true;
  }

  /** @param {string} id */
  remove(id) {
    return this.#all.delete(id);
  }

  /** @param {string} id @param {number} seq */
  #note(id, seq) {
    this.#seen.set(id, Math.max(seq, this.seenSeq(id)));
  }

  /** @param {string} id @returns {Conversation} */
  #make(id) {
    const known = this.#all.get(id);
    if (known) return known;
    const made = blank(id);
    this.#all.set(id, made);
    return made;
  }
}

/** @param {string} id @returns {Conversation} */
function blank(id) {
  const type = id.startsWith('GROUP') ? TYPES.CONV_GROUP : TYPES.CONV_C2C;
  const made = {
    conversationID: id, type, subType: '', unreadCount: 0, lastMessage: lastOf(null), peerReadTime: 0, groupAtInfoList: [],
    remark: '', isPinned: false, messageRemindType: '', markList: [], customData: '', conversationGroupList: [], draftText: '',
    isSupportTopic: false,
  };
  return made;
}

/** @param {ChatMessage | null} message */
function lastOf(message) {
  if (!message) return { lastTime: 0, lastSequence: 0, fromAccount: '', messageForShow: '', payload: null, type: '', isRevoked: false, isPeerRead: false };
  const { time, sequence, from, payload, type, isRevoked, isPeerRead, nick } = message;
  return {
    lastTime: time, lastSequence: sequence, fromAccount: from, payload, type, isRevoked, isPeerRead, nick, nameCard: '',
    messageForShow: isRevoked ? '' : type === TYPES.MSG_TEXT ? payload.text : (SHOWN[type] ?? ''), onlineOnlyFlag: false, version: 0, revoker: '',
  };
}
