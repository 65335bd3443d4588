// What the newest call engines ask of the call service, and what they are told.
import test from 'node:test';
import assert from 'node:assert/strict';
import { CallService } from '../../tim/v3_calls.js';
import { TSignaling } from '../../tim/v3_signal.js';

/** A service whose chat is the test; timers run when told. */
function setUp({ calls = [] } = {}) {
  const asked = [];
  const told = [];
  const timers = [];
  let number = 0;
  const invited = (kind) => async (options) => {
    number += 1;
    asked.push([kind, { ...options, data: JSON.parse(options.data) }]);
    return { inviteID: `i${number}` };
  };
  const service = new CallService({
    user: 'amy',
    invite: invited('invite'),
    inviteInGroup: invited('inviteInGroup'),
    cancel: async (options) => { asked.push(['cancel', options.inviteID]); },
    makeGroup: async (users) => { asked.push(['makeGroup', users]); return '@made'; },
    current: async () => calls,
    notify: (text) => told.push(JSON.parse(text)),
    clock: { now: () => 0, random: () => 0, clearTimeout: () => {}, setTimeout: (fn) => { timers.push(fn); } },
  });
  const ask = async (command, Body) => JSON.parse(await service.handle(`call_engine_srv.${command}`, JSON.stringify({ Head: {}, Body })));
  const settled = async () => { for (let i = 0; i < 20; i += 1) await null; };
  const pass = async () => { await settled(); timers.splice(0).forEach((fn) => fn()); await settled(); };
  const begin = async (users, info = {}) => {
    const CallInfo = { CallId: '', CallMediaType: 2, GroupId: '', RoomId: '7', RoomIdType: 1, ExcludeFromHistoryMessage: false, ...info };
    const answer = ask('start_call', { CallInfo, CalleeList_Account: users, Caller_Account: 'amy', Timeout: 30_000, UserData: 'u' });
    await pass();
    await pass();
    return answer;
  };
  const take = () => told.splice(0).map(({ Head, Data }) => [Head.Command.replace('call_engine_srv.', ''), Data]);
  const changes = () => take().filter(([name]) => name === 'call_member_changed_notify')
    .map(([, { OperationUserList, AllUserList }]) => [OperationUserList.map((o) => [o.User_Account, o.ActionType]), AllUserList.map((u) => u.User_Account)]);
  return { service, asked, ask, begin, pass, settled, take, changes };
}

test('a call of two is invited as the older engines are', async () => {
  const { begin, asked } = setUp();
  const answer = await begin(['ben']);
  assert.deepEqual([answer.ErrorCode, answer.Response.CallId, answer.Response.CallResult[0].ResultCode], [0, 'i1', 0]);
  const [[kind, { userID, timeout, data }]] = asked;
  assert.deepEqual([kind, userID, timeout], ['invite', 'ben', 30]);
  assert.deepEqual(data, {
    userData: 'u', version: 4, call_type: 2, businessID: 'av_call', platform: 'Web', room_id: 7,
    data: { cmd: 'videoCall', inviter: 'amy', message: '', room_id: 7, str_room_id: '', userIDs: ['ben'], excludeFromHistoryMessage: true },
  });
});

test('several are called in their group, or in one that is made', async () => {
  const { begin, asked } = setUp();
  await begin(['ben', 'cy']);
  assert.deepEqual(asked.map(([kind, o]) => [kind, o.groupID ?? o]), [['makeGroup', ['ben', 'cy']], ['inviteInGroup', '@made']]);
  asked.length = 0;
  await begin(['ben'], { GroupId: '@team', RoomId: 'blue', RoomIdType: 2 });
  const [[kind, { groupID, data }]] = asked;
  assert.deepEqual([kind, groupID, data.room_id, data.data.str_room_id], ['inviteInGroup', '@team', 0, 'blue']);
});

test('who answers, rejects and does not answer is told with those who are left', async () => {
  const { begin, service, changes, take } = setUp();
  await begin(['ben', 'cy', 'dan']);
  service.signalled(TSignaling.INVITEE_ACCEPTED, { inviteID: 'i1', invitee: 'ben' });
  const [change, handled] = take();
  assert.deepEqual([change[0], change[1].OperationUserList, handled[0], handled[1].ActionType, handled[1].CallInfo.CallId], ['call_member_changed_notify', [{ User_Account: 'ben', ActionType: 1 }], 'call_handled_notify', 1, 'i1']);
  service.signalled(TSignaling.INVITEE_REJECTED, { inviteID: 'i1', invitee: 'cy', data: '{}' });
  service.signalled(TSignaling.INVITATION_TIMEOUT, { inviteID: 'i1', inviteeList: ['dan'] });
  assert.deepEqual(changes(), [[[['cy', 2]], ['amy', 'ben', 'dan']], [[['dan', 3]], ['amy', 'ben']]]);
});

test('who is busy is in the answer to the start, where the device says so in time', async () => {
  const { ask, service, settled, pass, take } = setUp();
  const answer = ask('start_call', { CallInfo: { CallMediaType: 1, RoomId: '7', RoomIdType: 1 }, CalleeList_Account: ['ben'] });
  await settled();
  service.signalled(TSignaling.INVITEE_REJECTED, { inviteID: 'i1', invitee: 'ben', data: '{"line_busy":"line_busy"}' });
  await pass();
  assert.equal((await answer).Response.CallResult[0].ResultCode, 2);
  await pass();
  assert.deepEqual(take(), []);
});

