// The user interface of the kit of 2022 as a phone runs it, without the screen: a small host for its `Component`, and what a
// user could see by its data.
import { forgivingPromise, run, sources, Timers } from './modules.mjs';
import { Device } from './device.mjs';
import { makeWx } from './wx.mjs';
import { until, userSig } from './world.mjs';

export class Kit {
  /**
   * @param {{gateway: string}} server
   * @param {number} app
   * @param {string} user
   */
  static async of(server, app, user) {
    const kit = new Kit(server, app, user, await sources());
    Device.all.push(kit);
    await kit.component.init({ sdkAppID: app, userID: user, userSig: userSig(user, app), type: 2, tim: kit.ownTim });
    return kit;
  }

  constructor(server, app, user, source) {
    Object.assign(this, { app, user, name: user, native: [], faults: [], timers: new Timers(), sent: [], events: [], updates: [] });
    const { wx, sockets } = makeWx({ log: (what) => this.native.push(what) });
    wx.$carillon = { gateway: server.gateway };
    Object.assign(this, { wx, sockets });
    const modules = { 'tim-wx-sdk': run(source.tim, { wx }), 'trtc-wx-sdk': run(source.trtc, { wx }) };
    // As the README of the kit does: the application makes the chat instance and hands it in.
    this.ownTim = modules['tim-wx-sdk'].create({ SDKAppID: app });
    let definition;
    run(source.kitPage, {
      wx, require: (name) => modules[name], timers: this.timers,
      globals: { Promise: forgivingPromise(this.faults), Component: (made) => { definition = made; } },
    });
    this.component = host(definition, { config: { sdkAppID: app, userID: user, userSig: userSig(user, app), type: 2, tim: this.ownTim } }, (name, detail) => this.sent.push({ name, detail }));
  }

  get data() {
    return this.component.data;
  }

  get tim() {
    return this.wx.$TUICallEngine?.getTim() ?? this.ownTim;
  }

  /** @param {string} status `idle`, `calling`, `connected` */
  shows(status) {
    return until(() => this.data.callStatus === status, `${this.name} shows ${status} (shows ${this.data.callStatus})`);
  }

  /** The players that its page would have. */
  async showsPlayersOf(...users) {
    // On an entry the page reads its list from the wrong place, until the next update.
    const shown = () => (this.data.playerList ?? []).filter(({ hasVideo, hasAudio }) => hasVideo && hasAudio).map(({ userID }) => userID).sort().join();
    await until(() => shown() === [...users].sort().join(), `${this.name} shows players of ${users} (shows ${shown()})`);
  }

  toast(text) {
    return until(() => this.native.some((what) => what === `toast ${text}`), `${this.name} is told ${text} (${this.native.filter((n) => n.startsWith('toast'))})`);
  }

  /** What a button of the page says to the component. */
  taps(name) {
    const handler = this.data.callStatus === 'connected' ? 'handleConnectedEvent' : 'handleCallingEvent';
    this.component[handler]({ detail: { name } });
  }

  vanish() {
    for (const socket of this.sockets) socket.terminate();
  }
}

/** An instance of a component: its data, `setData`, its methods, the events it triggers. */
function host(definition, properties, onEvent) {
  const { data, methods, lifetimes } = definition;
  const defaults = Object.fromEntries(Object.entries(definition.properties).map(([name, { value }]) => [name, value]));
  const component = {
    data: { ...structuredClone(data), ...defaults, ...properties },
    setData(change, done) {
      Object.assign(component.data, change);
      done?.call(component);
    },
    triggerEvent: onEvent,
    ...methods,
  };
  for (const moment of ['created', 'attached', 'ready']) lifetimes[moment]?.call(component);
  return component;
}
