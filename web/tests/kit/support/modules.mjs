// The vendor's unmodified packages and our drop-ins, each loaded anew for every device, as every phone has its own.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildModules } from '../../../build.mjs';

const require = createRequire(import.meta.url);
const OUT = fileURLToPath(new URL('../../../dist/', import.meta.url));
/** The engines count 30 s and 35 s; the tests do not wait so long. */
export const SPEED = 25;

const SCALED = {
  setTimeout: (fn, ms, ...rest) => setTimeout(fn, (ms ?? 0) / SPEED, ...rest),
  setInterval: (fn, ms, ...rest) => setInterval(fn, (ms ?? 0) / SPEED, ...rest),
};

let files;
/** @returns {Promise<{tim: string, trtc: string, engine: string, kit: string}>} sources, built once */
export function sources() {
  files ??= make();
  return files;
}

async function make() {
  await buildModules({ out: OUT });
  const [tim, trtc] = await Promise.all(['tim-wx-sdk.js', 'trtc-wx.js'].map((name) => readFile(join(OUT, name), 'utf8')));
  const engine = await bundle(require.resolve('tuicall-engine-wx/tuicall-engine-wx.js'));
  const kit = dirname(require.resolve('@tencentcloud/call-uikit-wechat/package.json'));
  return { tim, trtc, engine, kitEngine: await bundle(join(kit, 'TUICallEngine/tuicall-engine-wx.js')), kit };
}

/** Everything of the vendor's in one text, but for the two modules that are ours. */
async function bundle(entry) {
  const ours = {
    name: 'ours',
    setup({ onResolve }) {
      onResolve({ filter: /tim-wx-sdk$/ }, () => ({ path: 'tim-wx-sdk', external: true }));
      onResolve({ filter: /trtc-wx(-sdk)?$/ }, () => ({ path: 'trtc-wx-sdk', external: true }));
    },
  };
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'cjs', write: false, plugins: [ours], logLevel: 'error', platform: 'neutral', mainFields: ['main'] });
  return outputFiles[0].text;
}

/**
 * Runs a CommonJS text as if it were alone on its device.
 * @param {string} code
 * @param {{wx: object, require?: (name: string) => any, quick?: boolean, globals?: Record<string, any>}} world
 */
export function run(code, { wx, require: load = () => { throw new Error('no module'); }, quick = false, globals = {} }) {
  const module = { exports: {} };
  const timers = quick ? SCALED : { setTimeout, setInterval };
  const scope = { module, exports: module.exports, require: load, wx, window: {}, getApp: () => ({ globalData: {} }), console: SILENT, ...timers, ...globals };
  new Function(...Object.keys(scope), code)(...Object.values(scope));
  return module.exports;
}

const SILENT = process.env.KIT_VERBOSE ? console : Object.fromEntries(['log', 'info', 'warn', 'error', 'debug', 'table'].map((name) => [name, () => {}]));