test('an answer before the engine knows the call is told after it', async () => {
  const { ask, service, settled, pass, take } = setUp();
  const answer = ask('start_call', { CallInfo: { CallMediaType: 1, RoomId: '7', RoomIdType: 1 }, CalleeList_Account: ['ben'] });
  await settled();
  service.signalled(TSignaling.INVITEE_ACCEPTED, { inviteID: 'i1', invitee: 'ben' });
  assert.deepEqual(take(), []);
  await pass();
  await answer;
  await pass();
  assert.deepEqual(take().map(([name]) => name), ['call_member_changed_notify', 'call_handled_notify']);
});

test('who comes by the room, who leaves, and the end come from the server', async () => {
  const { begin, service, changes, take } = setUp();
  await begin(['ben', 'cy']);
  service.signalled(TSignaling.INVITEE_ACCEPTED, { inviteID: 'i1', invitee: 'ben' });
  take();
  service.changed({ call: 'i1', state: 'connected', connected: ['amy', 'ben', 'eve'] });
  service.changed({ call: 'i1', state: 'connected', connected: ['amy', 'eve'] });
  assert.deepEqual(changes(), [[[['eve', 5]], ['amy', 'ben', 'eve', 'cy']], [[['ben', 4]], ['amy', 'eve', 'cy']]]);
  service.changed({ call: 'i1', state: 'ended', connected: ['amy', 'eve'] });
  service.changed({ call: 'i1', state: 'ended', connected: [] });
  assert.deepEqual(take().map(([name]) => name), ['end_call_notify']);
  service.changed({ call: 'other', state: 'ended', connected: [] });
});

test('cancel and hang-up take back what is open, and nothing is told of it afterwards', async () => {
  const { begin, ask, asked, service } = setUp();
  await begin(['ben']);
  assert.equal((await ask('cancel_invite', { CallId: 'i1', CalleeList_Account: ['ben'] })).ErrorCode, 0);
  assert.deepEqual(asked.at(-1), ['cancel', 'i1']);
  assert.equal(service.signalled(TSignaling.INVITEE_ACCEPTED, { inviteID: 'i1', invitee: 'ben' }), false);
  await begin(['ben', 'cy']);
  service.signalled(TSignaling.INVITEE_ACCEPTED, { inviteID: 'i2', invitee: 'ben' });
  assert.equal((await ask('hangup', { CallId: 'i2' })).ErrorCode, 0);
  assert.deepEqual(asked.at(-1), ['cancel', 'i2']);
});

test('more are invited into a call of a group with those who are in', async () => {
  const { begin, ask, asked, service, changes } = setUp();
  await begin(['ben', 'cy']);
  service.signalled(TSignaling.INVITEE_ACCEPTED, { inviteID: 'i1', invitee: 'ben' });
  changes();
  await ask('invite_user', { CallId: 'i1', CalleeList_Account: ['eve'] });
  const [kind, { inviteeList, data }] = asked.at(-1);
  assert.deepEqual([kind, inviteeList, data.inCallUserIDs, data.data.initialCallId], ['inviteInGroup', ['eve'], ['ben'], 'i1']);
  assert.deepEqual(changes(), [[[['eve', 7]], ['amy', 'ben', 'cy', 'eve']]]);
  await begin(['ben']);
  assert.equal((await ask('invite_user', { CallId: 'i3', CalleeList_Account: ['eve'] })).ErrorCode, 10010);
});

test('a running call that one was asked into is joined by its id', async () => {
  const { ask, service, changes } = setUp({ calls: [{ call: 'c9', room: 12, group: '@g', media: 'audio', connected: ['ben', 'cy'] }] });
  const { Response } = await ask('join_in_call', { CallId: 'c9', User_Account: 'amy' });
  assert.deepEqual(Response.CallInfo, { CallId: 'c9', CallMediaType: 1, GroupId: '@g', RoomId: '12', RoomIdType: 1 });
  service.changed({ call: 'c9', state: 'connected', connected: ['amy', 'cy'] });
  assert.deepEqual(changes(), [[[['ben', 4]], ['amy', 'cy']]]);
  assert.equal((await ask('join_in_call', { CallId: 'none' })).ErrorCode, 10010);
});

test('a call of a group that one declined is joined until it ends', async () => {
  const { ask, service } = setUp();
  const data = JSON.stringify({ businessID: 'av_call', call_type: 2, room_id: 0, data: { str_room_id: 'blue', initialCallId: 'c1' } });
  for (const [groupID, text] of [['@g', data], ['', data], ['@g', 'no json'], ['@g', 'null'], ['@g', '{}']]) service.invited({ inviteID: 'i8', groupID, data: text });
  assert.deepEqual((await ask('join_in_call', { CallId: 'c1' })).Response.CallInfo, { CallId: 'c1', CallMediaType: 2, GroupId: '@g', RoomId: 'blue', RoomIdType: 2 });
  service.changed({ call: 'c1', state: 'ended', connected: [] });
  assert.equal((await ask('join_in_call', { CallId: 'c1' })).ErrorCode, 10010);
});

test('nothing asked hangs or throws', async () => {
  const { service, ask } = setUp();
  for (const command of ['get_invitation', 'clean_previous_device_call', 'heart_beat']) assert.equal((await ask(command, {})).ErrorCode, 0);
  assert.equal((await ask('no_such', {})).ErrorCode, 60004);
  assert.equal((await ask('hangup', { CallId: 'x' })).ErrorCode, 10010);
  for (const text of ['', '{', '{}', 'null']) assert.notEqual(JSON.parse(await service.handle('call_engine_srv.start_call', text)).ErrorCode, 0);
});
