// A client of the gateway written from proto/GATEWAY.md alone: it shares no line with web/core, so it fails when the page is wrong.
import WebSocket from 'ws';

const PATIENCE_MS = 10_000;

export class Client {
  /** @param {{app: number, user: string, userSig: string}} who */
  constructor(url, who, device = `device-of-${who.user}`) {
    this.url = url;
    this.who = who;
    this.device = { id: device, platform: 'server' };
    this.nextId = 1;
    this.acked = 0;
    this.attempt = 0;
    this.unacknowledged = new Map();
    this.waiting = new Map();
    this.events = [];
    this.wake = [];
  }

  signIn() {
    const { app, user, userSig } = this.who;
    return this.open({ t: 'hello', version: 1, app, user, userSig, device: this.device });
  }

  resume() {
    this.attempt += 1;
    const { session, acked: ack, attempt } = this;
    return this.open({ t: 'hello', version: 1, resume: { session, ack, attempt } });
  }

  /** Resolves with `welcome`, `refused`, or how the socket closed before either. */
  async open(hello) {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.closed = new Promise((resolve) => { socket.once('close', resolve); });
    socket.once('open', () => { if (hello) socket.send(JSON.stringify(hello)); });
    const welcome = await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', (code) => resolve({ t: 'closed', code }));
      socket.on('message', (text) => this.take(JSON.parse(String(text)), resolve));
    });
    if (welcome.t !== 'welcome') return welcome;
    this.session = welcome.session;
    for (const id of this.unacknowledged.keys()) if (id <= welcome.ack) this.unacknowledged.delete(id);
    for (const frame of this.unacknowledged.values()) this.send(frame);
    return welcome;
  }

  take(frame, answered) {
    if (frame.seq !== undefined) {
      if (frame.seq !== this.acked + 1) throw new Error(`seq ${frame.seq} after ${this.acked}`);
      this.acked = frame.seq;
    }
    if (frame.t === 'welcome' || frame.t === 'refused') answered(frame);
    if (frame.t === 'reply') this.settle(frame);
    if (frame.t === 'event') this.events.push(frame);
    if (frame.t === 'bye') this.bye = frame;
    if (frame.t === 'pong') this.pong = frame;
    for (const wake of this.wake.splice(0)) wake();
  }

  settle({ re, body, error }) {
    this.unacknowledged.delete(re);
    const { resolve, reject } = this.waiting.get(re);
    this.waiting.delete(re);
    if (error) reject(Object.assign(new Error(error.message), error));
    else resolve(body);
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  request(verb, body) {
    const frame = { t: 'request', id: this.nextId++, verb, body, ack: this.acked };
    this.unacknowledged.set(frame.id, frame);
    if (this.socket.readyState === WebSocket.OPEN) this.send(frame);
    return new Promise((resolve, reject) => this.waiting.set(frame.id, { resolve, reject }));
  }

  /** The first event of this name that fits, taken out of those that came. */
  async event(name, fits = () => true) {
    const at = () => this.events.findIndex((e) => e.event === name && fits(e.body));
    await this.until(() => at() >= 0).catch(() => {
      throw new Error(`no ${name}; there are ${JSON.stringify(this.events)}`);
    });
    return this.events.splice(at(), 1)[0].body;
  }

  async until(holds) {
    const late = AbortSignal.timeout(PATIENCE_MS);
    const given = new Promise((_, reject) => { late.onabort = () => reject(new Error('in vain')); });
    given.catch(() => {});
    while (!holds()) {
      await Promise.race([given, new Promise((resolve) => { this.wake.push(resolve); })]);
    }
  }

  lose() {
    this.socket.terminate();
    return this.closed;
  }
}
