// The impairment proxy of loadtest as a child process: one JSON command a line, one answer a line.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * @typedef {{loss?: number, burst?: number, delay_ms?: number, jitter_ms?: number, reorder?: boolean, dup?: number,
 *   kbps?: number, queue_ms?: number, outage_every_ms?: number, outage_ms?: number, rtp_only?: boolean}} Profile
 * @typedef {{up: Profile, down: Profile}} Weather
 * @typedef {{packets: number, bytes: number, lost: number, overflowed: number, duplicated: number}} Counters
 */

export class Proxy {
  constructor() {
    const bin = process.env.CARILLON_LOADTEST_BIN;
    if (!bin) throw new Error('CARILLON_LOADTEST_BIN names the carillon-loadtest binary: run `make weather`');
    this.child = spawn(bin, ['proxy'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting.shift()?.(JSON.parse(line)));
    this.child.once('exit', () => this.waiting.splice(0).forEach((answer) => answer({ error: 'the proxy has ended' })));
  }

  /** @returns {Promise<any>} */
  async ask(command) {
    const answer = await new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(`${JSON.stringify(command)}\n`);
    });
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  /**
   * @param {string} name @param {string} target @param {Weather} weather @param {number} seed
   * @returns {Promise<string>} the address that clients are to send to
   */
  async open(name, target, weather, seed) {
    return (await this.ask({ open: { name, target, weather, seed } })).opened.address;
  }

  /** @param {string} name @param {Weather} weather */
  async set(name, weather) {
    await this.ask({ set: { name, weather } });
  }

  /** @returns {Promise<{up: Counters, down: Counters}>} */
  async counters(name) {
    return (await this.ask({ counters: { name } })).counters;
  }

  async stop() {
    this.child.stdin.end();
    await new Promise((resolve) => (this.child.exitCode === null ? this.child.once('exit', resolve) : resolve(null)));
  }
}

/** Leaves one candidate in an answer: UDP at `address`. */
export function throughProxy(sdp, address) {
  const [host, port] = address.split(':');
  const lines = sdp.split('\r\n').filter((line) => !line.startsWith('a=candidate:'));
  const candidate = `a=candidate:1 1 udp 2130706431 ${host} ${port} typ host`;
  const at = lines.findIndex((line) => line.startsWith('a=mid:'));
  lines.splice(at + 1, 0, candidate);
  return lines.join('\r\n');
}
