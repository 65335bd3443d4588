/** Messages: the vendor's object, made by an application or from what the gateway tells. */

import { TYPES } from './constants.js';
import { badParameter } from './errors.js';

/** @type {Record<string, string>} The gateway's kind of each type that travels. */
const KINDS = {
  [TYPES.MSG_TEXT]: 'text',
  [TYPES.MSG_CUSTOM]: 'custom',
  [TYPES.MSG_FACE]: 'face',
  [TYPES.MSG_LOCATION]: 'location',
  [TYPES.MSG_MERGER]: 'merger',
};
/** @type {Record<string, string>} */
const TYPE_OF = { ...Object.fromEntries(Object.entries(KINDS).map(([type, kind]) => [kind, type])), tip: TYPES.MSG_GRP_TIP };
/** @type {Record<string, number>} */
const TIP_OPERATION = { join: TYPES.GRP_TIP_MBR_JOIN, leave: TYPES.GRP_TIP_MBR_QUIT, remove: TYPES.GRP_TIP_MBR_KICKED_OUT };

/**
 * @typedef {object} ChatMessage
 * @property {string} ID unique, the same on all devices
 * @property {string} type
 * @property {any} payload
 * @property {string} conversationID
 * @property {string} conversationType
 * @property {string} from
 * @property {string} to
 * @property {'in' | 'out'} flow
 * @property {number} time seconds
 * @property {number} sequence
 * @property {string} status
 * @property {boolean} isRevoked
 * @property {boolean} isPeerRead
 * @property {boolean} isModified
 * @property {string} cloudCustomData
 * @property {string} priority
 * @property {number} random
 * @property {number} clientTime
 * @property {string} nick
 * @property {string} avatar
 * @property {boolean} isRead
 * @property {string} revoker
 * @property {boolean} needReadReceipt
 * @property {string[]} atUserList
 * @property {boolean} [_onlineOnlyFlag] sent to devices that were online alone; the vendor's name
 */

/** @param {string} type @returns {string | undefined} `undefined`: nothing carries this type */
export const kindOf = (type) => KINDS[type];

/** @param {import('../core/protocol.js').Peer} peer */
export const conversationIdOf = (peer) => ('group' in peer ? `GROUP${peer.group}` : `C2C${peer.user}`);

/**
 * @param {string} conversationID
 * @returns {import('../core/protocol.js').Peer}
 */
export function peerOf(conversationID) {
  const id = String(conversationID ?? '');
  if (id.startsWith('GROUP') && id.length > 5) return { group: id.slice(5) };
  if (id.startsWith('C2C') && id.length > 3) return { user: id.slice(3) };
  throw badParameter(`"${id}" is no conversationID: "C2C" and a user, or "GROUP" and a group`);
}

/**
 * A message that is not sent yet.
 * @param {string} from
 * @param {string} type
 * @param {{to: string, conversationType: string, payload: any, priority?: string, cloudCustomData?: string, needReadReceipt?: boolean}} options
 * @returns {ChatMessage}
 */
export function createMessage(from, type, options) {
  const { to, conversationType, payload } = options ?? {};
  if (typeof to !== 'string' || to === '') throw badParameter('`to` names a user or a group');
  if (conversationType !== TYPES.CONV_C2C && conversationType !== TYPES.CONV_GROUP) {
    throw badParameter('`conversationType` is "C2C" or "GROUP"');
  }
  const clientTime = Math.floor(Date.now() / 1000);
  const random = Math.floor(Math.random() * 0xffffffff);
  return {
    ...blank(),
    ID: `${from}-${clientTime}-${random}`,
    type,
    payload,
    conversationID: `${conversationType}${to}`,
    conversationType,
    from,
    to,
    flow: 'out',
    time: clientTime,
    clientTime,
    random,
    status: 'unSend',
    priority: options.priority ?? TYPES.MSG_PRIORITY_NORMAL,
    cloudCustomData: options.cloudCustomData ?? '',
    needReadReceipt: options.needReadReceipt ?? false,
    isRead: true,
  };
}

