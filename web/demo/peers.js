// Who takes part in the call, as the page shows it.

/** Who is to be seen beside oneself: those in the room, and those still being asked. */
export function peersOf({ call, me }) {
  if (!call) return [];
  const inRoom = new Map(call.remoteUsers.map((one) => [one.userID, { ...one, state: 'in' }]));
  const waiting = call.invitees.filter((one) => !inRoom.has(one.userID) && (one.state === 'waiting' || one.state === 'accepted'));
  const peers = [...inRoom.values(), ...waiting.map((one) => ({ userID: one.userID, state: one.state === 'accepted' ? 'joining' : 'ringing' }))];
  if (call.role === 'invitee' && !call.isGroup && !peers.some((one) => one.userID === call.inviter)) peers.push({ userID: call.inviter, state: 'joining' });
  return peers.filter((one) => one.userID && one.userID !== me?.user);
}

/**
 * By user and track: the codec in which it comes and that this browser lacks, so that nothing of it can be seen.
 * @typedef {Record<string, Record<string, string>>} Unplayable
 */

/**
 * After the server's `room.unplayable`; no codec means that the track comes again.
 * @param {Unplayable} unplayable
 * @param {{user: string, track: string, codec: string|null}} told
 * @returns {Unplayable}
 */
export function withUnplayable(unplayable, { user, track, codec }) {
  const tracks = { ...unplayable[user] };
  if (codec) tracks[track] = codec;
  else delete tracks[track];
  return { ...unplayable, [user]: tracks };
}

/**
 * After `user` has left: the next seat may bring another browser.
 * @param {Unplayable} unplayable
 * @param {string} user
 * @returns {Unplayable}
 */
export function withoutUser(unplayable, user) {
  const { [user]: _, ...others } = unplayable;
  return others;
}
