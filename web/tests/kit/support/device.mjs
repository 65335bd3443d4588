// One device: the unmodified engine on our modules, and everything it told its user interface.
import { run, sources } from './modules.mjs';
import { makeWx } from './wx.mjs';
import { APP, until, userSig } from './world.mjs';

/** Events that come each second, or only feed the picture. */
const NOISE = new Set(['USER_UPDATE', 'MESSAGE_SENT_BY_ME', 'SDK_READY']);

export class Device {
  /** @type {Device[]} */
  static all = [];

  /**
   * @param {{gateway: string}} server
   * @param {string} user
   * @param {{name?: string, signIn?: boolean}} [options] `name` where one user has several devices
   */
  static async of(server, user, { name = user, signIn = true } = {}) {
    const device = new Device(server, user, name, await sources());
    Device.all.push(device);
    if (signIn) await device.signIn();
    return device;
  }

  constructor(server, user, name, source) {
    Object.assign(this, { user, name, /** @type {[string, any][]} */ events: [], /** @type {string[]} */ native: [], updates: [], faults: [] });
    const { wx, sockets } = makeWx({ log: (what) => this.native.push(what) });
    wx.$carillon = { gateway: server.gateway };
    Object.assign(this, { wx, sockets });
    this.TIM = run(source.tim, { wx });
    this.TRTC = run(source.trtc, { wx });
    const load = (name) => ({ 'tim-wx-sdk': this.TIM, 'trtc-wx-sdk': this.TRTC })[name];
    const { TUICallEngine, EVENT } = run(source.engine, { wx, require: load, quick: true });
    Object.assign(this, { Engine: TUICallEngine, EVENT });
    this.engine = TUICallEngine.createInstance({ sdkAppID: APP });
  }

  async signIn() {
    await this.engine.init({ userID: this.user, userSig: userSig(this.user) });
    for (const [name, code] of Object.entries(this.EVENT)) this.engine.on(code, (event) => this.#told(name, event?.data ?? event), this);
  }

  #told(name, data) {
    if (name === 'USER_UPDATE') this.updates.push(data);
    if (!NOISE.has(name)) this.events.push([name, data]);
  }

  /** Waits for the `count`th event of this name. */
  async sees(name, count = 1) {
    const all = () => this.events.filter(([event]) => event === name);
    await until(() => all().length >= count, `${this.name} sees ${name} (has ${this.events.map(([n]) => n)})`);
    return all()[count - 1][1];
  }

  get tim() {
    return this.engine.getTim();
  }

  /** The connection breaks without a word. */
  dropSocket() {
    for (const socket of this.sockets) socket.terminate();
  }

  static async endAll() {
    const ended = Device.all.splice(0).map(async (device) => {
      await device.tim?.logout().catch(() => {});
      device.dropSocket();
    });
    await Promise.all(ended);
  }
}
