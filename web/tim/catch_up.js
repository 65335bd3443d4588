/** What came while there was no session: which conversations went on, and what was said in them. */

import { asChatError, ChatCode } from './errors.js';
import { conversationIdOf, peerOf } from './message.js';

const PAGE = 100;
/** Pages that one conversation is caught up by: more is for the application to list. */
const PAGES = 5;
const TRIES = 4;
const NOT_MEMBER = 10007;
/** A call is answered within this. */
const LIVELY_MS = 120_000;

/** @typedef {{with: import('../core/protocol.js').Peer, from: number}} Missed a conversation, and the highest `seq` seen of it */

/**
 * Those with a newer last message, and those that were lively, since an answer to a call may be no conversation's last
 * message.
 * @param {import('./conversations.js').Conversations} conversations as they were seen
 * @param {import('../core/protocol.js').Snapshot} snapshot
 * @returns {Missed[]}
 */
export function missedConversations(conversations, snapshot) {
  const ids = new Set(conversations.touchedWithin(LIVELY_MS));
  for (const { with: peer, lastMessage } of snapshot.conversations) {
    const id = conversationIdOf(peer);
    if ((lastMessage?.seq ?? 0) > conversations.seenSeq(id)) ids.add(id);
  }
  return [...ids].map((id) => ({ with: peerOf(id), from: conversations.seenSeq(id) }));
}

/**
 * The network may be lost once more in between.
 * @param {(verb: string, body: object) => Promise<any>} request
 * @param {Missed} missed
 * @returns {Promise<import('../core/protocol.js').Message[]>}
 */
export async function messagesSince(request, missed) {
  for (let tries = TRIES; ; tries -= 1) {
    try {
      return await list(request, missed);
    } catch (error) {
      const { code } = asChatError(error);
      // Out of that group meanwhile.
      if (code === NOT_MEMBER) return [];
      const lost = code === ChatCode.NETWORK_ERROR || code === ChatCode.NETWORK_TIMEOUT;
      if (!lost || tries === 1) throw error;
    }
  }
}

/** @param {(verb: string, body: object) => Promise<any>} request @param {Missed} missed */
async function list(request, { with: peer, from }) {
  const found = [];
  for (let page = 0, before; page < PAGES; page++) {
    const { messages, complete } = await request('message.list', { with: peer, before, limit: PAGE });
    found.push(...messages.filter((/** @type {any} */ m) => m.seq > from));
    before = messages[0]?.seq;
    if (complete || before <= from) break;
  }
  return found;
}
