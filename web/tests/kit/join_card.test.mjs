// The attribute by which a group's members see its running call, and join it: read by the mini-program's module, joined by
// the unmodified engine 1.4.9, whoever made the call.
import test, { after, afterEach, before } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Device } from './support/device.mjs';
import { APP, startServer, until } from './support/world.mjs';

const KEY = 'inner_attr_kit_info';

let server;
let app = APP;
before(async () => { server = await startServer({ CARILLON_CALL_GRACE_MS: '1000' }); });
after(async () => { await server?.stop(); });
afterEach(() => Device.endAll());

/** A group of three, and what cat's module tells of its attributes. */
async function team() {
  app += 1;
  const [amy, ben, cat] = await Promise.all(['amy', 'ben', 'cat'].map((user) => Device.of(server, app, user)));
  const memberList = [{ userID: 'ben' }, { userID: 'cat' }];
  const { groupID } = (await amy.tim.createGroup({ type: 'Public', name: 'team', memberList })).data.group;
  const told = [];
  cat.tim.on('groupAttributesUpdated', ({ data }) => told.push(data));
  const latest = () => told.at(-1)?.groupAttributes[KEY];
  /** The call that the attribute shows, once it is as `fits` says. */
  const shows = (fits) => until(() => {
    const card = latest() && JSON.parse(latest());
    return card && fits(card.user_list.map(({ userid }) => userid).sort()) ? card : null;
  }, () => `the card fits (it is ${latest()})`);
  const gone = () => until(() => told.length > 0 && latest() === undefined, 'the card is gone');
  const asked = async () => (await cat.tim.getGroupAttributes({ groupID, keyList: [] })).data.groupAttributes;
  return { amy, ben, cat, groupID, told, shows, gone, asked };
}

test('a member who was not asked joins by the card, which is gone with the call', async () => {
  const { amy, ben, cat, groupID, told, shows, gone, asked } = await team();
  assert.deepEqual(await asked(), {});
  await amy.engine.groupCall({ userIDList: ['ben'], groupID, type: 2 });
  await ben.sees('INVITED');
  await ben.engine.accept();
  const card = await shows((users) => users.join() === 'amy,ben');
  assert.deepEqual([card.group_id, card.room_id_type, card.call_media_type], [groupID, 1, 'video']);
  assert.match(card.room_id, /^\d+$/);
  assert.deepEqual(JSON.parse((await asked())[KEY]), card);
  assert.ok(told.every((one) => one.groupID === groupID));
  await cat.engine.joinInGroupCall({ groupID, type: 2, roomID: Number(card.room_id) });
  await Promise.all([amy.sees('USER_ENTER', 2), ben.sees('USER_ENTER', 2), cat.sees('USER_ENTER', 2)]);
  await shows((users) => users.join() === 'amy,ben,cat');
  await amy.engine.hangup();
  await cat.sees('USER_LEAVE');
  await shows((users) => users.join() === 'ben,cat');
  await ben.engine.hangup();
  await cat.sees('CALL_END');
  await gone();
  assert.deepEqual(await asked(), {});
});

test('a call that the server makes has its card, rings the mini-program and is joined there', async () => {
  const { amy, ben, cat, groupID, shows, gone } = await team();
  const [room, call] = [52011, randomUUID()];
  const ask = (verb, body) => amy.tim.request(verb, body);
  await ask('room.enter', { room });
  const { users } = await ask('call.start', { call, users: ['ben'], group: groupID, room, media: 'audio', userData: '{"order":7}' });
  assert.deepEqual(users, [{ user: 'ben', result: 'rings' }]);
  const invited = await ben.sees('INVITED');
  assert.deepEqual([invited.sponsor, invited.isFromGroup, invited.inviteData.roomID, invited.inviteData.callType], ['amy', true, room, 1]);
  await ben.engine.accept();
  const card = await shows((list) => list.join() === 'amy,ben');
  assert.deepEqual([card.call_id, card.room_id, card.call_media_type], [call, String(room), 'audio']);
  await cat.engine.joinInGroupCall({ groupID, type: 1, roomID: Number(card.room_id) });
  await shows((list) => list.join() === 'amy,ben,cat');
  assert.deepEqual((await ask('call.beat', { call })).call.connected.sort(), ['amy', 'ben', 'cat']);
  await ask('call.hangUp', { call });
  await ask('room.leave', { room });
  await ben.engine.hangup();
  await cat.sees('CALL_END');
  await gone();
});

test('a call of two that the server makes rings, is refused as busy, and stops ringing', async () => {
  const { amy, ben, cat } = await team();
  const ask = (device, verb, body) => device.tim.request(verb, body);
  const start = (device, room) => ask(device, 'call.start', { call: randomUUID(), users: ['ben'], room, media: 'video' });
  await ask(amy, 'room.enter', { room: 7 });
  const { call } = await start(amy, 7);
  await ben.sees('INVITED');
  await ask(cat, 'room.enter', { room: 8 });
  assert.deepEqual((await start(cat, 8)).users, [{ user: 'ben', result: 'busy' }]);
  await ask(amy, 'call.cancel', { call: call.call });
  await ben.sees('CALLING_CANCEL');
  // A caller who only leaves the room has given up, too.
  await start(amy, 7);
  await ben.sees('INVITED', 2);
  await ask(amy, 'room.leave', { room: 7 });
  await ben.sees('CALLING_CANCEL', 2);
  assert.equal(ben.events.filter(([name]) => name === 'LINE_BUSY').length, 0);
});
