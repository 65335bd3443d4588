// Every sequence as a test, on one server.
import test, { after, before } from 'node:test';
import { Device } from './device.mjs';
import { Stage } from './stage.mjs';
import { compare, transcribe } from './transcript.mjs';
import { APP, NEWEST_WINS, startServer } from './world.mjs';

/** Short, so that a lost phone is seen soon; long enough for one that comes back on a busy machine. */
const SERVER = { CARILLON_CALL_GRACE_MS: '4000', CARILLON_GATEWAY_RESUME_WITHIN_MS: '10000' };

/**
 * @param {{folder: string, Kind: typeof Device, sequences: Record<string, (w: Stage) => Promise<void>>, kicks: Record<string, (w: Stage) => Promise<void>>}} options
 */
export function playAll({ folder, Kind, sequences, kicks }) {
  let server;
  before(async () => { server = await startServer(SERVER); });
  after(async () => { await server?.stop(); });
  const all = [
    ...Object.entries(sequences).map(([name, play], i) => ({ name, play, app: APP + i })),
    ...Object.entries(kicks).map(([name, play], i) => ({ name, play, app: APP + NEWEST_WINS + i })),
  ];
  const only = process.env.KIT_ONLY ?? '';
  for (const { name, play, app } of all.filter((one) => one.name.includes(only))) {
    test(name, async () => {
      const stage = new Stage(server, app, Kind);
      try {
        await play(stage);
        await stage.quiet();
        const transcript = await transcribe(server, app, stage.all, stage.conversations);
        await compare(`${folder}/${name}`, transcript, { anyOrder: Boolean(Kind.delay), eitherFirst: Kind.eitherFirst.has(name) });
      } finally {
        await Device.endAll();
      }
    });
  }
}
