// The vendor's unmodified packages and our drop-ins, each loaded anew for every device, as every phone has its own.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { build } from 'esbuild';
import { buildModules } from '../../../build.mjs';

const require = createRequire(import.meta.url);
/**
 * The engines count 30 s and 35 s; the tests do not wait so long. Much faster, and the 5 s between the callee's time-out and
 * the caller's are no longer enough for a message on a busy machine.
 */
export const SPEED = Number(process.env.KIT_SPEED) || 10;

/** Timers that run faster, and stop with their device. */
export class Timers {
  /** Time stands still for the engines: a busy machine takes longer for a new connection than a scaled ring lasts. */
  static held = false;
  #running = new Set();
  setTimeout = (fn, ms, ...rest) => this.#keep(setTimeout(fn, (ms ?? 0) / SPEED, ...rest));
  setInterval = (fn, ms, ...rest) => this.#keep(setInterval(() => Timers.held || fn(...rest), (ms ?? 0) / SPEED));

  stop() {
    for (const timer of this.#running) clearTimeout(timer);
    this.setTimeout = this.setInterval = () => 0;
  }

  #keep(timer) {
    this.#running.add(timer);
    return timer;
  }
}

let files;
/** @returns {Promise<{tim: string, trtc: string, engine: string, kitEngine: string, kitPage: string}>} sources, built once */
export function sources() {
  files ??= make();
  return files;
}

async function make() {
  // A folder of its own: test files run side by side.
  const out = await mkdtemp(join(tmpdir(), 'carillon-kit-'));
  await buildModules({ out });
  const [tim, trtc] = await Promise.all(['tim-wx-sdk.js', 'trtc-wx.js'].map((name) => readFile(join(out, name), 'utf8')));
  await rm(out, { recursive: true });
  const engine = await bundle(require.resolve('tuicall-engine-wx/tuicall-engine-wx.js'));
  const kit = dirname(require.resolve('@tencentcloud/call-uikit-wechat/package.json'));
  return { tim, trtc, engine, kitEngine: await bundle(join(kit, 'TUICallEngine/tuicall-engine-wx.js')), kitPage: await bundle(join(kit, 'TUICallKit/TUICallKit.js')) };
}

/** Everything of the vendor's in one text, but for the two modules that are ours; with no `async` of the runtime, see `forgivingPromise`. */
async function bundle(entry) {
  const ours = {
    name: 'ours',
    setup({ onResolve }) {
      onResolve({ filter: /tim-wx-sdk$/ }, () => ({ path: 'tim-wx-sdk', external: true }));
      onResolve({ filter: /trtc-wx(-sdk)?$/ }, () => ({ path: 'trtc-wx-sdk', external: true }));
    },
  };
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'cjs', write: false, plugins: [ours], logLevel: 'error', platform: 'neutral', mainFields: ['main'], target: 'es2016' });
  return outputFiles[0].text;
}

/**
 * Runs a CommonJS text as if it were alone on its device.
 * @param {string} code
 * @param {{wx: object, require?: (name: string) => any, timers?: Timers, globals?: Record<string, any>}} world
 */
export function run(code, { wx, require: load = () => { throw new Error('no module'); }, timers, globals = {} }) {
  const module = { exports: {} };
  const scope = { module, exports: module.exports, require: load, wx, window: {}, getApp: () => ({ globalData: {} }), console: SILENT, ...timed(timers), ...globals };
  new Function(...Object.keys(scope), code)(...Object.values(scope));
  return module.exports;
}

/**
 * The engines leave some of their own promises to nobody (a cancel that cannot be sent, say). On a phone that is a line in a
 * log; here it is kept with the device instead of ending the test run.
 * @param {unknown[]} faults
 */
export function forgivingPromise(faults) {
  return class extends Promise {
    static get [Symbol.species]() {
      return Promise;
    }

    constructor(executor) {
      super(executor);
      this.then(undefined, (error) => faults.push(error));
    }
  };
}

const timed = (timers) => (timers ? { setTimeout: (...a) => timers.setTimeout(...a), setInterval: (...a) => timers.setInterval(...a) } : { setTimeout, setInterval });

const SILENT = process.env.KIT_VERBOSE ? console : Object.fromEntries(['log', 'info', 'warn', 'error', 'debug', 'table'].map((name) => [name, () => {}]));
