// The chat module's version 2 face against the server: what an application and a text chat page touch.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import TIM from '../../tim/v2.js';
import { APP, startServer, until, userSig } from './support/world.mjs';

let server;
const all = [];
before(async () => { server = await startServer(); });
after(async () => {
  await Promise.all(all.map((tim) => tim.logout().catch(() => {})));
  await server?.stop();
});

/** A signed-in instance and everything it was told. */
async function user(userID, options = {}) {
  const tim = TIM.create({ SDKAppID: APP, gateway: server.gateway, deviceId: `${userID}-${all.length}`, ...options });
  all.push(tim);
  const events = [];
  for (const name of Object.values(TIM.EVENT)) tim.on(name, (event) => events.push(event));
  const { data } = await tim.login({ userID, userSig: userSig(userID) });
  assert.deepEqual([data.actionStatus, data.userID, data.repeatLogin], ['OK', userID, false]);
  await until(() => events.some(({ name }) => name === 'sdkStateReady'), 'SDK_READY');
  const of = (name) => events.filter((event) => event.name === name).map(({ data }) => data);
  return { tim, events, of, received: () => of('onMessageReceived').flat() };
}

const text = (tim, to, words, conversationType = 'C2C') => tim.createTextMessage({ to, conversationType, payload: { text: words } });

test('a message arrives once, with every member that callers read', async () => {
  const [amy, ben] = [await user('amy'), await user('ben')];
  await amy.tim.updateMyProfile({ nick: 'Amy', avatar: 'https://example.com/a.png' });
  const { data } = await amy.tim.sendMessage(text(amy.tim, 'ben', 'hello'));
  assert.equal(data.message.status, 'success');
  const [message] = await until(() => ben.received().length === 1 && ben.received());
  assert.deepEqual(
    [message.ID, message.type, message.payload.text, message.conversationID, message.conversationType, message.from, message.to, message.flow, message.nick],
    [data.message.ID, 'TIMTextElem', 'hello', 'C2Camy', 'C2C', 'amy', 'ben', 'in', 'Amy'],
  );
  const { conversationList } = (await ben.tim.getConversationList()).data;
  assert.deepEqual(conversationList.map((c) => [c.conversationID, c.unreadCount, c.lastMessage.messageForShow, c.userProfile.nick]), [['C2Camy', 1, 'hello', 'Amy']]);
  const { messageList, isCompleted } = (await ben.tim.getMessageList({ conversationID: 'C2Camy' })).data;
  assert.deepEqual([messageList.length, messageList[0].ID, isCompleted], [1, message.ID, true]);
});

test('reading is told to the sender, revoking to the receiver', async () => {
  const [amy, cat] = [await user('amy'), await user('cat')];
  const { data: { message } } = await amy.tim.sendMessage(text(amy.tim, 'cat', 'psst'));
  await until(() => cat.received().length === 1);
  assert.equal(cat.tim.getTotalUnreadMessageCount(), 1);
  await cat.tim.setMessageRead({ conversationID: 'C2Camy' });
  assert.equal(cat.tim.getTotalUnreadMessageCount(), 0);
  await until(() => amy.of('onMessageReadByPeer').flat().some(({ ID }) => ID === message.ID), 'read by peer');
  assert.equal(message.isPeerRead, true);
  await amy.tim.revokeMessage(message);
  await until(() => cat.of('onMessageRevoked').flat().some(({ ID }) => ID === message.ID), 'revoked');
});

test('an unknown receiver, a wrong signature and a missing feature reject with their code', async () => {
  const amy = await user('amy');
  await assert.rejects(amy.tim.sendMessage(text(amy.tim, 'nobody', 'x')), { code: 20003 });
  const tim = TIM.create({ SDKAppID: APP, gateway: server.gateway });
  all.push(tim);
  await assert.rejects(tim.login({ userID: 'amy', userSig: userSig('ben') }), { code: 70013 });
  await assert.rejects(tim.getMyProfile(), { code: 2024 });
  await assert.rejects(amy.tim.sendMessage(amy.tim.createImageMessage({ to: 'ben', conversationType: 'C2C', payload: {} })), { code: 60004 });
  await assert.rejects(amy.tim.pinConversation(), { code: 60004 });
});

test('profiles keep the order asked; a search for nobody is empty', async () => {
  const [amy] = [await user('amy'), await user('ben')];
  const { data } = await amy.tim.getUserProfile({ userIDList: ['ben', 'nobody', 'amy'] });
  assert.deepEqual(data.map(({ userID }) => userID), ['ben', 'nobody', 'amy']);
  assert.deepEqual((await amy.tim.getUserProfile({ userIDList: ['nobody'] })).data, []);
});

test('a group: made, found, told by tips, its attributes told', async () => {
  const [amy, ben] = [await user('amy'), await user('ben')];
  const { data: { group } } = await amy.tim.createGroup({ type: TIM.TYPES.GRP_MEETING, name: 'team', memberList: [{ userID: 'ben' }] });
  assert.equal((await ben.tim.searchGroupByID(group.groupID)).data.group.name, 'team');
  await assert.rejects(ben.tim.searchGroupByID('none'), { code: 10010 });
  const [tip] = await until(() => ben.received().filter(({ type }) => type === TIM.TYPES.MSG_GRP_TIP).length === 1 && ben.received());
  assert.deepEqual([tip.payload.operationType, tip.payload.userIDList], [1, ['ben']]);
  await ben.tim.sendMessage(text(ben.tim, group.groupID, 'hi all', 'GROUP'));
  await until(() => amy.received().some((m) => m.conversationID === `GROUP${group.groupID}` && m.from === 'ben'));
  await amy.tim.setGroupAttributes({ groupID: group.groupID, groupAttributes: { colour: 'red' } });
  const told = await until(() => ben.of('groupAttributesUpdated')[0]);
  assert.deepEqual(told, { groupID: group.groupID, groupAttributes: { colour: 'red' } });
  const { memberList } = (await ben.tim.getGroupMemberList({ groupID: group.groupID })).data;
  assert.deepEqual(memberList.map(({ userID, role }) => [userID, role]).sort(), [['amy', 'Owner'], ['ben', 'Member']]);
});

test('logging in again says so; after logging out nothing is left', async () => {
  const dan = await user('dan');
  assert.equal((await dan.tim.login({ userID: 'dan', userSig: userSig('dan') })).data.repeatLogin, true);
  await dan.tim.logout();
  assert.equal(dan.of('sdkStateNotReady').length, 1);
  await assert.rejects(dan.tim.getConversationList(), { code: 2024 });
});

test('a restarted server loses nothing: what came meanwhile is told once', async () => {
  const [amy, eve] = [await user('amy'), await user('eve')];
  await amy.tim.sendMessage(text(amy.tim, 'eve', 'one'));
  await until(() => eve.received().length === 1);
  await server.restart();
  await amy.tim.sendMessage(text(amy.tim, 'eve', 'two'));
  await until(() => eve.received().length === 2, 'the second message', 30_000);
  assert.deepEqual(eve.received().map(({ payload }) => payload.text), ['one', 'two']);
  const states = eve.of('netStateChange').map(({ state }) => state);
  assert.deepEqual(states, ['connecting', 'connected', 'connecting', 'connected']);
  assert.equal(eve.of('sdkStateReady').length, 1);
});
