/** One WebSocket from opening to closing: frames in and out, and the watch over whether the other end still lives. */

/** A socket that has not brought a `welcome` after this time is given up: longer than a slow mobile network's set-up. */
const WELCOME_WITHIN_MS = 10_000;
/** How long after a ping nothing heard means that the socket is dead. */
const PONG_WITHIN_MS = 8_000;
/** The same when the network just changed: a dead socket should be found quickly. */
const PROBE_WITHIN_MS = 3_000;

/**
 * @typedef {object} LinkEvents
 * @property {() => void} onOpen
 * @property {(frame: any) => void} onFrame
 * @property {() => void} onClosed called once, also where it never opened
 */

export class Link {
  #socket;
  #clock;
  #events;
  #closed = false;
  #nonce = 0;
  /** @type {any} */ #deadline = null;
  /** @type {any} */ #heartbeat = null;

  /**
   * @param {string} url
   * @param {typeof WebSocket} Socket
   * @param {import('./clock.js').Clock} clock
   * @param {LinkEvents} events
   */
  constructor(url, Socket, clock, events) {
    this.#clock = clock;
    this.#events = events;
    this.#socket = new Socket(url);
    this.#expect(WELCOME_WITHIN_MS);
    this.#socket.onopen = () => !this.#closed && events.onOpen();
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = () => this.close();
    this.#socket.onerror = () => this.close();
  }

  /** @param {object} frame */
  send(frame) {
    if (this.#closed || this.#socket.readyState !== 1) return;
    this.#socket.send(JSON.stringify(frame));
  }

  /**
   * The `welcome` came: from now on the link pings.
   * @param {number} pingIntervalMs
   */
  established(pingIntervalMs) {
    this.#relax();
    const beat = () => {
      this.#ping(PONG_WITHIN_MS);
      this.#heartbeat = this.#clock.setTimeout(beat, pingIntervalMs);
    };
    this.#heartbeat = this.#clock.setTimeout(beat, pingIntervalMs);
  }

  /** Asks for a sign of life now. */
  probe() {
    this.#ping(PROBE_WITHIN_MS);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#relax();
    this.#clock.clearTimeout(this.#heartbeat);
    this.#socket.close();
    this.#events.onClosed();
  }

  /** @param {any} data */
  #receive(data) {
    if (this.#closed) return;
    this.#relaxIfHeard();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      // Not our server's doing (a proxy's page, perhaps): a new socket may be better.
      this.close();
      return;
    }
    this.#events.onFrame(frame);
  }

  /** @param {number} withinMs */
  #ping(withinMs) {
    this.send({ t: 'ping', nonce: ++this.#nonce });
    this.#expect(withinMs);
  }

  /** @param {number} withinMs */
  #expect(withinMs) {
    this.#relax();
    this.#deadline = this.#clock.setTimeout(() => this.close(), withinMs);
  }

  #relaxIfHeard() {
    // Before the welcome nothing but the welcome counts.
    if (this.#heartbeat !== null) this.#relax();
  }

  #relax() {
    this.#clock.clearTimeout(this.#deadline);
    this.#deadline = null;
  }
}
