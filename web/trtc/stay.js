/** One stay in a room after the other: over the page's session, or one of its own where no chat is signed in. */

import { CarillonError, Code } from '../core/errors.js';
import { RoomClient } from '../core/room.js';
import { makeClient, sharedClient } from '../tim/settings.js';
import { enterError, TRTCErrorCode } from './errors.js';

/** onExitRoom's argument: 0 oneself, 1 removed, 2 the room is over. @type {Record<string, number>} */
const EXIT = { kicked: 1, takenOver: 1, lost: 1, dissolved: 2, endedByServer: 2 };

/**
 * @typedef {object} EnterParams
 * @property {number} sdkAppId
 * @property {string} userId
 * @property {string} userSig
 * @property {number | string} [roomId] wins over strRoomId
 * @property {string} [strRoomId]
 * @property {number} [role]
 * @property {string | null} [privateMapKey]
 *
 * @typedef {object} Parts
 * @property {import('./local.js').Local} local
 * @property {import('./remote.js').Remote} remote
 * @property {(name: string, ...args: any[]) => void} emit
 * @property {{RTCPeerConnection?: any}} options
 */

export class Stay {
  #parts;
  /** @type {RoomClient | null} */ #room = null;
  /** @type {import('../core/gateway.js').GatewayClient | null} made here, and signed out with the stay */ #own = null;
  /** @type {[string, any[]][] | null} what the room told before onEnterRoom */ #early = null;
  /** @type {object | null} the stay that was asked for last */ #entering = null;
  #onPageHide = (/** @type {any} */ event) => !event.persisted && void this.#room?.leave();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  get room() {
    return this.#room;
  }

  /** What the others do is told after the stay began. @param {string} name @param {...any} args */
  tell(name, ...args) {
    if (this.#early) this.#early.push([name, args]);
    else this.#parts.emit(name, ...args);
  }

  /** @param {EnterParams} params */
  async enter(params) {
    const { emit } = this.#parts;
    if (this.#room || this.#entering) await this.exit();
    const from = Date.now();
    const entering = (this.#entering = {});
    try {
      await this.#enter(params, () => this.#entering === entering);
    } catch (error) {
      const refused = enterError(error);
      if (this.#entering === entering) this.#forget();
      emit('onEnterRoom', refused.code);
      throw refused;
    }
    // A duration of 0 would not count as success.
    emit('onEnterRoom', Math.max(1, Date.now() - from));
    // Those who were there before come after, and not before the caller knows that it is in.
    setTimeout(() => this.#entering === entering && this.#tellEarly(), 0);
  }

  async exit() {
    if (!this.#entering) return;
    const [room, own] = [this.#room, this.#own];
    this.#own = null;
    this.#forget();
    await room?.leave();
    await own?.signOut();
    this.#parts.emit('onExitRoom', 0);
  }

  /** @param {EnterParams} params @param {() => boolean} stays */
  async #enter(params, stays) {
    const name = roomOf(params);
    const gateway = await this.#gateway(params);
    if (!stays()) throw new CarillonError(Code.SESSION_LOST, 'left while entering');
    const room = new RoomClient(gateway, { autoSubscribe: false, RTCPeerConnection: this.#parts.options.RTCPeerConnection });
    this.#room = room;
    this.#early = [];
    this.#listen(room);
    this.#parts.remote.listen(room, params.userId);
    this.#parts.local.setRoom(room);
    globalThis.addEventListener?.('pagehide', this.#onPageHide);
    await room.enter(name, { privateMapKey: params.privateMapKey || undefined });
  }

  /** @param {EnterParams} params @returns {Promise<import('../core/room.js').GatewayLike>} */
  async #gateway({ sdkAppId, userId, userSig }) {
    const shared = sharedClient(sdkAppId, userId);
    if (shared) return shared;
    const own = await makeClient(sdkAppId);
    this.#own = own;
    await own.signIn({ user: userId, userSig });
    return own;
  }

  /** @param {RoomClient} room */
  #listen(room) {
    const { emit } = this.#parts;
    room.on('removed', ({ reason }) => this.#removed(room, reason));
    room.on('mediaState', ({ state, previous }) => {
      if (state === 'reconnecting') emit('onConnectionLost');
      if (state === 'connected' && previous === 'reconnecting') emit('onConnectionRecovery');
    });
    // It is tried again by itself: nothing that a listener must act on.
    room.on('error', ({ code, message }) => emit('onWarning', { code, message }));
  }

  /** @param {RoomClient} room @param {string} reason */
  #removed(room, reason) {
    if (this.#room !== room) return;
    const own = this.#own;
    this.#own = null;
    this.#forget();
    own?.signOut();
    this.#parts.emit('onExitRoom', EXIT[reason] ?? 2);
  }

  #tellEarly() {
    const early = this.#early ?? [];
    this.#early = null;
    for (const [name, args] of early) this.#parts.emit(name, ...args);
  }

  #forget() {
    this.#entering = null;
    this.#room = null;
    this.#early = null;
    globalThis.removeEventListener?.('pagehide', this.#onPageHide);
    this.#parts.local.setRoom(null);
    this.#parts.remote.reset();
  }
}

/** @param {EnterParams} params @returns {import('../core/protocol.js').RoomId} */
function roomOf({ roomId, strRoomId }) {
  const number = Number(roomId);
  if (Number.isInteger(number) && number > 0) return number;
  if (typeof strRoomId === 'string' && strRoomId !== '') return strRoomId;
  throw new CarillonError(TRTCErrorCode.INVALID_PARAMETER, 'neither roomId nor strRoomId names a room');
}
