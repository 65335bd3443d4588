// A server, a Chromium and people at it, for the tests of one `describe`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { after, afterEach, before } from 'node:test';
import { launchChromium } from './browser.mjs';
import { endInOrder } from './ends.mjs';
import { Server } from './server.mjs';
import { User } from './user.mjs';

const run = promisify(execFile);

/**
 * To be called inside `describe`. After each test everybody goes, and no page may have thrown.
 * @param {Record<string, string>} [env] configuration of the server
 */
export function world(env = {}) {
  const here = {
    /** @type {Server} */ server: /** @type {any} */ (null),
    /** @type {import('playwright-core').Browser} */ browser: /** @type {any} */ (null),
    /** @type {User[]} */ users: [],
    number: 0,

    /** Signs people in under fresh names each time: one test's calls are not another's. */
    async people(names, options = {}) {
      here.number += 1;
      return Promise.all(names.map((name) => here.signIn(here.nameOf(name), options)));
    },

    nameOf: (name) => `${name}${here.number}`,

    async signIn(name, options = {}) {
      const user = await User.signIn(options.browser ?? here.browser, here.server, name, options);
      here.users.push(user);
      return user;
    },

    /** A signature as the operator's own server would make it. */
    async userSig(name) {
      const env = { ...process.env, ...here.server.env };
      const { stdout } = await run(/** @type {string} */ (process.env.CARILLON_BIN), ['user-sig', '--user', name], { env });
      return stdout.trim();
    },
  };
  before(async () => {
    here.server = await Server.start(env);
    here.browser = await launchChromium();
  });
  after(() => endInOrder(['the browser', () => here.browser?.close()], ['the server', () => here.server?.stop()]));
  afterEach(async () => {
    const users = here.users.splice(0);
    const errors = users.flatMap((u) => u.errors.map((e) => `${u.name}: ${e}`));
    await Promise.all(users.map((u) => u.close().catch(() => {})));
    assert.deepEqual(errors, [], 'no page threw');
  });
  return here;
}
