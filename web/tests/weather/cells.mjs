// The weathers that a call must live through, and what must come of it there. Names are those of the model's table
// (server/sfu/tests/browsers/cells.rs).

/** Loss of media both ways; the feedback halves stay clean. */
const both = (media) => ({ uplink: { media }, downlink: { media } });
const all = (profile) => ({ uplink: { media: profile, feedback: profile }, downlink: { media: profile, feedback: profile } });
/** 200 ms from end to end and back. */
const far = (loss) => {
  const leg = { media: { loss, delay_ms: 50 }, feedback: { delay_ms: 50 } };
  return { uplink: leg, downlink: leg };
};

/** A cell counts only where the picture keeps its size and something of its quality. */
const WHOLE = { height: 360, videoKbps: 300 };
const WHOLE_HD = { height: 720, videoKbps: 300 };
const WIDE = camera(640, 360, 30, 1_500);

/**
 * `least` and `most` bound the figures of judge.mjs and call.mjs; `at` is the cell's place in the picture.
 * Scenes: one publishes and one plays (`pair`, where none is named); `long`: for 120 s; `lift`: the cap goes at the end; `joins`: ten
 * players come one after the other; `shared`: two publishers behind one uplink; `four` who see each other, the weather is the first one's.
 * @typedef {'pair' | 'long' | 'lift' | 'joins' | 'shared' | 'four'} Scene
 * @typedef {{loss?: number, jitter?: number, way?: 'both' | 'up' | 'down', ordered?: boolean}} Place
 * @typedef {{weather: import('./call.mjs').Weather, scene?: Scene, least?: Record<string, number>, most?: Record<string, number>, at?: Place}} Cell
 * @type {Record<string, Cell>}
 */
export const CELLS = {
  clean: {
    at: { loss: 0 }, weather: {}, least: { fps: 29, stoi: 0.96, height: 360, videoKbps: 700 },
    most: { freeze: 0, overDirectMs: 30, downlinkTimes: 1.05, uplinkTimes: 1.05 },
  },
  ...loss(10, { least: { fps: 28, stoi: 0.95 }, most: { freeze: 1, latencyMs: 200 } }),
  ...loss(30, { least: { fps: 28, stoi: 0.95 }, most: { freeze: 1, latencyMs: 200 } }),
  ...loss(50, { least: { fps: 25, stoi: 0.93 }, most: { freeze: 3, joinMs: 2_000 } }),
  ...loss(70, { least: { fps: 24, stoi: 0.9 }, most: { freeze: 5, latencyMs: 300, joinMs: 5_000, downlinkTimes: 10, uplinkTimes: 10 } }),
  ...loss(80, { least: { fps: 15, stoi: 0.85 }, most: { joinMs: 10_000, downlinkTimes: 20, uplinkTimes: 20 } }),
  loss80long: { scene: 'long', weather: both({ loss: 80 }), least: { fps: 15, stoi: 0.85, ...WHOLE }, most: { drops: 0 } },
  loss80joins: { scene: 'joins', weather: both({ loss: 80 }), least: { joinedOf10: 7 } },
  ...jitter(200), ...jitter(500), ...jitter(1000),
  burst30: { weather: both({ loss: 30, burst: 8 }), least: { fps: 25, ...WHOLE } },
  // 25 pictures a second while there is a network; back half a second after it is.
  outages: { weather: both({ outage_every_ms: 10_000, outage_ms: 1_000 }), least: { fps: 22, ...WHOLE }, most: { longestMs: 1_500 } },
  all50: { weather: all({ loss: 50 }), least: { fps: 20, stoi: 0.9, ...WHOLE } },
  rtt200loss30: { weather: far(30), least: { fps: 25, stoi: 0.93, ...WHOLE } },
  rtt200loss50: { weather: far(50), least: { fps: 20, stoi: 0.9, ...WHOLE } },
  cap600up: cap({ uplink: { media: { kbps: 600, queue_ms: 200 } } }),
  cap600down: cap({ downlink: { media: { kbps: 600, queue_ms: 200 } } }),
  cap500loss20up: { weather: { uplink: { media: { kbps: 500, queue_ms: 200, loss: 20 } }, camera: WIDE }, least: { fps: 15, stoi: 0.9 } },
  cap500loss20down: { weather: { downlink: { media: { kbps: 500, queue_ms: 200, loss: 20 } }, camera: WIDE }, least: { fps: 15, stoi: 0.9 } },
  cap1200of2: { scene: 'shared', weather: { uplink: { media: { kbps: 1_200, queue_ms: 200 } }, camera: WIDE }, most: { share: 2 } },
  hd30: { weather: { ...both({ loss: 30 }), camera: camera(1280, 720, 15, 2_000) }, least: { fps: 13, stoi: 0.93, ...WHOLE_HD }, most: { freeze: 3 } },
  hd50: { weather: { ...both({ loss: 50 }), camera: camera(1280, 720, 15, 2_000) }, least: { fps: 13, stoi: 0.93, ...WHOLE_HD }, most: { freeze: 3 } },
  // Small pictures: four encoders and twelve decoders share this machine. Shares of what the same three saw just before, in clear weather.
  oneoffour70: {
    scene: 'four', weather: { ...both({ loss: 70 }), camera: camera(320, 180, 15, 200) },
    least: { fpsOfClean: 0.95, stoiOfClean: 0.97 }, most: { freezeOverClean: 1 },
  },
};

function loss(percent, { least, most }) {
  return { [`loss${percent}`]: { at: { loss: percent }, weather: both({ loss: percent }), least: { ...least, ...WHOLE }, most } };
}

function jitter(ms) {
  /** @type {Record<string, Cell>} */
  const cells = {};
  for (const ordered of [false, true]) {
    const media = { jitter_ms: ms, reorder: !ordered };
    for (const [way, weather, latencyMs] of /** @type {const} */ ([
      ['both', both(media), 2 * ms + 300], ['up', { uplink: { media } }, ms + 400], ['down', { downlink: { media } }, ms + 400],
    ])) {
      cells[`jitter${ms}${way === 'both' ? '' : way}${ordered ? 'inorder' : ''}`] = {
        at: { jitter: ms, way, ordered }, weather, least: { fps: 28, stoi: 0.93, ...WHOLE },
        most: { freeze: 2, latencyMs, uplinkTimes: 1.2, downlinkTimes: 1.2 },
      };
    }
  }
  return cells;
}

/** @param {import('./call.mjs').Weather} weather @returns {Cell} */
function cap(weather) {
  const most = { longestMs: 1_000, queueP95Ms: 150, backMs: 10_000 };
  return { scene: 'lift', weather: { ...weather, camera: WIDE }, least: { stoi: 0.95 }, most };
}

function camera(width, height, fps, kbps) {
  return { size: { width, height, fps }, maxBitrate: kbps * 1000 };
}

/** @returns {string[]} the bounds that a result does not keep */
export function missed({ least = {}, most = {} }, result) {
  const figure = (name) => (Number.isFinite(result[name]) ? String(Math.round(result[name] * 100) / 100) : '-');
  const below = Object.entries(least).filter(([name, bound]) => !(result[name] >= bound)).map(([name, bound]) => `${name} ${figure(name)} < ${bound}`);
  const above = Object.entries(most).filter(([name, bound]) => !(Number.isFinite(result[name]) && result[name] <= bound))
    .map(([name, bound]) => `${name} ${figure(name)} > ${bound}`);
  return [...below, ...above];
}
