/**
 * One's seat in a room of the gateway, told in the codes that a live-pusher of the vendor's transport would say: who
 * came (1031), who went (1032), whose picture (1033) and sound (1034) is there, and at which address.
 */

import { RoomClient } from '../core/room.js';
import { GatewayCode } from '../core/errors.js';
import { makeClient, sharedClient } from '../tim/settings.js';
import { playAddress } from './address.js';
import { State } from './constants.js';

/** Reasons of `room.removed` after which the vendor's clients are told that they were put out. */
const OUT = /** @type {Record<string, number>} */ ({ kicked: 1, dissolved: 2, endedByServer: 2, takenOver: 1, lost: 3 });

/** @typedef {import('../core/protocol.js').Tracks} Tracks */

export class Seat {
  /** @type {import('./address.js').Seat} */ #who;
  /** @type {(code: number, message: string) => void} */ #say;
  /** @type {RoomClient | null} */ #room = null;
  /** @type {import('../core/gateway.js').GatewayClient | null} a connection of one's own */ #ownClient = null;
  /** @type {Partial<Record<'microphone' | 'camera', 'on' | 'off'>>} */ #states = {};
  #base;
  #over = false;

  /**
   * @param {import('./address.js').Seat} who
   * @param {string} base of the addresses
   * @param {(code: number, message: string) => void} say
   */
  constructor(who, base, say) {
    this.#who = who;
    this.#base = base;
    this.#say = (code, message) => !this.#over && say(code, message);
  }

  /**
   * Settles always; what goes wrong is said. A moment late: an engine that enters and then answers an invitation is used
   * to the answer being there before its user is, since the vendor's transport takes its time.
   */
  async enter() {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#over) return;
    try {
      const room = new RoomClient(await this.#client(), { autoSubscribe: false });
      if (this.#over) return this.#signOut();
      this.#room = room;
      this.#listen(room);
      room.setStates(this.#states);
      await room.enter(this.#who.room, { privateMapKey: this.#who.privateMapKey || undefined });
      this.#say(State.ENTERED, 'entered');
    } catch (error) {
      const { code = 0, message = String(error) } = /** @type {any} */ (error);
      this.#say(code === GatewayCode.ENTER_REFUSED ? State.BAD_SIGNATURE : State.ENTER_FAILED, message);
    }
  }

  /** @param {{microphone: boolean, camera: boolean}} on */
  setStates({ microphone, camera }) {
    this.#states = { microphone: microphone ? 'on' : 'off', camera: camera ? 'on' : 'off' };
    this.#room?.setStates(this.#states);
  }

  /** The others see it at once; nothing is said any more. */
  async leave() {
    this.#over = true;
    await this.#room?.leave();
    await this.#signOut();
  }

  // ---- inside ----

  async #client() {
    const { app, user, userSig } = this.#who;
    const shared = sharedClient(app, user);
    if (shared) return shared;
    const own = await makeClient(app);
    this.#ownClient = own;
    await own.signIn({ user, userSig });
    return own;
  }

  async #signOut() {
    await this.#ownClient?.signOut();
    this.#ownClient = null;
  }

  /** @param {RoomClient} room */
  #listen(room) {
    room.on('participantEntered', ({ user }) => this.#users(State.USERS_IN, [{ userid: user }]));
    room.on('participantLeft', ({ user }) => this.#users(State.USERS_OUT, [{ userid: user }]));
    room.on('tracks', ({ user, tracks, previous }) => this.#tracks(user, tracks, previous));
    room.on('removed', ({ reason }) => this.#say(State.LEFT, `exit room, reason[${OUT[reason] ?? 3}] ${reason}`));
  }

  /** @param {string} user @param {Tracks} now @param {Tracks} before */
  #tracks(user, now, before) {
    const changed = (/** @type {import('../core/protocol.js').TrackName} */ name) => isOn(now, name) !== isOn(before, name);
    if (changed('microphone')) {
      this.#users(State.AUDIO, [{ userid: user, hasaudio: isOn(now, 'microphone'), playurl: this.#playAddress(user, 'main') }]);
    }
    if (changed('camera')) this.#video(user, 'main', isOn(now, 'camera'));
    if (changed('screen')) this.#video(user, 'aux', isOn(now, 'screen'));
  }

  /** @param {string} user @param {'main' | 'aux'} streamtype @param {boolean} hasvideo */
  #video(user, streamtype, hasvideo) {
    this.#users(State.VIDEO, [{ userid: user, streamtype, hasvideo, playurl: this.#playAddress(user, streamtype) }]);
  }

  /** @param {string} user @param {'main' | 'aux'} streamType */
  #playAddress(user, streamType) {
    return playAddress(this.#base, this.#who, user, streamType);
  }

  /** @param {number} code @param {object[]} userlist */
  #users(code, userlist) {
    this.#say(code, JSON.stringify({ userlist }));
  }
}

/** A muted track stays with its player: it is silent, not gone. @param {Tracks} tracks @param {import('../core/protocol.js').TrackName} name */
function isOn(tracks, name) {
  return tracks[name]?.state === 'on';
}
