/**
 * The vendor's call messages: an outer TSignaling object whose `data` is a JSON text with the call inside. All eight outer
 * members are always there; other engines read them unchecked.
 */

export const Action = Object.freeze({ INVITE: 1, CANCEL: 2, ACCEPT: 3, REJECT: 4, TIMEOUT: 5 });

const SWITCH_TO_AUDIO = 'switch_to_audio_call';

/**
 * @typedef {object} Outer
 * @property {string} inviteID
 * @property {string} inviter
 * @property {number} action
 * @property {string[]} inviteeList
 * @property {number} [timeout] seconds, of an invitation
 * @property {string} groupID `''` for a call of two
 *
 * @typedef {object} Inner
 * @property {number} type 1 audio, 2 video
 * @property {string} caller who began the call
 * @property {import('../core/protocol.js').RoomId | null} [room] invitations and switches
 * @property {string} [userData]
 * @property {'hangup' | 'switchToAudio'} [cmd] instead of the call's own kind
 * @property {number} [seconds] of a hangup notice
 * @property {boolean} [busy]
 * @property {string[]} [userIDs]
 * @property {string} [initialCallId]
 * @property {string[]} [inCall]
 * @property {boolean} [hidden] not counted as unread
 *
 * @typedef {Outer & {kind: 'invite' | 'hangup' | 'switch' | 'answer', type: number, caller: string, busy: boolean,
 *   room: import('../core/protocol.js').RoomId | null, userData: string, seconds: number, initialCallId: string,
 *   inCall: string[], consumed: boolean, from: string, timeMs: number, inviteData: object}} Signal
 */

/**
 * The payload of a message of kind `custom`.
 * @param {Outer} outer
 * @param {Inner} inner
 */
export function payload(outer, inner) {
  const data = JSON.stringify({
    businessID: 1,
    inviteID: outer.inviteID,
    inviter: outer.inviter,
    actionType: outer.action,
    inviteeList: outer.inviteeList,
    data: JSON.stringify(innerData(inner)),
    timeout: outer.action === Action.INVITE ? (outer.timeout ?? 0) : 0,
    groupID: outer.groupID,
  });
  return { data, description: '', extension: '' };
}

/** @param {Inner} inner */
function innerData(inner) {
  const { type, caller, room, cmd } = inner;
  const rooms = room === undefined || room === null ? null : { number: typeof room === 'number' ? room : 0, text: typeof room === 'string' ? room : '' };
  return {
    userData: inner.userData ?? '',
    version: 4,
    call_type: type,
    ...(rooms && { room_id: rooms.number }),
    ...(cmd === 'hangup' && { call_end: inner.seconds ?? 0 }),
    ...(inner.busy && { line_busy: 'line_busy' }),
    ...(cmd === 'switchToAudio' && { switch_to_audio_call: SWITCH_TO_AUDIO }),
    ...(inner.inCall && { inCallUserIDs: inner.inCall }),
    businessID: 'av_call',
    platform: 'Web',
    data: {
      cmd: cmd ?? (type === 2 ? 'videoCall' : 'audioCall'),
      ...(rooms && { room_id: rooms.number, str_room_id: rooms.text }),
      inviter: caller,
      message: inner.busy ? 'lineBusy' : '',
      ...(inner.userIDs && { userIDs: inner.userIDs }),
      ...(inner.initialCallId !== undefined && { initialCallId: inner.initialCallId }),
      ...(inner.hidden && { excludeFromHistoryMessage: true }),
    },
  };
}

/**
 * @param {import('../core/protocol.js').Message} message
 * @returns {Signal | null} `null`: no call message
 */
export function parse(message) {
  if (message.kind !== 'custom') return null;
  const outer = object(message.payload?.data);
  if (outer?.businessID !== 1) return null;
  const inner = object(outer.data);
  if (inner?.businessID !== 'av_call' || typeof outer.inviteID !== 'string') return null;
  const nested = inner.data && typeof inner.data === 'object' ? inner.data : {};
  const inviteeList = texts(outer.inviteeList);
  return {
    inviteID: outer.inviteID,
    inviter: String(outer.inviter ?? ''),
    action: Number(outer.actionType),
    inviteeList,
    timeout: Number(outer.timeout) || 0,
    groupID: String(outer.groupID ?? ''),
    kind: kindOf(outer, inner, nested),
    type: Number(inner.call_type) === 1 ? 1 : 2,
    caller: String(nested.inviter || outer.inviter || ''),
    busy: 'line_busy' in inner || nested.message === 'lineBusy',
    room: nested.str_room_id || Number(inner.room_id || nested.room_id) || null,
    userData: String(inner.userData ?? inner.extInfo ?? inner.extraInfo ?? ''),
    seconds: Number(inner.call_end) || 0,
    initialCallId: String(nested.initialCallId || ''),
    inCall: texts(inner.inCallUserIDs),
    consumed: nested.consumed === true,
    from: message.from,
    timeMs: message.timeMs,
    inviteData: inner,
  };
}

/**
 * @param {any} outer
 * @param {any} inner
 * @param {any} nested
 * @returns {Signal['kind']}
 */
function kindOf(outer, inner, nested) {
  if (nested.cmd === 'hangup') return 'hangup';
  if (inner.switch_to_audio_call === SWITCH_TO_AUDIO || nested.cmd === 'switchToAudio') return 'switch';
  return Number(outer.actionType) === Action.INVITE ? 'invite' : 'answer';
}

/** @param {any} text @returns {any} */
function object(text) {
  if (typeof text !== 'string') return null;
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' ? value : null;
  } catch {
    // Some other application's message.
    return null;
  }
}

/** @param {any} list @returns {string[]} */
function texts(list) {
  return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [];
}
