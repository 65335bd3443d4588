// Signing in. In an application of your own the signature comes from your own server (see docs, UserSig).
import TencentCloudChat from '@tencentcloud/chat';
import { TUICallKitServer } from '@tencentcloud/call-uikit-vue';

/** @type {ReturnType<typeof TencentCloudChat.create> | null} */
let chat = null;

/** A development server says who it is and signs for anybody. */
async function ask(path, body) {
  const init = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const reply = await fetch(path, init);
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  return reply.json();
}

/** @param {string} userID @param {{nickName?: string, avatar?: string}} [self] */
export async function signIn(userID, self = {}) {
  const { app: SDKAppID } = await ask('/demo/config.json');
  const { userSig } = await ask('/demo/sign', { user: userID });
  chat = TencentCloudChat.create({ SDKAppID });
  await TUICallKitServer.init({ SDKAppID, userID, userSig, tim: chat });
  if (self.nickName || self.avatar) await TUICallKitServer.setSelfInfo(self);
}

/** @param {string[]} names one: a call of two; more: a call in a new group @param {1 | 2} type */
export async function callThem(names, type) {
  if (names.length === 1) return TUICallKitServer.call({ userID: names[0], type });
  const { data } = await chat.createGroup({
    type: TencentCloudChat.TYPES.GRP_MEETING,
    name: names.join(', '),
    memberList: names.map((userID) => ({ userID })),
  });
  return TUICallKitServer.groupCall({ userIDList: names, type, groupID: data.group.groupID });
}
