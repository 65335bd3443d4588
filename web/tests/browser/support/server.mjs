// A Carillon of its own for one test file: free ports, a data folder that goes with it.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_WITHIN_MS = 60_000;

/** @returns {Promise<number>} a TCP port that is free now */
export async function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

export class Server {
  /** @param {Record<string, string>} [env] more configuration, as `CARILLON_SECTION_KEY` */
  static async start(env = {}) {
    const server = new Server(await mkdtemp(join(tmpdir(), 'carillon-')));
    const [http, admin, media, tcp, rtmp] = await Promise.all(Array.from({ length: 5 }, freePort));
    server.env = {
      CARILLON_LISTEN_HTTP: `127.0.0.1:${http}`,
      CARILLON_LISTEN_ADMIN: `127.0.0.1:${admin}`,
      CARILLON_LISTEN_UDP_PORT: String(media),
      CARILLON_LISTEN_TCP_PORT: String(tcp),
      CARILLON_RTMP_LISTEN: `127.0.0.1:${rtmp}`,
      CARILLON_STORE_PATH: server.data,
      ...env,
    };
    server.origin = `http://localhost:${http}`;
    server.admin = `http://127.0.0.1:${admin}`;
    server.gateway = `ws://127.0.0.1:${http}/ws`;
    server.rtmp = `rtmp://127.0.0.1:${rtmp}`;
    await server.spawn();
    return server;
  }

  constructor(data) {
    this.data = data;
    this.log = '';
  }

  async spawn() {
    const bin = process.env.CARILLON_BIN;
    if (!bin) throw new Error('CARILLON_BIN names the carillon binary to test: run `make browser`');
    const child = spawn(bin, ['serve'], { env: { ...process.env, ...this.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.gone = new Promise((resolve) => child.once('exit', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => { this.log = (this.log + text).slice(-200_000); });
    }
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await this.ready())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`carillon did not start:\n${this.log}`);
      await new Promise((r) => setTimeout(r, 50));
    }
  }

  async ready() {
    try {
      return (await fetch(`${this.admin}/readyz`)).ok;
    } catch {
      return false;
    }
  }

  async metrics() {
    return (await fetch(`${this.admin}/metrics`)).text();
  }

  /** Ends the process and starts it again with the same ports and data. */
  async restart(signal = 'SIGTERM') {
    await this.end(signal);
    await this.spawn();
  }

  async end(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.gone;
  }

  async stop() {
    await this.end();
    await rm(this.data, { recursive: true, force: true });
  }
}
