// One device: the unmodified engine on our modules, and everything it told its user interface.
import { forgivingPromise, run, sources, Timers } from './modules.mjs';
import { makeWx } from './wx.mjs';
import { until, userSig } from './world.mjs';

/** Events that come each second, or only feed the picture. */
const NOISE = new Set(['USER_UPDATE', 'MESSAGE_SENT_BY_ME', 'SDK_READY']);

export class Device {
  /** @type {Device[]} */
  static all = [];
  /** Whether the network hands everything over twice. */
  static doubled = false;
  /** Ms that a device's network keeps its next frame. @type {(() => number) | undefined} */
  static delay = undefined;
  /** Nothing was told to anybody for this long: a sequence is over. Longer than the engines' longest scaled wait within one. */
  static quietMs = 250;
  /**
   * Where two call at once, the server has one invitation first: it rings, as the engines are not "calling" before theirs was
   * sent, and the second one is answered as busy. Whose it is, is chance: compared as if it was Amy's.
   */
  static eitherFirst = new Set(['glare']);

  /**
   * @param {{gateway: string}} server
   * @param {number} app
   * @param {string} user
   * @param {{name?: string}} [options] `name` where one user has several devices
   */
  static async of(server, app, user, { name = user } = {}) {
    const device = new this(server, app, user, name, await sources());
    Device.all.push(device);
    await device.signIn();
    return device;
  }

  constructor(server, app, user, name, source) {
    Object.assign(this, { app, user, name, /** @type {[string, any][]} */ events: [], /** @type {string[]} */ native: [], updates: [], timers: new Timers(), faults: [], /** Told about the connection. @type {string[]} */ net: [] });
    const { wx, sockets } = makeWx({ log: (what) => this.native.push(what), doubled: this.constructor.doubled, delay: this.constructor.delay });
    wx.$carillon = { gateway: server.gateway, rtmp: server.rtmp };
    Object.assign(this, { wx, sockets });
    this.TIM = run(source.tim, { wx });
    this.TRTC = run(source.trtc, { wx });
    const load = (name) => ({ 'tim-wx-sdk': this.TIM, 'trtc-wx-sdk': this.TRTC })[name];
    this.load(source, { wx, require: load, timers: this.timers, globals: { Promise: forgivingPromise(this.faults) } });
  }

  /** The engine of npm. */
  load(source, world) {
    const { TUICallEngine, EVENT } = run(source.engine, world);
    this.EVENT = EVENT;
    this.engine = TUICallEngine.createInstance({ sdkAppID: this.app });
  }

  /** Version 1.4.9 takes listeners after `init` only. */
  async signIn() {
    await this.engine.init({ userID: this.user, userSig: userSig(this.user, this.app) });
    this.listen();
  }

  listen() {
    this.tim.on('netStateChange', ({ data: { state } }) => this.net.push(state));
    for (const [name, code] of Object.entries(this.EVENT)) this.engine.on(code, (event) => this.#told(name, event?.data ?? event), this);
  }

  #told(name, data) {
    if (name === 'USER_UPDATE') this.updates.push(data);
    // As it was then: engines go on with the lists that they tell.
    if (!NOISE.has(name)) this.events.push([name, JSON.parse(JSON.stringify(data ?? null))]);
  }

  /** Waits for the `count`th event of this name. */
  async sees(name, count = 1) {
    const all = () => this.events.filter(([event]) => event === name);
    await until(() => all().length >= count, () => `${this.name} sees ${name} (has ${this.events.map(([n]) => n)}; ${this.net.join()})`);
    return all()[count - 1][1];
  }

  get tim() {
    return this.engine.getTim();
  }

  /** The connection breaks without a word; the module makes a new one. */
  dropSocket() {
    for (const socket of this.sockets) socket.terminate();
  }

  /** The phone is gone for good. */
  vanish() {
    this.wx.connectSocket = ({ fail }) => {
      setImmediate(() => fail?.({ errMsg: 'connectSocket:fail' }));
      const nothing = () => {};
      return { send: nothing, close: nothing, onOpen: nothing, onMessage: nothing, onClose: nothing, onError: nothing };
    };
    this.dropSocket();
  }

  async signOut() {
    await this.tim.logout();
  }

  /** All that there are, or these. */
  static async endAll(devices = Device.all.splice(0)) {
    const ended = devices.map(async (device) => {
      device.timers.stop();
      await device.tim?.logout().catch(() => {});
      device.vanish();
    });
    await Promise.all(ended);
  }
}

/** The engine 1.1.0 of the kit of 2022, which takes listeners before `init` only. */
export class OldDevice extends Device {
  load(source, world) {
    const { default: TUICallEngine, EVENT } = run(source.kitEngine, world);
    this.EVENT = EVENT;
    this.engine = TUICallEngine.createInstance({ sdkAppID: this.app });
  }

  async signIn() {
    this.listen();
    await this.engine.init({ userID: this.user, userSig: userSig(this.user, this.app) });
  }
}

/** On a network that hands everything over twice. */
export class DoubledDevice extends Device {
  static doubled = true;
}

/** On a network that keeps frames of one device while those of the others go on. */
export class ReorderedDevice extends Device {
  static delay = () => [0, 0, 0, 60, 300][Math.floor(Math.random() * 5)];
  static quietMs = 1_500;
}
