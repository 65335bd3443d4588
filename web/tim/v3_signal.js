/** Call invitations inside custom messages: what is written, and what is read. */

import { TYPES } from './constants.js';

/** Names of the signalling events and kinds, as version 3 of the library has them. */
export const TSignaling = Object.freeze({
  NEW_INVITATION_RECEIVED: 'newInvitationReceived',
  INVITEE_ACCEPTED: 'ts_invitee_accepted',
  INVITEE_REJECTED: 'ts_invitee_rejected',
  INVITATION_CANCELLED: 'ts_invitation_cancelled',
  INVITATION_TIMEOUT: 'ts_invitation_timeout',
  INVITATION_MODIFIED: 'ts_invitation_modified',
  ACTION_TYPE_UNKNOWN: 0,
  ACTION_TYPE_INVITE: 1,
  ACTION_TYPE_CANCEL_INVITE: 2,
  ACTION_TYPE_ACCEPT_INVITE: 3,
  ACTION_TYPE_REJECT_INVITE: 4,
  ACTION_TYPE_INVITE_TIMEOUT: 5,
});

/** Of a message in the signalling's own format; other formats carry the application's name here. */
const BUSINESS_ID = 1;
/** Longest list of invitees that is looked at. */
const MAX_INVITEES = 100;

/**
 * @typedef {object} Signal
 * @property {1} businessID
 * @property {string} inviteID
 * @property {string} inviter who made the invitation, in answers too
 * @property {number} actionType
 * @property {string[]} inviteeList
 * @property {string} data the application's JSON text
 * @property {number} timeout seconds; 0: no timer
 * @property {string} groupID `''` for a call of two
 */

/**
 * @param {{inviteID: string, inviter: string, actionType: number, inviteeList: string[], data?: string, timeout?: number, groupID?: string}} parts
 * @returns {Signal}
 */
export function signalOf({ inviteID, inviter, actionType, inviteeList, data = '', timeout = 0, groupID = '' }) {
  return { businessID: BUSINESS_ID, inviteID, inviter, actionType, inviteeList: [...inviteeList], data, timeout, groupID };
}

/**
 * @param {{type?: string, payload?: any}} message
 * @returns {Signal | null} `null`: not ours
 */
export function readSignal(message) {
  if (message?.type !== TYPES.MSG_CUSTOM) return null;
  const read = object(message.payload?.data);
  if (!read || typeof read.inviteID !== 'string' || read.inviteID === '' || read.businessID !== BUSINESS_ID) return null;
  if (!(read.actionType >= 1 && read.actionType <= 5)) return null;
  const inviteeList = Array.isArray(read.inviteeList) ? read.inviteeList.slice(0, MAX_INVITEES).map(String) : [];
  return signalOf({
    inviteID: read.inviteID,
    inviter: String(read.inviter ?? ''),
    actionType: read.actionType,
    inviteeList,
    data: typeof read.data === 'string' ? read.data : '',
    timeout: Math.max(0, Number(read.timeout) || 0),
    groupID: String(read.groupID ?? ''),
  });
}

/** Whether the application asked, inside its data, that this message is neither counted nor shown. @param {Signal} signal */
export function isHidden({ data, actionType }) {
  if (actionType === TSignaling.ACTION_TYPE_INVITE_TIMEOUT) return data.includes('"excludeTimeoutSignalingFromHistoryMessage":true');
  return data.includes('"excludeFromHistoryMessage":true') || data.includes('"excludeOriginalSignalingFromHistoryMessage":true');
}

/** @param {any} text @returns {any} */
function object(text) {
  if (typeof text !== 'string' || !text.includes('"inviteID"')) return null;
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' ? value : null;
  } catch {
    // Some other application's text.
    return null;
  }
}
