/** Profiles, who is online, and the vendor's friends, of which this server has none. */

import { EVENT, TYPES } from './constants.js';
import { badParameter, notSupported, ok } from './errors.js';
import { Messaging } from './messaging.js';
import { profileOf } from './profiles.js';

const NOT_FOUND = 10010;
/** 2 to the 16th to the 31st ask whether a package was bought; here everything is there. */
const ABILITY = 'isCommercialAbilityEnabled';

/** @typedef {{user: string, online: boolean, custom: string}} Status */

export class People extends Messaging {
  async getMyProfile() {
    const [profile] = await this.profiles.get([this.user]);
    return ok(profile ?? profileOf(this.user));
  }

  /**
   * In the order asked. One that nobody has keeps its place with empty fields, since callers go by position; where
   * nobody asked for exists, the list is empty: that is how a search finds nothing.
   * @param {{userIDList: string[]}} options
   */
  async getUserProfile({ userIDList }) {
    if (!Array.isArray(userIDList) || userIDList.length === 0) throw badParameter('getUserProfile: `userIDList` names users');
    const found = await this.profiles.get(userIDList);
    return ok(found.every((one) => one === null) ? [] : found.map((one, i) => one ?? profileOf(userIDList[i])));
  }

  /** @param {{nick?: string, avatar?: string}} options other fields are not kept */
  async updateMyProfile({ nick, avatar } = {}) {
    const profile = await this.profiles.set({ nick, avatar });
    this.emit(EVENT.PROFILE_UPDATED, [profile]);
    return ok(profile);
  }

  // ---- status ----

  /** @param {{customStatus: string}} options */
  async setSelfStatus({ customStatus = '' }) {
    await this.request('status.set', { custom: customStatus });
    return ok({ userID: this.user, statusType: TYPES.USER_STATUS_ONLINE, customStatus });
  }

  /** @param {{userIDList: string[]}} options */
  async getUserStatus({ userIDList }) {
    const { statuses } = await this.request('status.get', { users: userIDList });
    return ok({ successUserList: statuses.map(statusOf), failureUserList: [] });
  }

  /** @param {{userIDList: string[]}} options */
  async subscribeUserStatus({ userIDList }) {
    const { statuses } = await this.request('status.watch', { users: userIDList });
    this.emit(EVENT.USER_STATUS_UPDATED, statuses.map(statusOf));
    return ok({ failureUserList: [] });
  }

  /** @param {{userIDList?: string[]}} [options] none: all */
  async unsubscribeUserStatus({ userIDList = [] } = {}) {
    await this.request('status.unwatch', { users: userIDList });
    return ok({ failureUserList: [] });
  }

  // ---- friends ----

  async getFriendList() {
    return ok([]);
  }

  async getBlacklist() {
    return ok([]);
  }

  /** Nobody is a friend: callers then ask for the plain profile. @param {{userIDList: string[]}} options */
  async getFriendProfile({ userIDList }) {
    if (!Array.isArray(userIDList)) throw badParameter('getFriendProfile: `userIDList` names users');
    const failureUserIDList = userIDList.map((userID) => ({ userID, code: NOT_FOUND, message: 'no friends are kept here' }));
    return ok({ friendList: [], failureUserIDList });
  }

  addFriend() {
    return notSupported('addFriend');
  }

  addToBlacklist() {
    return notSupported('addToBlacklist');
  }

  removeFromBlacklist() {
    return notSupported('removeFromBlacklist');
  }

  pinConversation() {
    return notSupported('pinConversation');
  }

  setMessageRemindType() {
    return notSupported('setMessageRemindType');
  }

  deleteMessage() {
    return notSupported('deleteMessage', 'messages are revoked for everybody or kept');
  }

  sendMessageReadReceipt() {
    return notSupported('sendMessageReadReceipt', 'reading is marked per conversation: setMessageRead');
  }

  // ---- experimental ----

  /**
   * @param {string} name
   * @param {any} _parameter
   * @returns {Promise<{code: number, data: any}>}
   */
  async callExperimentalAPI(name, _parameter) {
    if (name === ABILITY) return ok({ enabled: true });
    return notSupported(`callExperimentalAPI(${name})`);
  }

  // ---- what the gateway tells ----

  /** @param {string} event @param {any} body */
  told(event, body) {
    super.told(event, body);
    if (event === 'profile.changed') this.emit(EVENT.PROFILE_UPDATED, [this.profiles.put(body)]);
    else if (event === 'status.changed') this.emit(EVENT.USER_STATUS_UPDATED, [statusOf(body)]);
  }
}

/** @param {Status} status */
function statusOf({ user, online, custom }) {
  return { userID: user, statusType: online ? TYPES.USER_STATUS_ONLINE : TYPES.USER_STATUS_OFFLINE, customStatus: custom };
}
