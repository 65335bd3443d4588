// A person at a mini-program who calls pages: the unmodified engine in real time, and the tags of the kit's page.
import { Tags } from './tags.mjs';
import { until } from './world.mjs';

/** A page lives in real time, and so must the phone. Read when its modules are loaded. */
process.env.KIT_SPEED = '1';
const { Device } = await import('./device.mjs');

const PATIENCE_MS = 45_000;
/** A hundredth of a beep's energy. */
const AUDIBLE = 1e-4;

export class Phone extends Device {
  tags = new Tags();
  #caller = false;
  #pusher = {};

  constructor(server, ...rest) {
    super(server, ...rest);
    this.origin = server.origin;
  }

  /** At a development server. @param {any} server @param {string} user @param {{name?: string}} [options] */
  static async at(server, user, options) {
    const { app } = await (await fetch(`${server.origin}/demo/config.json`)).json();
    return this.of(server, app, user, options);
  }

  /** Signed in by the development server, as pages are. */
  async signIn() {
    const body = JSON.stringify({ user: this.user });
    const reply = await fetch(`${this.origin}/demo/sign`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await this.engine.init({ userID: this.user, userSig: (await reply.json()).userSig });
    this.listen();
    const { USER_UPDATE, USER_ACCEPT, CALL_END } = this.EVENT;
    this.engine.on(USER_UPDATE, ({ data }) => { this.#pusher = data.pusher ?? this.#pusher; this.tags.bind(data); }, this.tags);
    this.engine.on(USER_ACCEPT, () => this.#caller && this.tags.show(this.#pusher), this.tags);
    this.engine.on(CALL_END, () => this.tags.hide(), this.tags);
  }

  /** @param {string} user @param {'video' | 'audio'} type */
  async calls(user, type = 'video') {
    this.#caller = true;
    this.#pusher = (await this.engine.call({ userID: user, type: type === 'video' ? 2 : 1 })).pusher;
  }

  async accepts() {
    this.#caller = false;
    this.tags.show((await this.engine.accept()).pusher);
  }

  async hangsUp() {
    await this.engine.hangup();
    await this.tags.hide();
  }

  /** @param {string} user */
  player(user) {
    return this.tags.players.get(`${user}_main`);
  }

  #what(user, what) {
    return () => `${this.name}: ${what} of ${user}\n${this.player(user)?.log}\n${this.tags.pusher?.log}`;
  }

  /** Pictures played from now on. */
  async seesPictures(user, more = 20) {
    const from = await until(() => this.player(user), this.#what(user, 'a player'), PATIENCE_MS);
    const before = from.pictures;
    await until(() => {
      const now = this.player(user);
      return now && now.pictures >= (now === from ? before : 0) + more;
    }, this.#what(user, `${more} more pictures`), PATIENCE_MS);
  }

  async hearsSound(user) {
    const before = this.player(user)?.energy ?? 0;
    await until(() => (this.player(user)?.energy ?? 0) > before + AUDIBLE, this.#what(user, 'sound'), PATIENCE_MS);
  }

  /** For longer than Chromium's microphone takes from beep to beep. */
  async hearsNothing(user) {
    await this.#still(() => this.player(user)?.energy ?? 0, AUDIBLE, this.#what(user, 'silence'));
  }

  async seesNothing(user) {
    await this.#still(() => this.player(user)?.pictures ?? 0, 1, this.#what(user, 'no pictures'));
  }

  async #still(count, below, what) {
    let [from, since] = [count(), Date.now()];
    await until(() => {
      if (Math.abs(count() - from) >= below) [from, since] = [count(), Date.now()];
      return Date.now() - since > 1_500;
    }, what, PATIENCE_MS);
  }

  static async endAll(devices) {
    const all = devices ?? Device.all.splice(0);
    await Promise.all(all.map((one) => one.tags.hide()));
    await super.endAll(all);
  }
}
