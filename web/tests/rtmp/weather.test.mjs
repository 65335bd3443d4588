// A page behind a bad network, and those who play its stream over TCP: times that never step back nor leave anything out, sound
// without holes, few freezes. A page publishes through the impairment proxy; one player takes HTTP-FLV, one (ffmpeg) RTMP.
// CARILLON_FIGURES=1 holds what is promised; without it the bounds are those of a machine that does other things.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, afterEach, before, describe, it } from 'node:test';
import { until } from '../browser/support/user.mjs';
import { Proxy } from '../weather/proxy.mjs';
import { shareUrgency } from '../weather/priority.mjs';
import { Call } from './support/call.mjs';
import { keep } from './support/phone.mjs';
import { complaints, forget, holesInTone, judgeTimes, newFile, playWith, Recording, tagsOf } from './support/recording.mjs';

const STRICT = Boolean(process.env.CARILLON_FIGURES);
/** Percent. */
const BOUNDS = STRICT ? { freeze: 2, holes: 1 } : { freeze: 20, holes: 10 };
/** Milliseconds: of clear weather, of bad weather that is not judged by freezes and holes, and that is. */
const [CLEAR, SETTLE, JUDGED] = STRICT ? [4_000, 10_000, 25_000] : [3_000, 6_000, 8_000];
/** One way; a live-player's caches, by its defaults and in RTC mode. */
const [DELAY, CACHES] = [20, [200, 1_000]];
const both = (profile) => ({ up: { delay_ms: DELAY, ...profile }, down: { delay_ms: DELAY, ...profile } });
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

describe('players of a page behind a bad network', { timeout: 600_000 }, () => {
  const call = new Call();
  const proxy = new Proxy();
  let urgency;
  before(() => {
    urgency = setInterval(() => shareUrgency(), 1_000);
    // All rooms behind one port.
    return call.start({ CARILLON_LISTEN_MEDIA_WORKERS: '1' });
  });
  afterEach(() => call.allLeave());
  after(async () => {
    clearInterval(urgency);
    await proxy.stop();
    await call.end();
  });

  /** ffmpeg writes what it gets by RTMP into a file. */
  function copy(url) {
    const file = newFile();
    const child = spawn('ffmpeg', ['-v', 'warning', '-nostdin', '-i', url, '-c', 'copy', '-f', 'flv', '-y', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    keep(child);
    let log = '';
    child.stderr.on('data', (text) => { log += text; });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    return { file, log: () => log, stop: () => { child.kill('SIGINT'); return gone; } };
  }

  async function record(name, weather) {
    const room = call.room();
    const through = await proxy.open(name, `127.0.0.1:${call.server.env.CARILLON_LISTEN_UDP_PORT}`, both({}), 7);
    await call.enter(room, 'amy', { through, tone: true });
    const flv = new Recording(await call.playUrl(room, 'tablet', 'amy', 'flv'));
    // Not before the room has turned to H.264.
    await until(() => flv.tags.length > 200, () => `${flv.tags.length} tags\n${call.server.log.slice(-3000)}`);
    const rtmp = copy(await call.playUrl(room, 'phone', 'amy'));
    await wait(CLEAR);
    await proxy.set(name, both(weather));
    await wait(SETTLE);
    const since = flv.tags[flv.tags.length - 1].at;
    await wait(JUDGED);
    const counters = await proxy.counters(name);
    await Promise.all([flv.stop(), rtmp.stop()]);
    return { flv, rtmp, since, counters };
  }

  async function judge(name, weather) {
    const { flv, rtmp, since, counters } = await record(name, weather);
    const copied = await tagsOf(rtmp.file);
    const [whole, later, other] = [judgeTimes(flv.tags), judgeTimes(flv.tags, since), judgeTimes(copied)];
    const holes = await holesInTone(flv.file, (since - flv.tags[0].at) / 1000);
    const said = [...rtmp.log().split('\n').filter(Boolean), ...await complaints(flv.file), ...await complaints(rtmp.file)];
    const settled = flv.tags.filter(({ at }) => at >= since);
    const played = CACHES.map((ms) => [ms, playWith(ms, settled)]);
    await Promise.all([flv, rtmp].map(({ file }) => forget(file)));
    const lost = ((100 * counters.up.lost) / Math.max(counters.up.packets, 1)).toFixed(0);
    console.log(`${name}: ${later.fps.toFixed(1)} pictures/s, freeze ${later.freeze.toFixed(1)} % (longest ${later.longest} ms; ${whole.freeze.toFixed(1)} % with the change of weather, longest ${whole.longest} ms); promised at most 2 %`);
    console.log(`${name}: ${whole.back} and ${other.back} steps back, ${whole.gaps} and ${other.gaps} gaps in sound (longest step ${whole.longestSound} ms), tone missing ${holes.toFixed(1)} %, ffmpeg and ffprobe complain ${said.length} times (HTTP-FLV and RTMP; promised none); ${lost} % of the page's packets lost`);
    console.log(`${name}: stands still ${played.map(([ms, { stood, kept }]) => `${stood.toFixed(1)} % with a cache of ${ms} ms (which grows to ${kept.toFixed(0)} ms)`).join(', ')}`);
    assert.deepEqual([whole.back, other.back, whole.gaps, other.gaps], [0, 0, 0, 0], 'steps back and gaps in sound, over HTTP-FLV and RTMP');
    assert.deepEqual(said, [], 'complaints of ffmpeg and ffprobe');
    assert.ok(later.freeze <= BOUNDS.freeze, `freeze ${later.freeze} %`);
    assert.ok(holes <= BOUNDS.holes, `tone missing ${holes} %`);
  }

  it('good_paths_leave_nothing_to_wish_for', () => judge('clear', {}));
  it('thirty_percent_loss_is_not_seen', () => judge('loss30', { loss: 30 }));
  it('half_a_second_of_jitter_is_not_seen', () => judge('jitter500', { jitter_ms: 500 }));
});
