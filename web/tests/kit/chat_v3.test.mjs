// The chat module's version 3 face against the server: the signalling inside, and what the web kits ask for beside it.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Chat, EVENT, TSignaling, TYPES } from '../../tim/v3.js';
import { APP, startServer, until, userSig } from './support/world.mjs';

const CALL = JSON.stringify({ version: 4, businessID: 'av_call', call_type: 1, room_id: 7, data: { cmd: 'audioCall', room_id: 7 } });
let server;
const all = [];
before(async () => { server = await startServer(); });
after(async () => {
  await Promise.all(all.map((chat) => chat.logout().catch(() => {})));
  await server?.stop();
});

/** A signed-in instance and everything it was told. */
async function user(userID) {
  const chat = new Chat({ SDKAppID: APP, gateway: server.gateway, deviceId: `${userID}-${all.length}` });
  all.push(chat);
  const events = [];
  for (const name of Object.values(EVENT)) chat.on(name, ({ data }) => events.push([name, data]));
  for (const name of Object.values(TSignaling)) if (typeof name === 'string') chat.addSignalingListener(name, ({ data }) => events.push([name, data]));
  await chat.login({ userID, userSig: userSig(userID) });
  await until(() => chat.isReady() && events.some(([name]) => name === EVENT.SDK_READY), 'SDK_READY');
  const of = (name) => events.filter(([event]) => event === name).map(([, data]) => data);
  const sees = async (name, count = 1) => {
    await until(() => of(name).length >= count, `${userID} sees ${name}`);
    return of(name)[count - 1];
  };
  return { chat, of, sees };
}

test('an invitation is received, modified, and answered in each way', async () => {
  const [amy, ben] = [await user('amy'), await user('ben')];
  const invite = async () => {
    const { inviteID, code, data } = await amy.chat.invite({ userID: 'ben', data: CALL, timeout: 30 });
    assert.deepEqual([code, data.message.status, data.message.to], [0, 'success', 'ben']);
    return inviteID;
  };
  const accepted = await invite();
  const came = await ben.sees(TSignaling.NEW_INVITATION_RECEIVED);
  assert.deepEqual(came, { inviteID: accepted, inviter: 'amy', groupID: '', data: CALL, inviteeList: ['ben'] });
  await ben.chat.modifyInvitation({ inviteID: accepted, data: '{"consumed":true}' });
  assert.deepEqual(await amy.sees(TSignaling.INVITATION_MODIFIED), { inviteID: accepted, data: '{"consumed":true}' });
  await ben.chat.accept({ inviteID: accepted, data: CALL });
  assert.deepEqual((await amy.sees(TSignaling.INVITEE_ACCEPTED)).invitee, 'ben');
  await assert.rejects(ben.chat.accept({ inviteID: accepted }), { code: 8010 });

  const rejected = await invite();
  await ben.sees(TSignaling.NEW_INVITATION_RECEIVED, 2);
  await assert.rejects(amy.chat.reject({ inviteID: rejected }), { code: 8011 });
  await ben.chat.reject({ inviteID: rejected, data: CALL });
  assert.equal((await amy.sees(TSignaling.INVITEE_REJECTED)).inviteID, rejected);

  const cancelled = await invite();
  await ben.sees(TSignaling.NEW_INVITATION_RECEIVED, 3);
  await amy.chat.cancel({ inviteID: cancelled, data: CALL });
  assert.equal((await ben.sees(TSignaling.INVITATION_CANCELLED)).inviteID, cancelled);

  const timed = (await amy.chat.invite({ userID: 'ben', data: CALL, timeout: 1 })).inviteID;
  const over = await amy.sees(TSignaling.INVITATION_TIMEOUT);
  assert.deepEqual([over.inviteID, over.inviteeList, over.isSelfTimeout], [timed, ['ben'], false]);
  assert.equal((await ben.sees(TSignaling.INVITATION_TIMEOUT)).isSelfTimeout, true);
});

test('a group invitation is answered one by one; one that rings is found at sign-in', async () => {
  const [cat, dan] = [await user('cat'), await user('dan')];
  await (await user('eve')).chat.logout();
  const { data: { group: { groupID } } } = await cat.chat.createGroup({ type: TYPES.GRP_MEETING, memberList: [{ userID: 'dan' }, { userID: 'eve' }] });
  const { inviteID } = await cat.chat.inviteInGroup({ groupID, inviteeList: ['dan', 'eve'], data: CALL, timeout: 30 });
  await dan.sees(TSignaling.NEW_INVITATION_RECEIVED);
  await dan.chat.reject({ inviteID, data: CALL });
  await cat.sees(TSignaling.INVITEE_REJECTED);
  const eve = await user('eve');
  assert.deepEqual((await eve.sees(TSignaling.NEW_INVITATION_RECEIVED)).inviteID, inviteID);
  await eve.chat.accept({ inviteID, data: CALL });
  assert.equal((await cat.sees(TSignaling.INVITEE_ACCEPTED)).invitee, 'eve');
  await assert.rejects(cat.chat.cancel({ inviteID }), { code: 8010 }, 'nobody is left');
  assert.equal(eve.of(TSignaling.NEW_INVITATION_RECEIVED).length, 1);
});

