// What the vendor's chat library has and this server does not: there, and refused with a code.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Tim } from '../../tim/v2.js';
import { Chat } from '../../tim/v3.js';

/** Of `@tencentcloud/chat` 3.6: everything that this server has nothing behind, and a few that the faces refuse themselves. */
const REFUSED = `
  downloadMergerMessage translateText convertVoiceToText setMessageExtensions getMessageExtensions deleteMessageExtensions searchCloudMessages
  searchCloudGroups searchCloudUsers searchCloudGroupMembers addMessageReaction removeMessageReaction getMessageReactions
  getAllUserListOfMessageReaction getMessageListHopping getMessageReadReceiptList getGroupMessageReadMemberList setConversationDraft
  clearHistoryMessage setAllReceiveMessageOpt getAllReceiveMessageOpt setConversationCustomData markConversation getConversationGroupList
  createConversationGroup deleteConversationGroup renameConversationGroup addConversationsToGroup deleteConversationsFromGroup deleteFriend
  checkFriend updateFriend getFriendApplicationList acceptFriendApplication refuseFriendApplication deleteFriendApplication
  setFriendApplicationRead getFriendGroupList createFriendGroup deleteFriendGroup addToFriendGroup removeFromFriendGroup renameFriendGroup
  followUser unfollowUser getMyFollowersList getMyFollowingList getMutualFollowersList getUserFollowInfo checkFollowType pinGroupMessage
  getPinnedGroupMessageList getGroupOnlineMemberCount getGroupApplicationList handleGroupApplication setGroupCounters increaseGroupCounter
  decreaseGroupCounter getGroupCounters setGroupMemberCustomField markGroupMemberList getJoinedCommunityList createTopicInCommunity
  deleteTopicFromCommunity updateTopicProfile getTopicList addFriend addToBlacklist removeFromBlacklist pinConversation setMessageRemindType
  deleteMessage sendMessageReadReceipt changeGroupOwner setGroupMemberMuteTime setGroupMemberRole setGroupMemberNameCard
`.trim().split(/\s+/);

const WITH_OPTIONS = `
  getMessageList setMessageRead modifyMessage getUserProfile getUserStatus subscribeUserStatus getFriendProfile setSelfStatus createGroup joinGroup
  getGroupProfile updateGroupProfile getGroupMemberList getGroupMemberProfile addGroupMember deleteGroupMember initGroupAttributes
  setGroupAttributes deleteGroupAttributes getGroupAttributes
`.trim().split(/\s+/);

for (const [face, Face] of Object.entries({ v2: Tim, v3: Chat })) {
  const chat = new Face({ SDKAppID: 1 });

  test(`${face} refuses by name what is not there`, async () => {
    for (const name of REFUSED) await assert.rejects(async () => chat[name]({}), { code: 60004, message: new RegExp(`^${name}:`) }, name);
  });

  test(`${face} refuses with a code what was asked without options`, async () => {
    const signalling = Face === Chat ? ['invite', 'inviteInGroup', 'accept', 'reject', 'cancel', 'modifyInvitation'] : [];
    for (const name of [...WITH_OPTIONS, ...signalling]) await assert.rejects(() => chat[name](), { code: 2100, message: new RegExp(`^${name}:`) }, name);
  });

  test(`${face} knows no message, and hands none on that is none`, () => {
    assert.equal(chat.findMessage('amy-1-2'), null);
    assert.throws(() => chat.createForwardMessage({ to: 'ben', conversationType: 'C2C' }), { code: 2100 });
  });
}
