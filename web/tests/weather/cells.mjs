// The weathers that a call must live through, and what must come of it there.

/** Loss of media both ways; the feedback halves stay clean. */
const both = (media) => ({ uplink: { media }, downlink: { media } });
const all = (profile) => ({ uplink: { media: profile, feedback: profile }, downlink: { media: profile, feedback: profile } });

/**
 * `least` and `most` bound the figures of judge.mjs and call.mjs.
 * @type {Record<string, {weather: import('./call.mjs').Weather, least?: Record<string, number>, most?: Record<string, number>}>}
 */
export const CELLS = {
  clean: { weather: {}, least: { fps: 29, stoi: 0.96, videoKbps: 700 }, most: { freeze: 0, downlinkTimes: 1.05, uplinkTimes: 1.05 } },
  loss10: { weather: both({ loss: 10 }), least: { fps: 28, stoi: 0.95 }, most: { freeze: 1, latencyMs: 200 } },
  loss30: { weather: both({ loss: 30 }), least: { fps: 28, stoi: 0.95 }, most: { freeze: 1, latencyMs: 200 } },
  loss50: { weather: both({ loss: 50 }), least: { fps: 25, stoi: 0.93 }, most: { freeze: 3, joinMs: 2_000 } },
  loss70: { weather: both({ loss: 70 }), least: { fps: 24, stoi: 0.9 }, most: { freeze: 5, latencyMs: 300, joinMs: 5_000, downlinkTimes: 10, uplinkTimes: 10 } },
  loss80: { weather: both({ loss: 80 }), least: { fps: 15, stoi: 0.85 }, most: { joinMs: 10_000, downlinkTimes: 20, uplinkTimes: 20 } },
  ...jitter(200), ...jitter(500), ...jitter(1000),
  burst30: { weather: both({ loss: 30, burst: 8 }), least: { fps: 25 } },
  outages: { weather: both({ outage_every_ms: 10_000, outage_ms: 1_000 }), least: { fps: 22 }, most: { longestMs: 1_500 } },
  all50: { weather: all({ loss: 50 }), least: { fps: 20, stoi: 0.9 } },
  rtt200loss30: { weather: both({ loss: 30, delay_ms: 50 }), least: { fps: 25, stoi: 0.93 } },
  rtt200loss50: { weather: both({ loss: 50, delay_ms: 50 }), least: { fps: 20, stoi: 0.9 } },
  uplinkCap600: { weather: { uplink: { media: { kbps: 600, queue_ms: 200 } }, camera: camera(640, 360, 30, 1_500) }, least: { stoi: 0.95 }, most: { longestMs: 1_000 } },
  downlinkCap600: { weather: { downlink: { media: { kbps: 600, queue_ms: 200 } }, camera: camera(640, 360, 30, 1_500) }, least: { stoi: 0.95 }, most: { longestMs: 1_000 } },
  cap500loss20: { weather: { uplink: { media: { kbps: 500, loss: 20 } } }, least: { fps: 15, stoi: 0.9 } },
  hd30: { weather: { ...both({ loss: 30 }), camera: camera(1280, 720, 15, 2_000) }, least: { fps: 13, stoi: 0.93 }, most: { freeze: 3 } },
  hd50: { weather: { ...both({ loss: 50 }), camera: camera(1280, 720, 15, 2_000) }, least: { fps: 13, stoi: 0.93 }, most: { freeze: 3 } },
};

function jitter(ms) {
  const media = { jitter_ms: ms };
  const kept = { jitter_ms: ms, reorder: false };
  const figures = { least: { fps: 28, stoi: 0.93 }, most: { freeze: 2, downlinkTimes: 1.2, latencyMs: 2 * ms + 300 } };
  const half = { ...figures, most: { ...figures.most, latencyMs: ms + 400 } };
  return {
    [`jitter${ms}`]: { weather: both(media), ...figures },
    [`jitter${ms}up`]: { weather: { uplink: { media } }, ...half },
    [`jitter${ms}down`]: { weather: { downlink: { media } }, ...half },
    [`jitter${ms}inorder`]: { weather: both(kept), ...figures },
  };
}

function camera(width, height, fps, kbps) {
  return { size: { width, height, fps }, maxBitrate: kbps * 1000 };
}

/** @returns {string[]} the bounds that a result does not keep */
export function missed({ least = {}, most = {} }, result) {
  const below = Object.entries(least).filter(([name, bound]) => !(result[name] >= bound)).map(([name, bound]) => `${name} < ${bound}`);
  const above = Object.entries(most).filter(([name, bound]) => !(result[name] !== null && result[name] <= bound)).map(([name, bound]) => `${name} > ${bound}`);
  return [...below, ...above];
}
