/** The call service's objects, and the gateway's that they stand for. */

/** A room's `RoomIdType`. */
const [NUMBER_ROOM, TEXT_ROOM] = [1, 2];
/** A callee's `ResultCode`. @type {Record<string, number>} */
const RESULT = { rings: 0, inCall: 1, busy: 2 };

/** What a member did, as the service numbers it. */
export const Did = Object.freeze({ ANSWER: 1, REJECT: 2, NO_ANSWER: 3, HANGUP: 4, JOIN: 5, OFFLINE: 6, INVITE: 7, CANCEL_INVITE: 8 });
/** The service has no number for busy but in the answer to a start. @type {Record<string, number>} */
const DID = {
  answer: Did.ANSWER, reject: Did.REJECT, busy: Did.REJECT, notAnswer: Did.NO_ANSWER, hangUp: Did.HANGUP, join: Did.JOIN,
  offline: Did.OFFLINE, invite: Did.INVITE, cancelInvite: Did.CANCEL_INVITE,
};
/** What one says to an invitation, by its `ActionType`. @type {Record<number, string>} */
export const Said = { [Did.ANSWER]: 'accept', [Did.REJECT]: 'reject' };

/** @typedef {import('../core/protocol.js').CallState} CallState */

/** @param {string} change */
export const didOf = (change) => DID[change] ?? Did.HANGUP;

/** How an invitation is made. @param {any} body */
export function ringOf({ CallInfo, Timeout, UserData, OfflinePushInfo: push }) {
  return {
    ...(Timeout > 0 && { timeoutMs: Timeout }),
    ...(UserData && { userData: UserData }),
    ...(CallInfo?.ExcludeFromHistoryMessage && { excludeFromHistory: true }),
    ...(push && { offlinePush: { title: push.Title ?? '', description: push.Desc ?? '', extension: push.Ext ?? '' } }),
  };
}

/** @param {any} info a CallInfo */
export const roomOf = ({ RoomId, RoomIdType }) => (RoomIdType === TEXT_ROOM ? String(RoomId) : Number(RoomId));

/** A CallInfo. @param {CallState} state */
export function infoOf({ call, room, group, media }) {
  const RoomIdType = typeof room === 'string' ? TEXT_ROOM : NUMBER_ROOM;
  return { CallId: call, CallMediaType: media === 'audio' ? 1 : 2, GroupId: group ?? '', RoomId: String(room), RoomIdType };
}

/** Everybody in a call or asked to it; the engine ends a call that lists oneself alone. @param {CallState} state @param {string} me */
export function members({ connected, waiting }, me) {
  const users = [me, ...connected.filter((user) => user !== me), ...waiting.filter((user) => user !== me)];
  return users.map((user) => ({ User_Account: user, Status: 1 }));
}

/**
 * @param {string[]} users
 * @param {{user: string, result: string}[]} [asked]
 */
export function results(users, asked = []) {
  /** @param {string} user */
  const codeOf = (user) => RESULT[asked.find((one) => one.user === user)?.result ?? 'rings'] ?? RESULT.rings;
  return users.map((user) => ({ User_Account: user, Callee_Account: user, ResultCode: codeOf(user) }));
}

/** What members must have done between two looks at a call. @param {CallState} before @param {CallState} after */
export function changesBetween(before, after) {
  /** @param {string[]} users @param {string} change */
  const did = (users, change) => users.map((user) => ({ user, change }));
  const gone = [...before.connected, ...before.waiting].filter((user) => !after.connected.includes(user) && !after.waiting.includes(user));
  const came = after.connected.filter((user) => !before.connected.includes(user));
  const asked = after.waiting.filter((user) => !before.waiting.includes(user) && !before.connected.includes(user));
  return [
    ...did(came.filter((user) => before.waiting.includes(user)), 'answer'),
    ...did(came.filter((user) => !before.waiting.includes(user)), 'join'),
    ...did(asked, 'invite'),
    ...did(gone.filter((user) => before.connected.includes(user)), 'hangUp'),
    ...did(gone.filter((user) => !before.connected.includes(user)), 'notAnswer'),
  ];
}

/** @param {number} code @param {string} message @param {object} response */
export const answer = (code, message, response) => JSON.stringify({ ErrorCode: code, ErrorInfo: message, RequestId: '', Response: response });
