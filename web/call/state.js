/** One call as this device knows it. */

import { availability } from '../core/availability.js';

/**
 * @typedef {import('../core/protocol.js').RoomId} RoomId
 * @typedef {'waiting' | 'accepted' | 'rejected' | 'busy' | 'noResponse' | 'left'} InviteeState
 *
 * @typedef {object} Invite an invitation that can be answered
 * @property {string} inviter whom answers go to
 * @property {Set<string>} open who has not decided yet
 * @property {any} timer
 *
 * @typedef {object} Call
 * @property {string} callID the id of the first invitation
 * @property {RoomId} room
 * @property {string} groupID
 * @property {'inviter' | 'invitee'} role
 * @property {number} type 1 audio, 2 video
 * @property {string} inviter
 * @property {string} userData
 * @property {number} timeout seconds
 * @property {Map<string, InviteeState>} invitees
 * @property {Map<string, Invite>} invites by inviteID
 * @property {number} beganAtMs 0 until connected
 * @property {boolean} accepting
 * @property {{inviteID: string, done: (error?: Error) => void} | null} switching
 */

/**
 * @param {Pick<Call, 'callID' | 'room' | 'role' | 'type' | 'inviter'> & Partial<Call>} facts
 * @returns {Call}
 */
export function newCall(facts) {
  return {
    groupID: '',
    userData: '',
    timeout: 30,
    invitees: new Map(),
    invites: new Map(),
    beganAtMs: 0,
    accepting: false,
    switching: null,
    ...facts,
  };
}

/** @param {RoomId} room */
export function roomNames(room) {
  return { roomID: typeof room === 'number' ? room : 0, strRoomID: typeof room === 'string' ? room : '' };
}

/** @param {Call} call */
export function waitingIn(call) {
  return [...call.invitees].filter(([, state]) => state === 'waiting').map(([user]) => user);
}

/** The other side of a call of two. @param {Call} call @param {string} me */
export function peerOf(call, me) {
  return call.inviter === me ? ([...call.invitees.keys()][0] ?? '') : call.inviter;
}

/**
 * What the application sees as `currentCall`.
 * @param {Call} call
 * @param {import('../core/room.js').RoomClient | null} room
 * @param {number} now
 */
export function describe(call, room, now) {
  return {
    callID: call.callID,
    inviteID: [...call.invites.keys()][0] ?? call.callID,
    ...roomNames(call.room),
    groupID: call.groupID,
    isGroup: call.groupID !== '',
    role: call.role,
    mediaType: call.type,
    inviter: call.inviter,
    userData: call.userData,
    invitees: [...call.invitees].map(([userID, state]) => ({ userID, state })),
    beganAtMs: call.beganAtMs,
    seconds: call.beganAtMs ? Math.max(0, Math.floor((now - call.beganAtMs) / 1000)) : 0,
    remoteUsers: (room?.participants ?? []).map(({ user, nick, avatar, tracks }) => ({ userID: user, nick, avatar, ...availability(tracks) })),
  };
}
