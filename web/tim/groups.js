/** Groups, their members and attributes with the vendor's method names. */

import { EVENT, TYPES } from './constants.js';
import { asChatError, badParameter, ChatError, notSupported, ok } from './errors.js';
import { refuseMissing } from './missing.js';
import { needOptions } from './options.js';
import { People } from './people.js';

const NOT_FOUND = 10010;
const MEMBERS_PAGE = 15;
const MEMBERS_PAGE_MAX = 100;

/** @typedef {import('../core/protocol.js').Group} Group */

export class Groups extends People {
  /** @type {Map<string, ReturnType<typeof groupOf>>} Those that were listed or told. */ #kept = new Map();

  /** @param {{type?: string, name?: string, groupID?: string, avatar?: string, introduction?: string, notification?: string, memberList?: {userID: string}[]}} options */
  async createGroup({ type = TYPES.GRP_WORK, name = '', groupID, avatar = '', introduction, notification, memberList = [] }) {
    const members = memberList.map(({ userID }) => userID);
    let { group } = await this.request('group.create', { group: groupID || undefined, type, name, avatar, members });
    if (introduction || notification) ({ group } = await this.request('group.set', { group: group.id, introduction, notification }));
    return ok({ group: this.#keep(group), overLimitUserIDList: [] });
  }

  /** @param {{groupID: string}} options */
  async joinGroup({ groupID }) {
    try {
      const { group } = await this.request('group.join', { group: groupID });
      return ok({ status: TYPES.JOIN_STATUS_SUCCESS, group: this.#keep(group) });
    } catch (error) {
      const known = asChatError(error).code === 10021 && this.#kept.get(groupID);
      if (known) return ok({ status: TYPES.JOIN_STATUS_ALREADY_IN_GROUP, group: known });
      throw error;
    }
  }

  /** @param {string} groupID */
  async quitGroup(groupID) {
    await this.request('group.leave', { group: groupID });
    this.#drop(groupID);
    return ok({ groupID });
  }

  /** @param {string} groupID */
  async dismissGroup(groupID) {
    await this.request('group.dismiss', { group: groupID });
    this.#drop(groupID);
    return ok({ groupID });
  }

  async getGroupList() {
    const { groups } = await this.request('group.list');
    this.#kept.clear();
    return ok({ groupList: groups.map((/** @type {Group} */ group) => this.#keep(group)) });
  }

  /** @param {{groupID: string}} options */
  async getGroupProfile({ groupID }) {
    const { group } = await this.request('group.get', { group: groupID });
    return ok({ group: this.#keep(group) });
  }

  /** @param {string} groupID */
  async searchGroupByID(groupID) {
    const { group } = await this.request('group.find', { group: String(groupID) });
    if (!group) throw new ChatError(NOT_FOUND, `there is no group ${groupID}`);
    return ok({ group: groupOf(group) });
  }

  /** @param {{groupID: string, name?: string, avatar?: string, introduction?: string, notification?: string}} options */
  async updateGroupProfile({ groupID, name, avatar, introduction, notification }) {
    const { group } = await this.request('group.set', { group: groupID, name, avatar, introduction, notification });
    return ok({ group: this.#keep(group) });
  }

  /** @param {{groupID: string, count?: number, offset?: number}} options */
  async getGroupMemberList({ groupID, count = MEMBERS_PAGE, offset = 0 }) {
    const limit = Math.max(1, Math.min(MEMBERS_PAGE_MAX, count));
    const { members, total } = await this.request('group.members', { group: groupID, offset: Number(offset) || 0, limit });
    const next = Number(offset) + members.length;
    return ok({ memberList: members.map(memberOf), offset: next < total ? next : 0 });
  }

  /** @param {{groupID: string, userIDList: string[]}} options */
  async getGroupMemberProfile({ groupID, userIDList }) {
    const { members } = await this.request('group.membersOf', { group: groupID, users: userIDList });
    return ok({ memberList: members.map(memberOf) });
  }

  /** @param {{groupID: string, userIDList: string[]}} options */
  async addGroupMember({ groupID, userIDList }) {
    const { members } = await this.request('group.membersOf', { group: groupID, users: userIDList });
    const existed = members.map((/** @type {any} */ { user }) => user);
    const users = userIDList.filter((user) => !existed.includes(user));
    const { added, failed } = users.length > 0 ? await this.request('group.invite', { group: groupID, users }) : { added: [], failed: [] };
    const { group } = (await this.getGroupProfile({ groupID })).data;
    return ok({ successUserIDList: added, existedUserIDList: existed, failureUserIDList: failed, overLimitUserIDList: [], group });
  }

  /** @param {{groupID: string, userIDList: string[]}} options */
  async deleteGroupMember({ groupID, userIDList }) {
    const { removed } = await this.request('group.remove', { group: groupID, users: userIDList });
    const { group } = (await this.getGroupProfile({ groupID })).data;
    return ok({ userIDList: removed, group });
  }

  // ---- attributes ----

  /** @param {{groupID: string, groupAttributes: Record<string, string>}} options */
  async initGroupAttributes({ groupID, groupAttributes }) {
    await this.request('group.attributes.set', { group: groupID, attributes: groupAttributes, replace: true });
    return ok({ groupAttributes });
  }

  /** @param {{groupID: string, groupAttributes: Record<string, string>}} options */
  async setGroupAttributes({ groupID, groupAttributes }) {
    await this.request('group.attributes.set', { group: groupID, attributes: groupAttributes });
    return ok({ groupAttributes });
  }

  /** @param {{groupID: string, keyList?: string[]}} options none: all go */
  async deleteGroupAttributes({ groupID, keyList = [] }) {
    await this.request('group.attributes.delete', { group: groupID, keys: keyList });
    return ok({ keyList });
  }

  /** @param {{groupID: string, keyList?: string[]}} options none: all */
  async getGroupAttributes({ groupID, keyList = [] }) {
    const { attributes } = await this.request('group.attributes.get', { group: groupID, keys: keyList });
    return ok({ groupAttributes: attributes });
  }

  // ---- what the gateway does not have ----

  changeGroupOwner() {
    return notSupported('changeGroupOwner');
  }

  setGroupMemberMuteTime() {
    return notSupported('setGroupMemberMuteTime');
  }

  setGroupMemberRole() {
    return notSupported('setGroupMemberRole');
  }

  /** There are no names and fields per group. */
  setGroupMemberNameCard() {
    return notSupported('setGroupMemberNameCard');
  }

  // ---- what the gateway tells ----

  /** @param {string} event @param {any} body */
  told(event, body) {
    super.told(event, body);
    if (event === 'group.changed') this.#changed(body);
    else if (event === 'group.attributes') {
      this.emit(EVENT.GROUP_ATTRIBUTES_UPDATED, { groupID: body.group, groupAttributes: body.attributes });
    }
  }

  over() {
    super.over();
    this.#kept.clear();
  }

  // ---- inside ----

  /** @param {{group: string, info: Group | null}} body */
  #changed({ group, info }) {
    if (info) this.#keep(info);
    else this.#drop(group);
    this.emit(EVENT.GROUP_LIST_UPDATED, [...this.#kept.values()]);
  }

  /** @param {Group} group */
  #keep(group) {
    const made = groupOf(group);
    this.#kept.set(made.groupID, made);
    const conversation = this.conversations.get(`GROUP${made.groupID}`);
    if (conversation) conversation.groupProfile = made;
    return made;
  }

  /** @param {string} groupID */
  #drop(groupID) {
    if (typeof groupID !== 'string') throw badParameter('the group is named by a text');
    this.#kept.delete(groupID);
    this.conversations.remove(`GROUP${groupID}`);
  }
}

refuseMissing(Groups);
needOptions(Groups, [
  'modifyMessage', 'getMessageList', 'setMessageRead', 'getUserProfile', 'getUserStatus', 'subscribeUserStatus', 'getFriendProfile', 'setSelfStatus',
  'createGroup', 'joinGroup', 'getGroupProfile', 'updateGroupProfile', 'getGroupMemberList', 'getGroupMemberProfile', 'addGroupMember',
  'deleteGroupMember', 'initGroupAttributes', 'setGroupAttributes', 'deleteGroupAttributes', 'getGroupAttributes',
]);

/** @param {Group} group */
function groupOf({ id, type, name, avatar, introduction, notification, owner, memberCount, createdMs }) {
  return {
    groupID: id, name, type, avatar, introduction: introduction ?? '', notification: notification ?? '', ownerID: owner,
    memberNum: memberCount, memberCount, maxMemberNum: 0, maxMemberCount: 0, createTime: Math.floor(createdMs / 1000),
    infoSequence: 0, lastInfoTime: 0, lastMessage: {}, joinOption: TYPES.JOIN_OPTIONS_FREE_ACCESS, muteAllMembers: false,
    inviteOption: TYPES.INVITE_OPTIONS_FREE_ACCESS, groupCustomField: [], isSupportTopic: false,
    selfInfo: { messageRemindType: TYPES.MSG_REMIND_ACPT_AND_NOTE, nameCard: '', role: '', userID: '' },
  };
}

/** @param {{user: string, nick: string, avatar: string, role: string, joinedMs: number}} member */
function memberOf({ user, nick, avatar, role, joinedMs }) {
  return {
    userID: user, nick, avatar, nameCard: '', joinTime: Math.floor(joinedMs / 1000), muteUntil: 0, memberCustomField: [],
    role: role === 'owner' ? TYPES.GRP_MBR_ROLE_OWNER : TYPES.GRP_MBR_ROLE_MEMBER,
  };
}
