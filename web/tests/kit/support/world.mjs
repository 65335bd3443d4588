// A server of its own with one app, and UserSigs made by the vendor's package.
import { createRequire } from 'node:module';
import { Server } from '../../browser/support/server.mjs';

const require = createRequire(import.meta.url);
const { Api } = require('tls-sig-api-v2');

export const APP = 1400000001;
/** An app for each sequence: users of the same names that never met. The last hundred let the newest device win. */
const APPS = Array.from({ length: 200 }, (_, i) => ({ id: APP + i, devices: i < 100 ? 'all' : 'newest_wins' }));
export const NEWEST_WINS = 100;
export const KEY = '5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e';
const LIFE_S = 3600;

/** @param {string} user */
export const userSig = (user, app = APP, life = LIFE_S) => new Api(app, KEY).genUserSig(user, life);

/** @param {Record<string, string>} [env] */
export async function startServer(env = {}) {
  const apps = APPS.map(({ id, devices }) => `{ id = ${id}, keys = ["${KEY}"], devices = "${devices}" }`);
  return Server.start({ CARILLON_APPS: `[${apps}]`, ...env });
}

/**
 * @template T
 * @param {() => T | undefined | null | false} look
 * @returns {Promise<T>}
 */
export async function until(look, what = 'it', withinMs = 15_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${typeof what === 'function' ? what() : what} did not happen within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
