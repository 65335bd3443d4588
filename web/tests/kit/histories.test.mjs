// Random histories of both engine generations. KIT_HISTORIES=1000 plays more, KIT_SEED=7 starts at another seed.
import { after, before, describe, it } from 'node:test';
import { APP, startServer } from './support/world.mjs';

/** Read when the engines are loaded. Nothing here waits for the moment between the callee's time-out and the caller's. */
process.env.KIT_SPEED ??= '25';
const { RandomHistory } = await import('./support/history.mjs');

const COUNT = Number(process.env.KIT_HISTORIES ?? 40);
const FIRST = Number(process.env.KIT_SEED ?? 1);
/** Apps of the server in which all devices of a user may be signed in. */
const APPS = 100;

/** At once: while one pauses, another goes on. */
const SIDE_BY_SIDE = 3;

for (let first = FIRST; first < FIRST + COUNT; first += APPS) {
  describe(`histories from ${first}`, { concurrency: SIDE_BY_SIDE }, () => {
    let server;
    before(async () => { server = await startServer({ CARILLON_CALL_GRACE_MS: '1000', CARILLON_CHAT_INVITATIONS_PER_MINUTE: '1000' }); });
    after(async () => { await server?.stop(); });
    for (let seed = first; seed < Math.min(first + APPS, FIRST + COUNT); seed++) it(`history ${seed}`, () => play(server, seed));
  });
}

async function play(server, seed) {
  const history = new RandomHistory(server, APP + ((seed - FIRST) % APPS), seed);
  try {
    await history.play();
    await history.check();
  } catch (error) {
    error.message = `seed ${seed}: ${error.message}\n${history.log.join('\n')}`;
    throw error;
  } finally {
    await history.end();
  }
}
