// Where one sequence plays: its own app, its devices, and a wait until nobody has anything more to say.
import { Device } from './device.mjs';
import { Timers } from './modules.mjs';
import { until } from './world.mjs';

export class Stage {
  /** @type {Device[]} */ all = [];
  /** @type {({of: string, with: object})[]} conversations whose messages count */ conversations = [];

  /** @param {{gateway: string}} server @param {number} app @param {typeof Device} [Kind] */
  constructor(server, app, Kind = Device) {
    Object.assign(this, { server, app, Kind });
  }

  /** @param {string} user @param {{name?: string}} [options] */
  async device(user, options) {
    const device = await this.Kind.of(this.server, this.app, user, options);
    for (const other of this.all) {
      if (other.user < user) this.#listen(other.user, user);
      else if (other.user > user) this.#listen(user, other.user);
    }
    this.all.push(device);
    return device;
  }

  /** @param {string[]} users */
  async devices(...users) {
    const found = [];
    for (const user of users) found.push(await this.device(user));
    return found;
  }

  /** @param {string} owner @param {string[]} members */
  async group(owner, members) {
    const { tim } = this.all.find(({ user }) => user === owner);
    const { data } = await tim.createGroup({ type: 'Public', name: 'team', memberList: members.filter((m) => m !== owner).map((userID) => ({ userID })) });
    this.conversations.push({ of: owner, with: { group: data.group.groupID } });
    return data.group.groupID;
  }

  /** A player with picture and sound, at an address that is the viewer's own. */
  async seesPicture(viewer, userID) {
    const player = () => viewer.updates.at(-1)?.playerList.find((one) => one.userID === userID && one.hasVideo && one.hasAudio);
    const { src } = await until(player, `${viewer.name} has a player of ${userID}`);
    const { pusher } = viewer.updates.at(-1);
    const form = (publisher) => new RegExp(`^${this.server.rtmp}/live/${this.app}/\\d+/${publisher}\\?user=${viewer.user}&token=[\\w*%-]+$`);
    if (!form(userID).test(src)) throw new Error(`no address of a player: ${src}`);
    if (!form(viewer.user).test(pusher.url)) throw new Error(`no address of a pusher: ${pusher.url}`);
  }

  /** The connection breaks, and is back. */
  async reconnects(device) {
    const [before] = device.sockets;
    device.dropSocket();
    await held(until(() => [...device.sockets].some((socket) => socket !== before && socket.readyState === 1), `${device.name} is back`));
  }

  /** The server goes, comes again, and everybody is back. */
  restart() {
    return held(this.#restart());
  }

  async #restart() {
    const before = new Map(this.all.map((device) => [device, [...device.sockets]]));
    await this.server.restart();
    for (const [device, old] of before) {
      await until(() => [...device.sockets].some((socket) => !old.includes(socket) && socket.readyState === 1), `${device.name} is back`, 30_000);
    }
    // In a room, too: an entry again is asked for once one is back.
    for (const device of this.all) await device.tim.getMyProfile();
  }

  async quiet() {
    for (let told = -1; told !== this.#told();) {
      told = this.#told();
      await new Promise((resolve) => setTimeout(resolve, this.Kind.quietMs));
    }
  }

  #told() {
    return this.all.reduce((sum, { events }) => sum + events.length, 0);
  }

  #listen(of, user) {
    if (!this.conversations.some((one) => one.of === of && one.with.user === user)) this.conversations.push({ of, with: { user } });
  }
}

/** @template T @param {Promise<T>} doing */
async function held(doing) {
  Timers.held = true;
  try {
    return await doing;
  } finally {
    Timers.held = false;
  }
}