test('the kits\' questions about users, groups and abilities are answered', async () => {
  const [fay, gus] = [await user('fay'), await user('gus')];
  await fay.chat.updateMyProfile({ nick: 'Fay' });
  const { friendList, failureUserIDList } = (await gus.chat.getFriendProfile({ userIDList: ['fay'] })).data;
  assert.deepEqual([friendList, failureUserIDList.map(({ userID }) => userID)], [[], ['fay']]);
  assert.equal((await gus.chat.getUserProfile({ userIDList: ['fay'] })).data[0].nick, 'Fay');
  const { data: { group: { groupID } } } = await fay.chat.createGroup({ type: TYPES.GRP_WORK, name: 'team', memberList: [{ userID: 'gus' }] });
  const names = async (userIDList) => (await gus.chat.getGroupMemberProfile({ groupID, userIDList })).data.memberList.map(({ userID, nick }) => [userID, nick]);
  assert.deepEqual([await names(['fay']), await names(['nobody'])], [[['fay', 'Fay']], []]);
  assert.equal((await gus.chat.getGroupProfile({ groupID })).data.group.name, 'team');
  await fay.chat.setGroupAttributes({ groupID, groupAttributes: { a: '1', b: '2' } });
  assert.deepEqual((await gus.chat.getGroupAttributes({ groupID, keyList: [] })).data.groupAttributes, { a: '1', b: '2' });
  await fay.chat.deleteGroupAttributes({ groupID, keyList: ['a'] });
  assert.deepEqual((await gus.chat.getGroupAttributes({ groupID, keyList: ['a', 'b'] })).data.groupAttributes, { b: '2' });
  await fay.chat.setSelfStatus({ customStatus: 'call_wait' });
  const [status] = (await gus.chat.getUserStatus({ userIDList: ['fay'] })).data.successUserList;
  assert.deepEqual([status.userID, status.statusType, status.customStatus], ['fay', TYPES.USER_STATUS_ONLINE, 'call_wait']);
  assert.equal(gus.chat.getLoginUser(), 'gus');
  assert.ok(Math.abs(gus.chat.getServerTime() - Date.now() / 1000) < 30);
  for (const bit of [2 ** 16, 2 ** 31]) assert.deepEqual((await gus.chat.callExperimentalAPI('isCommercialAbilityEnabled', bit)).data, { enabled: true });
  await gus.chat.callExperimentalAPI('sendTRTCCustomData', { serviceCommand: 'callkit_records_svr.x', data: '{}' });
  await assert.rejects(gus.chat.callExperimentalAPI('sendRoomCustomData', { serviceCommand: 'other_srv.x', data: '{}' }), { code: 60004 });
  await assert.rejects(gus.chat.callExperimentalAPI('somethingElse'), { code: 60004 });
});

test('members who come and go are told as tips, and are not counted as unread', async () => {
  const [hal, ida, jon] = [await user('hal'), await user('ida'), await user('jon')];
  const { data: { group: { groupID } } } = await hal.chat.createGroup({ type: TYPES.GRP_PUBLIC, name: 'club', memberList: [{ userID: 'ida' }] });
  const tips = () => hal.of(EVENT.MESSAGE_RECEIVED).flat().filter(({ type }) => type === TYPES.MSG_GRP_TIP)
    .map(({ payload: { operationType, operatorID, userIDList } }) => [operationType, operatorID, userIDList]);
  await jon.chat.joinGroup({ groupID });
  await jon.chat.quitGroup(groupID);
  await hal.chat.deleteGroupMember({ groupID, userIDList: ['ida'] });
  await until(() => tips().some(([operation]) => operation === TYPES.GRP_TIP_MBR_KICKED_OUT), 'the last tip');
  assert.deepEqual(tips().slice(-3), [
    [TYPES.GRP_TIP_MBR_JOIN, 'jon', ['jon']], [TYPES.GRP_TIP_MBR_QUIT, 'jon', ['jon']], [TYPES.GRP_TIP_MBR_KICKED_OUT, 'hal', ['ida']],
  ]);
  const { conversationList } = (await hal.chat.getConversationList()).data;
  assert.deepEqual(conversationList.map(({ conversationID, unreadCount }) => [conversationID, unreadCount]), [[`GROUP${groupID}`, 0]]);
});

test('whom an administrator kicks is told so', async () => {
  const kim = await user('kim');
  const query = new URLSearchParams({ sdkappid: String(APP), identifier: 'administrator', usersig: userSig('administrator'), random: '7', contenttype: 'json' });
  const answer = await fetch(`${server.origin}/v4/im_open_login_svc/kick?${query}`, { method: 'POST', body: JSON.stringify({ UserID: 'kim' }) });
  assert.equal((await answer.json()).ActionStatus, 'OK');
  assert.deepEqual(await kim.sees(EVENT.KICKED_OUT), { type: TYPES.KICKED_OUT_REST_API });
  await kim.sees(EVENT.SDK_NOT_READY);
  await assert.rejects(kim.chat.invite({ userID: 'amy', data: CALL, timeout: 30 }), { code: 2024 });
});