/**
 * @param {import('../core/protocol.js').Message} stored
 * @param {string} me
 * @param {number} [peerReadSeq] how far the other side of a C2C conversation has read
 * @returns {ChatMessage}
 */
export function fromGateway(stored, me, peerReadSeq = 0) {
  const { from, to, kind } = stored;
  const isGroup = 'group' in to;
  const out = from === me;
  const peer = isGroup || out ? to : { user: from };
  return {
    ...blank(),
    ID: idOf(stored),
    type: TYPE_OF[kind] ?? TYPES.MSG_CUSTOM,
    payload: payloadOf(stored),
    atUserList: Array.isArray(stored.payload?.atUserList) ? stored.payload.atUserList.map(String) : [],
    conversationID: conversationIdOf(peer),
    conversationType: isGroup ? TYPES.CONV_GROUP : TYPES.CONV_C2C,
    from: kind === 'tip' ? '@TIM#SYSTEM' : from,
    to: isGroup ? to.group : to.user,
    flow: out && kind !== 'tip' ? 'out' : 'in',
    time: Math.floor(stored.timeMs / 1000),
    clientTime: Math.floor(stored.timeMs / 1000),
    sequence: stored.seq,
    random: hash(stored.id),
    status: 'success',
    priority: stored.priority ?? TYPES.MSG_PRIORITY_NORMAL,
    cloudCustomData: stored.cloudCustomData ?? '',
    nick: stored.nick ?? '',
    avatar: stored.avatar ?? '',
    isRead: out,
    isPeerRead: out && !isGroup && stored.seq > 0 && stored.seq <= peerReadSeq,
    isRevoked: stored.revoked === true,
    revoker: stored.revoked ? from : '',
    isModified: (stored.modified ?? 0) > 0,
    _onlineOnlyFlag: stored.onlineOnly === true,
  };
}

/** The sender's own name for it where there is one: the sender knows the message by it before the server does. */
function idOf(/** @type {import('../core/protocol.js').Message} */ { id, from, clientId }) {
  if (!clientId) return id;
  return clientId.startsWith(`${from}-`) ? clientId : `${from}-${clientId}`;
}

/** @param {import('../core/protocol.js').Message} stored */
function payloadOf({ kind, payload, from, to }) {
  switch (kind) {
    case 'tip':
      return tipPayload(payload, from, 'group' in to ? to.group : '');
    case 'custom':
      return { data: '', description: '', extension: '', ...payload };
    case 'text':
      return { text: '', ...payload };
    default:
      // Another client's own kind: an application sees it as a custom message and may know what to do.
      return kind in TYPE_OF ? payload : { data: JSON.stringify(payload), description: kind, extension: '' };
  }
}

/**
 * @param {Record<string, any>} tip
 * @param {string} operatorID
 * @param {string} groupID
 */
function tipPayload({ what, users = [] }, operatorID, groupID) {
  return {
    operatorID,
    operationType: TIP_OPERATION[what] ?? TYPES.GRP_TIP_GRP_PROFILE_UPDATED,
    userIDList: users,
    memberList: users.map((/** @type {string} */ userID) => ({ userID, nick: '', avatar: '' })),
    groupProfile: { groupID },
    newGroupProfile: {},
    groupJoinType: 0,
  };
}

/** What every message has, so that nobody reads `undefined`. */
function blank() {
  return {
    sequence: 0, nick: '', avatar: '', nameCard: '', isRead: false, isPeerRead: false, isRevoked: false, revoker: '',
    isDeleted: false, isModified: false, isResend: false, isSystemMessage: false, isPlaceMessage: 0, isBroadcastMessage: false,
    isSupportExtension: false, needReadReceipt: false, readReceiptInfo: { readCount: 0, unreadCount: 0, isPeerRead: false },
    hasRiskContent: false, atUserList: [], geo: {},
  };
}

/** @param {string} text */
function hash(text) {
  let sum = 2166136261;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619);
  return sum >>> 0;
}
