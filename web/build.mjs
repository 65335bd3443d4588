// Single files of the drop-in modules: CommonJS for mini-programs and old bundlers, ES modules for new ones, with types.
// node build.mjs [--gateway=wss://call.example.com/ws] [--out=dist]
import { build } from 'esbuild';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** What old WeChat base libraries (2.10) and webpack 4 read. */
const TARGET = 'es2017';

/** @type {{name: string, entry: string, types: string}[]} */
const MODULES = [
  { name: 'tim-wx-sdk', entry: 'tim/v2.js', types: 'tim/v2' },
  { name: 'trtc-wx', entry: 'trtc-wx/index.js', types: 'trtc-wx/index' },
  { name: 'chat', entry: 'tim/v3.js', types: 'tim/v3' },
  { name: 'trtc-cloud-js-sdk', entry: 'trtc/index.js', types: 'trtc/index' },
];

/** A mini-program's packer follows each `require`, and there is no `ws` there. */
const withoutNodeSocket = {
  name: 'without-node-socket',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^ws$/ }, () => ({ path: 'ws', namespace: 'none' }));
    onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'export const WebSocket = undefined;' }));
  },
};

/** @param {{out?: string, gateway?: string}} options */
export async function buildModules({ out = join(HERE, 'dist'), gateway = '' } = {}) {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'package.json'), '{ "type": "commonjs" }\n');
  for (const { name, entry, types } of MODULES) {
    const common = {
      entryPoints: [join(HERE, entry)], bundle: true, target: TARGET, charset: 'utf8', legalComments: 'none', minify: true,
      define: { CARILLON_GATEWAY: JSON.stringify(gateway) },
    };
    await build({
      ...common, format: 'cjs', outfile: join(out, `${name}.js`), plugins: [withoutNodeSocket],
      // `require` and `import` give the same thing, as the vendor's files do.
      footer: { js: 'module.exports=Object.assign(module.exports.default,module.exports,{default:module.exports.default});' },
    });
    await build({ ...common, format: 'esm', outfile: join(out, `${name}.mjs`), external: ['ws'] });
    // TypeScript looks for another name beside each.
    for (const ending of ['d.ts', 'd.mts']) {
      await writeFile(join(out, `${name}.${ending}`), `export * from './types/${types}.js';\nexport { default } from './types/${types}.js';\n`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name) => process.argv.find((a) => a.startsWith(`--${name}=`))?.slice(name.length + 3);
  await buildModules({ out: option('out'), gateway: option('gateway') });
}
