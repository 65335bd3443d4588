// What two looks at a call's statistics and its links' counters tell of the time between them.

/** Of an encoder, of what it was asked for: below, the processor was too busy and not the network too bad. */
export const ENOUGH_PICTURES = 0.93;
const ENOUGH_BITS = 0.9;
/** Width of a bucket of the proxy's `waits`, ms. */
const WAIT_MS = 10;

/** Runs in the page: sums over the streams of one kind. */
export async function sums(type) {
  const sum = {
    video: 0, audio: 0, redundant: 0, repeated: 0, nacks: 0, plis: 0, samples: 0, concealed: 0, stretched: 0, discarded: 0, target: 0, encoded: 0, cpuLimited: 0,
    drawn: globalThis.__drawn ?? 0, states: globalThis.__states.map((states) => states.map((s) => s[1])),
  };
  for (const pc of globalThis.__peerConnections) {
    const stats = await pc.getStats();
    const transport = [...stats.values()].find((s) => s.type === 'transport');
    // Chromium wraps Opus in RED where that stands first in the answer; its statistics name Opus all the same.
    const answer = pc.remoteDescription?.sdp ?? '';
    const first = /m=audio \S+ \S+ (\d+)/.exec(answer)?.[1];
    const wrapped = answer.includes(`a=rtpmap:${first} red/`);
    const tag = /GCM/.test(transport?.srtpCipher ?? '') ? 16 : 10;
    for (const s of stats.values()) {
      if (s.type !== type) continue;
      const once = (s.packetsSent ?? 0) - (s.retransmittedPacketsSent ?? 0);
      const payload = (s.bytesSent ?? 0) - (s.retransmittedBytesSent ?? 0);
      // As on the wire: with header and authentication tag.
      sum[s.kind] += payload + once * (tag + (s.headerBytesSent ?? 0) / Math.max(1, s.packetsSent ?? 0));
      sum.repeated += s.retransmittedPacketsSent ?? 0;
      sum.nacks += s.nackCount ?? 0;
      sum.plis += s.pliCount ?? 0;
      sum.samples += s.totalSamplesReceived ?? 0;
      sum.concealed += s.concealedSamples ?? 0;
      sum.stretched += (s.insertedSamplesForDeceleration ?? 0) + (s.removedSamplesForAcceleration ?? 0);
      sum.discarded += s.packetsDiscarded ?? 0;
      // RED of depth 1, Chromium's own: the older frame and 5 bytes of headers (RFC 2198: 4 for the older block, 1 for the newer).
      if (s.kind === 'audio' && wrapped) sum.redundant += Math.max(0, (payload + 5 * once) / 2);
      if (s.kind === 'video') {
        sum.target = s.targetBitrate ?? 0;
        sum.encoded = s.framesEncoded ?? 0;
        sum.cpuLimited = s.qualityLimitationDurations?.cpu ?? 0;
      }
    }
  }
  return sum;
}

/**
 * @param {any} before @param {any} after looks of `Call.look` @param {import('./call.mjs').Camera} camera
 * @param {boolean} capped whether the network has a rate of its own
 */
export function figures(before, after, camera, capped) {
  const seconds = (after.at - before.at) / 1000;
  const grown = (of) => of(after) - of(before);
  const kbps = (of) => (grown(of) * 8) / 1000 / seconds;
  const redKbps = kbps((l) => l.out.redundant);
  const once = kbps((l) => l.out.video + l.out.audio) - redKbps;
  const uplinkKbps = kbps((l) => l.uplink.bytes);
  const downlinkKbps = kbps((l) => l.downlink.bytes);
  const videoKbps = kbps((l) => l.out.video);
  const drawnFps = grown((l) => l.out.drawn) / seconds;
  const encodedFps = grown((l) => l.out.encoded) / seconds;
  const wanted = Math.min(before.out.target, after.out.target, camera.maxBitrate) / 1000;
  const starved = drawnFps < ENOUGH_PICTURES * camera.size.fps || grown((l) => l.out.cpuLimited) > seconds / 10
    || (!capped && videoKbps < ENOUGH_BITS * wanted);
  return {
    videoKbps, targetKbps: after.out.target / 1000, drawnFps, encodedFps, starved: Number(starved),
    uplinkKbps, downlinkKbps, redKbps,
    uplinkTimes: (uplinkKbps - redKbps) / once, downlinkTimes: downlinkKbps / once,
    concealed: (100 * grown((l) => l.into.concealed)) / Math.max(1, grown((l) => l.into.samples)),
    // Played slower or faster, ms in a second.
    stretched: (1000 * grown((l) => l.into.stretched)) / Math.max(1, grown((l) => l.into.samples)),
    discarded: grown((l) => l.into.discarded),
    nacks: grown((l) => l.into.nacks), plis: grown((l) => l.into.plis), resent: grown((l) => l.out.repeated),
    ...(capped ? { queueP95Ms: Math.max(waited(before.uplink, after.uplink), waited(before.downlink, after.downlink)) } : {}),
    drops: dropped(after.out.states) + dropped(after.into.states),
  };
}

/** Connections that failed or never came; one that only hears nothing for a while is `disconnected`, and may come back. */
function dropped(all) {
  return all.filter((states) => states.includes('failed') || !states.includes('connected')).length;
}

/** 95th percentile of the time spent in a link's queue, ms. */
function waited(before, after) {
  const counts = after.waits.map((count, i) => count - before.waits[i]);
  let left = 0.05 * counts.reduce((a, b) => a + b, 0);
  for (let i = counts.length - 1; i >= 0; i -= 1) {
    left -= counts[i];
    if (left < 0) return (i + 1) * WAIT_MS;
  }
  return 0;
}
