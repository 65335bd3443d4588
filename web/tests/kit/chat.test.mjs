// The chat module's version 2 face against the server: what an application and a text chat page touch.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import TIM from '../../tim/v2.js';
import { APP, NEWEST_WINS, startServer, until, userSig } from './support/world.mjs';

let server;
const all = [];
before(async () => { server = await startServer(); });
after(async () => {
  await Promise.all(all.map((tim) => tim.logout().catch(() => {})));
  await server?.stop();
});

/** A signed-in instance and everything it was told. */
async function user(userID, { app = APP, life, ...options } = {}) {
  const tim = TIM.create({ SDKAppID: app, gateway: server.gateway, deviceId: `${userID}-${all.length}`, ...options });
  all.push(tim);
  const events = [];
  for (const name of Object.values(TIM.EVENT)) tim.on(name, (event) => events.push(event));
  const { data } = await tim.login({ userID, userSig: userSig(userID, app, life) });
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

test('who is meant by a message in a group is told with it', async () => {
  const [pia, quin] = [await user('pia'), await user('quin')];
  const { data: { group: { groupID } } } = await pia.tim.createGroup({ type: 'Public', name: 'two', memberList: [{ userID: 'quin' }] });
  const message = pia.tim.createTextAtMessage({ to: groupID, conversationType: 'GROUP', payload: { text: '@quin look', atUserList: ['quin'] } });
  assert.deepEqual(message.atUserList, ['quin']);
  await pia.tim.sendMessage(message);
  const got = await until(() => quin.received().find(({ type }) => type === 'TIMTextElem'));
  assert.deepEqual([got.atUserList, got.payload.text], [['quin'], '@quin look']);
  const { data: { messageList } } = await quin.tim.getMessageList({ conversationID: `GROUP${groupID}` });
  assert.deepEqual(messageList.map(({ atUserList }) => atUserList), [[], ['quin']]);
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
  const hidden = { messageControlInfo: { excludedFromUnreadCount: true, excludedFromLastMessage: true } };
  await server.restart();
  await amy.tim.sendMessage(text(amy.tim, 'eve', 'three'), hidden);
  await until(() => eve.received().length === 3, 'the hidden message', 30_000);
  const states = eve.of('netStateChange').map(({ state }) => state);
  assert.deepEqual(states, ['connecting', 'connected', 'connecting', 'connected', 'connecting', 'connected']);
  assert.equal(eve.of('sdkStateReady').length, 1);
});

test('one is told why one is out', async () => {
  const app = APP + NEWEST_WINS;
  const first = await user('amy', { app });
  const second = await user('amy', { app });
  await until(() => first.of('kickedOut').length === 1, 'kicked');
  assert.deepEqual(first.of('kickedOut'), [{ type: 'multipleDevice' }]);
  await until(() => first.of('sdkStateNotReady').length === 1);
  await assert.rejects(first.tim.getMyProfile(), { code: 2024 });
  const same = await user('amy', { app, deviceId: 'one' });
  await user('amy', { app, deviceId: 'one' });
  await until(() => same.of('kickedOut').length === 1, 'kicked by itself');
  assert.deepEqual(same.of('kickedOut'), [{ type: 'multipleAccount' }]);
  assert.deepEqual(second.of('kickedOut'), [{ type: 'multipleDevice' }]);
  const brief = await user('fay', { life: 2 });
  await until(() => brief.of('kickedOut').length === 1, 'the signature is over', 20_000);
  assert.deepEqual(brief.of('kickedOut'), [{ type: 'userSigExpired' }]);
});

test('a signature that is over can be renewed without a word', async () => {
  let asked = 0;
  const renewUserSig = async () => userSig('gus', APP, 600 + (asked += 1));
  const gus = await user('gus', { life: 2, renewUserSig });
  await until(() => asked > 0 && gus.of('netStateChange').at(-1)?.state === 'connected', 'renewed', 20_000);
  assert.equal((await gus.tim.getMyProfile()).data.userID, 'gus');
  assert.equal(gus.of('kickedOut').length, 0);
});

test('messages of one\'s other device come as sent, a modified one as modified', async () => {
  const [hal, other, ida] = [await user('hal'), await user('hal'), await user('ida')];
  const { data: { message } } = await hal.tim.sendMessage(text(hal.tim, 'ida', 'hello'));
  const [echo] = await until(() => other.received().length === 1 && other.received());
  assert.deepEqual([echo.flow, echo.ID, echo.conversationID], ['out', message.ID, 'C2Cida']);
  assert.equal(other.tim.getTotalUnreadMessageCount(), 0);
  await until(() => ida.received().length === 1);
  await hal.tim.modifyMessage({ ...message, payload: { text: 'hello!' } });
  const modified = await until(() => ida.of('onMessageModified').flat()[0]);
  assert.deepEqual([modified.ID, modified.payload.text, modified.isModified], [message.ID, 'hello!', true]);
  const [last] = (await ida.tim.getConversationList()).data.conversationList;
  assert.equal(last.lastMessage.messageForShow, 'hello!');
});

test('history comes in pages, oldest first in each', async () => {
  const [jon, kim] = [await user('jon'), await user('kim')];
  for (let i = 1; i <= 5; i++) await jon.tim.sendMessage(text(jon.tim, 'kim', String(i)));
  const words = async (nextReqMessageID) => {
    const { data } = await kim.tim.getMessageList({ conversationID: 'C2Cjon', count: 2, nextReqMessageID });
    return [data.messageList.map(({ payload }) => payload.text).join(), data.nextReqMessageID, data.isCompleted];
  };
  const [newest, next] = await words();
  assert.equal(newest, '4,5');
  const [middle, last] = await words(next);
  assert.equal(middle, '2,3');
  assert.deepEqual(await words(last), ['1', '', true]);
});

test('whoever creates an instance of the application gets the same', () => {
  const one = TIM.create({ SDKAppID: 4711 });
  assert.equal(TIM.create({ SDKAppID: 4711 }), one);
  assert.notEqual(TIM.create({ SDKAppID: 4712 }), one);
});

test('status is set, asked and watched', async () => {
  const [leo, mia] = [await user('leo'), await user('mia')];
  await mia.tim.subscribeUserStatus({ userIDList: ['leo'] });
  await leo.tim.setSelfStatus({ customStatus: 'busy' });
  await until(() => mia.of('onUserStatusUpdated').flat().some(({ customStatus }) => customStatus === 'busy'));
  await leo.tim.logout();
  await until(() => mia.of('onUserStatusUpdated').flat().at(-1).statusType === TIM.TYPES.USER_STATUS_OFFLINE, 'offline');
  const { successUserList } = (await mia.tim.getUserStatus({ userIDList: ['leo', 'mia'] })).data;
  assert.deepEqual(successUserList.map(({ userID, statusType }) => [userID, statusType]), [['leo', 2], ['mia', 1]]);
});

test('while the server is gone every promise settles', async () => {
  const ned = await user('ned');
  await server.end('SIGKILL');
  await until(() => ned.of('netStateChange').at(-1).state === 'connecting', 'connecting');
  const asked = Promise.allSettled([ned.tim.getMyProfile(), ned.tim.sendMessage(text(ned.tim, 'amy', 'x')), ned.tim.quitGroup('g')]);
  const results = await asked;
  assert.deepEqual(results.map(({ status, reason }) => [status, reason?.code]), [['rejected', 2801], ['rejected', 2801], ['rejected', 2801]]);
  await server.spawn();
  await until(() => ned.of('netStateChange').at(-1).state === 'connected', 'connected', 30_000);
  assert.equal((await ned.tim.getMyProfile()).data.userID, 'ned');
});
