// The scenes that are measured: who calls whom, how long, and what is asked of it.
import { CAMERA, Call } from './call.mjs';
import { ENOUGH_PICTURES, figures } from './figures.mjs';
import { judgePicture, quantile } from './judge.mjs';

const CLEAR_MS = 4_000;
const JOIN_WITHIN_MS = 20_000;
const JOINERS = 10;
const JOIN_TARGET_MS = 10_000;
const LONG_MS = 120_000;
const DIRECT_MS = 12_000;
/** After the lift of a cap the rate is back at this share of the camera's, or is given up after so long. */
const BACK_SHARE = 0.9;
const BACK_WITHIN_MS = 40_000;

/**
 * @typedef {{seed: number, settleMs?: number, measureMs?: number, speech: Buffer, ear: import('./judge.mjs').Ear}} How
 * @param {import('./cells.mjs').Cell} cell @param {How} how
 * @returns {Promise<Record<string, number | null>>}
 */
export async function measure(cell, how) {
  const call = await Call.start(how);
  try {
    const all = { settleMs: 10_000, measureMs: 30_000, ...how };
    switch (cell.scene ?? 'pair') {
      case 'pair': return await pair(call, cell, all);
      case 'long': return await pair(call, cell, { ...all, measureMs: LONG_MS });
      case 'lift': return await lift(call, cell, all);
      case 'joins': return await joins(call, cell, all);
      case 'shared': return await shared(call, cell, all);
      case 'four': return await four(call, cell, all);
      default: throw new Error(`there is no scene ${cell.scene}`);
    }
  } finally {
    await call.stop();
  }
}

async function pair(call, cell, how) {
  const direct = cell.most?.overDirectMs === undefined ? null : await directLatency(call, how);
  const pages = await begin(call, cell);
  const result = await watch(call, cell, pages, how);
  const join = await joinNow(call, cell.weather.downlink, 'joiner', JOIN_WITHIN_MS);
  const beyond = direct === null ? {} : { directMs: direct, overDirectMs: result.latencyMs - direct };
  return { ...result, joinMs: join.firstFrame, joinConnectedMs: join.connected, ...beyond };
}

/** From a cap until it has gone and the camera has its rate again. */
async function lift(call, cell, how) {
  const pages = await begin(call, cell);
  const result = await watch(call, cell, pages, how);
  await call.rainUp('publisher');
  await call.rainDown('player');
  const lifted = Date.now();
  const wanted = BACK_SHARE * (cell.weather.camera ?? CAMERA).maxBitrate;
  let back = null;
  while (back === null && Date.now() - lifted < BACK_WITHIN_MS) {
    await sleep(250);
    const { out } = await call.look(pages.publisher, pages.player);
    if (out.target >= wanted) back = Date.now() - lifted;
  }
  return { ...result, backMs: back };
}

/** Sets up in clear weather; what follows has the cell's. */
export async function begin(call, { weather }) {
  const [publisher, player] = [await call.page(0), await call.page(1)];
  await call.publish(publisher, 'publisher', { camera: weather.camera });
  await call.play(player, 'player');
  await call.runs(player, 'player');
  await sleep(CLEAR_MS);
  await call.rainUp('publisher', weather.uplink);
  await call.rainDown('player', weather.downlink);
  return { publisher, player };
}

/** Picture, sound and traffic of the next `measureMs`, after `settleMs`. */
export async function watch(call, { weather }, { publisher, player }, { settleMs, measureMs, ear }) {
  await sleep(settleMs);
  const before = await call.look(publisher, player);
  const judged = await listen(player, 'player', measureMs, ear);
  const after = await call.look(publisher, player);
  const capped = [weather.uplink, weather.downlink].some((leg) => leg?.media?.kbps);
  return { ...judged, ...figures(before, after, weather.camera ?? CAMERA, capped) };
}

/** Picture and sound of the next `ms`. */
async function listen(page, name, ms, ear) {
  await page.evaluate((n) => globalThis.takeRecording(n), name);
  const from = Date.now();
  await sleep(ms);
  const to = Date.now();
  const { frames, sound, rate } = await page.evaluate((n) => globalThis.takeRecording(n), name);
  const bytes = Buffer.from(sound, 'base64');
  const recorded = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  return { ...judgePicture(frames, from, to), stoi: ear.judge(recorded, rate) };
}

/** A call of the same two browsers without a server. */
async function directLatency(call, { settleMs, ear }) {
  const [from, to] = [await call.page(0), await call.page(1)];
  await call.direct(from, to);
  await call.runs(to, 'direct');
  await sleep(settleMs);
  const { latencyMs } = await listen(to, 'direct', DIRECT_MS, ear);
  await Promise.all([from.close(), to.close()]);
  return latencyMs;
}

