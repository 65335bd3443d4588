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
