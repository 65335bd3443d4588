// The unmodified mini-program engine 1.4.9 with the unmodified tsignaling-wx on our modules: what each device was told, in
// order, and which messages are stored, for every sequence of a call. KIT_RECORD=1 writes the expectation anew.
import test, { after, before } from 'node:test';
import { Device } from './support/device.mjs';
import { GROUPS } from './support/groups.mjs';
import { KICKS, PAIRS } from './support/sequences.mjs';
import { Stage } from './support/stage.mjs';
import { compare, transcribe } from './support/transcript.mjs';
import { APP, NEWEST_WINS, startServer } from './support/world.mjs';

let server;
before(async () => { server = await startServer({ CARILLON_CALL_GRACE_MS: '1000', CARILLON_GATEWAY_RESUME_WITHIN_MS: '5000' }); });
after(async () => { await server?.stop(); });

const all = [
  ...Object.entries({ ...PAIRS, ...GROUPS }).map(([name, play], i) => ({ name, play, app: APP + i })),
  ...Object.entries(KICKS).map(([name, play], i) => ({ name, play, app: APP + NEWEST_WINS + i })),
];
const only = process.env.KIT_ONLY;
for (const { name, play, app } of all.filter(({ name }) => !only || name.includes(only))) {
  test(name, async () => {
    const stage = new Stage(server, app);
    try {
      await play(stage);
      await stage.quiet();
      await compare(name, await transcribe(server, app, stage.all, stage.conversations));
    } finally {
      await Device.endAll();
    }
  });
}
