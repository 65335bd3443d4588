/**
 * The vendor's methods with nothing behind them here. Each is there and rejects, so that an application that tries one
 * gets a code to act on and not an exception.
 */

import { notSupported } from './errors.js';

const MISSING = [
  // messages
  'downloadMergerMessage', 'translateText', 'convertVoiceToText', 'setMessageExtensions', 'getMessageExtensions', 'deleteMessageExtensions',
  'addMessageReaction', 'removeMessageReaction', 'getMessageReactions', 'getAllUserListOfMessageReaction', 'getMessageListHopping',
  'getMessageReadReceiptList', 'getGroupMessageReadMemberList', 'clearHistoryMessage', 'pinGroupMessage', 'getPinnedGroupMessageList',
  'searchCloudMessages', 'searchCloudGroups', 'searchCloudUsers', 'searchCloudGroupMembers',
  // conversations
  'setConversationDraft', 'setConversationCustomData', 'markConversation', 'setAllReceiveMessageOpt', 'getAllReceiveMessageOpt',
  'getConversationGroupList', 'createConversationGroup', 'deleteConversationGroup', 'renameConversationGroup', 'addConversationsToGroup',
  'deleteConversationsFromGroup',
  // friends
  'updateFriend', 'deleteFriend', 'checkFriend', 'getFriendApplicationList', 'acceptFriendApplication', 'refuseFriendApplication',
  'deleteFriendApplication', 'setFriendApplicationRead', 'getFriendGroupList', 'createFriendGroup', 'deleteFriendGroup', 'addToFriendGroup',
  'removeFromFriendGroup', 'renameFriendGroup', 'followUser', 'unfollowUser', 'getMyFollowersList', 'getMyFollowingList',
  'getMutualFollowersList', 'getUserFollowInfo', 'checkFollowType',
  // groups
  'getGroupOnlineMemberCount', 'getGroupApplicationList', 'handleGroupApplication', 'setGroupCounters', 'increaseGroupCounter',
  'decreaseGroupCounter', 'getGroupCounters', 'setGroupMemberCustomField', 'markGroupMemberList', 'getJoinedCommunityList',
  'createTopicInCommunity', 'deleteTopicFromCommunity', 'updateTopicProfile', 'getTopicList',
];

/** @param {{prototype: any}} face a class of the chat library */
export function refuseMissing({ prototype }) {
  for (const name of MISSING) Object.defineProperty(prototype, name, { value: () => notSupported(name), configurable: true, writable: true });
}
