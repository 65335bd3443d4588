// The Vue example, built as a user builds it and served with the gateway behind the same host.
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @param {string} example a folder of web/examples, or of the tests */
export async function startSite(example, server) {
  const root = fileURLToPath(new URL(`../../../${example}/`, import.meta.url));
  const vite = join(root, 'node_modules/vite/dist/node/index.js');
  await access(vite).catch(() => { throw new Error(`run \`npm ci\` in ${root} first`); });
  const { build, preview } = await import(pathToFileURL(vite).href);
  const outDir = await mkdtemp(join(tmpdir(), 'carillon-site-'));
  process.env.CARILLON = server.origin;
  const common = { root, configFile: join(root, 'vite.config.js'), logLevel: 'error', mode: 'test' };
  await build({ ...common, build: { outDir, emptyOutDir: true } });
  const site = await preview({ ...common, build: { outDir }, preview: { port: 0, host: '127.0.0.1' } });
  // WebSockets too: `closeAllConnections` no longer knows a socket that was upgraded, and `close` waits for each.
  const sockets = new Set();
  site.httpServer.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    url: `http://localhost:${site.httpServer.address().port}/`,
    async stop() {
      const closed = new Promise((resolve) => site.httpServer.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await rm(outDir, { recursive: true, force: true });
    },
  };
}
