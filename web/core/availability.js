/** What of a participant can be seen and heard now: it is on, and it reaches the server. */

/** @param {import('./protocol.js').Tracks} tracks @param {import('./protocol.js').TrackName} name */
const isOn = (tracks, name) => tracks[name]?.state === 'on' && tracks[name]?.live === true;

/** @param {import('./protocol.js').Tracks} tracks */
export function availability(tracks) {
  return { video: isOn(tracks, 'camera'), audio: isOn(tracks, 'microphone'), screen: isOn(tracks, 'screen') };
}