/** One more player comes in this weather. */
export async function joinNow(call, leg, name, within) {
  const page = await call.page(1);
  await call.play(page, name, { leg });
  await page.waitForFunction((n) => globalThis.__seen[n].frames.length > 0, name, { timeout: within }).catch(() => {});
  const times = await page.evaluate((n) => globalThis.joinTimes(n), name);
  await page.close();
  return times;
}

async function joins(call, cell, { settleMs }) {
  const publisher = await call.page(0);
  await call.publish(publisher, 'publisher', { camera: cell.weather.camera });
  await sleep(CLEAR_MS);
  await call.rainUp('publisher', cell.weather.uplink);
  await sleep(settleMs);
  const times = [];
  for (let n = 0; n < JOINERS; n += 1) {
    times.push((await joinNow(call, cell.weather.downlink, `joiner${n}`, JOIN_WITHIN_MS)).firstFrame ?? Infinity);
  }
  const median = /** @type {number} */ (quantile(times, 0.5));
  return { joinedOf10: times.filter((ms) => ms <= JOIN_TARGET_MS).length, joinMs: Number.isFinite(median) ? median : null };
}

/** Two publishers behind one uplink, a player for each. */
async function shared(call, { weather }, { settleMs, measureMs, ear }) {
  const pairs = [];
  for (const user of ['one', 'two']) {
    const [publisher, player] = [await call.page(0), await call.page(1)];
    await call.publish(publisher, user, { link: 'house', camera: weather.camera });
    await call.play(player, `${user}s`, { from: user });
    await call.runs(player, `${user}s`);
    pairs.push({ publisher, player, name: `${user}s` });
  }
  await sleep(CLEAR_MS);
  await call.rainUp('house', weather.uplink);
  await sleep(settleMs);
  const look = (p) => call.look(p.publisher, p.player, { up: 'house', down: p.name });
  const before = await Promise.all(pairs.map(look));
  const judged = await Promise.all(pairs.map((p) => listen(p.player, p.name, measureMs, ear)));
  const after = await Promise.all(pairs.map(look));
  const each = pairs.map((_, i) => ({ ...judged[i], ...figures(before[i], after[i], weather.camera ?? CAMERA, true) }));
  const rates = each.map((figure) => figure.videoKbps);
  const worse = worst(each);
  // The link's bytes are those of both.
  const once = each.reduce((sum, one) => sum + (one.uplinkKbps - one.redKbps) / one.uplinkTimes, 0);
  const redKbps = each.reduce((sum, one) => sum + one.redKbps, 0);
  return { ...worse, redKbps, uplinkTimes: (worse.uplinkKbps - redKbps) / once, share: Math.max(...rates) / Math.min(...rates) };
}

/** Four who see each other; judged is what the last three see of each other, before and while the first one has bad weather. */
async function four(call, { weather }, { settleMs, measureMs, ear }) {
  const names = ['ann', 'bea', 'cyn', 'dot'];
  const pages = [];
  for (const [i, name] of names.entries()) {
    pages.push(await call.page(i % 2));
    await call.publish(pages[i], name, { camera: weather.camera });
  }
  const views = names.flatMap((by, i) => names.filter((of) => of !== by).map((of) => ({ page: pages[i], by, of, name: `${by}-${of}` })));
  const judged = views.filter(({ by, of }) => by !== names[0] && of !== names[0]);
  for (const view of views) await call.play(view.page, view.name, { from: view.of, judged: judged.includes(view) });
  for (const view of judged) await call.runs(view.page, view.name);
  const see = async () => {
    await sleep(settleMs);
    return worst(await Promise.all(judged.map((view) => listen(view.page, view.name, measureMs, ear))));
  };
  const clean = await see();
  await call.rainUp(names[0], weather.uplink);
  for (const view of views.filter(({ by }) => by === names[0])) await call.rainDown(view.name, weather.downlink);
  const rainy = await see();
  const ofClean = (key) => Number(rainy[key]) / Number(clean[key]);
  // Nothing freezes in clear weather but for want of the processor.
  const starved = Number(Number(clean.freeze) > 0 || clean.fps < ENOUGH_PICTURES * (weather.camera ?? CAMERA).size.fps);
  return {
    ...rainy, starved, cleanFps: clean.fps, cleanFreeze: clean.freeze, cleanStoi: clean.stoi,
    fpsOfClean: ofClean('fps'), stoiOfClean: ofClean('stoi'), freezeOverClean: Number(rainy.freeze) - Number(clean.freeze),
  };
}

/** Figure by figure the worst of several. */
function worst(all) {
  const least = new Set(['fps', 'stoi', 'height', 'videoKbps', 'targetKbps', 'drawnFps', 'encodedFps']);
  return Object.fromEntries(Object.keys(all[0]).map((key) => [key, (least.has(key) ? Math.min : Math.max)(...all.map((one) => one[key] ?? (least.has(key) ? 0 : Infinity)))]));
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
