// Random histories of both engine generations. KIT_HISTORIES=1000 plays more, KIT_SEED=7 starts at another seed.
import test, { after, before } from 'node:test';
import { Device } from './support/device.mjs';
import { RandomHistory } from './support/history.mjs';
import { APP, startServer } from './support/world.mjs';

const COUNT = Number(process.env.KIT_HISTORIES ?? 10);
const FIRST = Number(process.env.KIT_SEED ?? 1);
/** Apps of the server in which all devices of a user may be signed in. */
const APPS = 100;

let server;
before(async () => { server = await startServer({ CARILLON_CALL_GRACE_MS: '1000', CARILLON_CHAT_INVITATIONS_PER_MINUTE: '1000' }); });
after(async () => { await server?.stop(); });

for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
  test(`history ${seed}`, async () => {
    if ((seed - FIRST) % APPS === 0 && seed > FIRST) {
      await server.stop();
      server = await startServer({ CARILLON_CALL_GRACE_MS: '1000', CARILLON_CHAT_INVITATIONS_PER_MINUTE: '1000' });
    }
    const history = new RandomHistory(server, APP + ((seed - FIRST) % APPS), seed);
    try {
      await history.play();
      await history.check();
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}\n${history.log.join('\n')}`;
      throw error;
    } finally {
      await Device.endAll();
    }
  });
}
