/** Objects of the call service and of the older engines' invitations: what is written and read of each. */

/** A room's `RoomIdType`. */
const [NUMBER_ROOM, TEXT_ROOM] = [1, 2];
/** A callee's `ResultCode`. */
const Result = Object.freeze({ RINGS: 0, BUSY: 2 });

/** @typedef {import('./v3_calls.js').ServiceCall} ServiceCall */

/**
 * An invitation as the older engines read it.
 * @param {ServiceCall} call
 * @param {string[]} users
 * @param {string} me
 */
export function inviteData(call, users, me) {
  const { RoomId, RoomIdType, CallId, ExcludeFromHistoryMessage } = call.info;
  const isText = RoomIdType === TEXT_ROOM;
  const room = { room_id: isText ? 0 : Number(RoomId), str_room_id: isText ? String(RoomId) : '' };
  const kind = call.group ? { initialCallId: CallId } : { userIDs: users, excludeFromHistoryMessage: true };
  const hidden = ExcludeFromHistoryMessage && { excludeFromHistoryMessage: true };
  const data = callData(call, me, { ...room, ...kind, ...hidden });
  return { ...data, room_id: room.room_id, ...(call.connected.size > 0 && { inCallUserIDs: [...call.connected] }) };
}

/**
 * What every message of a call carries.
 * @param {ServiceCall} call
 * @param {string} me
 * @param {object} [inner]
 */
export function callData({ info, userData }, me, inner = {}) {
  const cmd = info.CallMediaType === 1 ? 'audioCall' : 'videoCall';
  return {
    userData, version: 4, call_type: info.CallMediaType, businessID: 'av_call', platform: 'Web',
    data: { cmd, inviter: me, message: '', ...inner },
  };
}

/** @param {number} type 1 audio, 2 video @param {import('../core/protocol.js').RoomId} room @param {string} group */
export function infoOf(type, room, group) {
  return { CallMediaType: type, GroupId: group, RoomId: String(room), RoomIdType: typeof room === 'string' ? TEXT_ROOM : NUMBER_ROOM };
}

/** @param {string} text @returns {any} */
export function object(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    // Some other application's data.
    return {};
  }
}

/** @param {string[]} users @param {Set<string>} [busy] */
export const results = (users, busy) => users.map((user) => ({ User_Account: user, Callee_Account: user, ResultCode: busy?.has(user) ? Result.BUSY : Result.RINGS }));

/** @param {number} code @param {string} message @param {object} response */
export const answer = (code, message, response) => JSON.stringify({ ErrorCode: code, ErrorInfo: message, RequestId: '', Response: response });
