// What the newest call engines ask of the call service, and what they are told: their forms, and the gateway's behind them.
import test from 'node:test';
import assert from 'node:assert/strict';
import { CallService } from '../../tim/v3_calls.js';

const CALL = { call: 'c1', room: 7, group: null, media: 'video', caller: 'amy', state: 'waiting', waiting: ['ben'], connected: ['amy'] };

/** A service whose server is the test: it answers each verb by `answers`. */
function setUp(answers = {}) {
  const asked = [];
  const told = [];
  const timers = [];
  const service = new CallService({
    user: 'amy',
    request: async (verb, body) => {
      asked.push([verb, body]);
      const answer = answers[verb];
      if (!answer) throw Object.assign(new Error('no such call'), { code: 10010 });
      return typeof answer === 'function' ? answer(body) : answer;
    },
    makeGroup: async (users) => { asked.push(['makeGroup', users]); return '@made'; },
    notify: (text) => told.push(JSON.parse(text)),
    clock: { now: () => 0, random: () => 0, clearTimeout: () => {}, setTimeout: (fn) => { timers.push(fn); } },
  });
  const ask = async (command, Body) => JSON.parse(await service.handle(`call_engine_srv.${command}`, JSON.stringify({ Head: {}, Body })));
  const take = () => {
    timers.splice(0).forEach((fn) => fn());
    return told.splice(0).map(({ Head, Data }) => [Head.Command.replace('call_engine_srv.', ''), Data]);
  };
  const changes = () => take().filter(([name]) => name === 'call_member_changed_notify')
    .map(([, { OperationUserList, AllUserList }]) => [OperationUserList.map((o) => [o.User_Account, o.ActionType]), AllUserList.map((u) => u.User_Account)]);
  /** What the server says after a step. */
  const step = (change, state = {}) => service.told('call.members', { call: { ...CALL, ...state }, changes: Object.entries(change).map(([user, did]) => ({ user, change: did })) });
  return { service, asked, ask, take, changes, step };
}

const rings = (...users) => ({ call: { ...CALL, waiting: users }, users: users.map((user) => ({ user, result: 'rings' })) });
const START = { CallInfo: { CallId: '', CallMediaType: 2, GroupId: '', RoomId: '7', RoomIdType: 1, ExcludeFromHistoryMessage: false }, Caller_Account: 'amy', Timeout: 30_000, UserData: 'u' };

/** amy has called these. */
async function started(...users) {
  const world = setUp({ 'call.start': rings(...users), 'call.invite': rings('eve'), 'call.hangUp': { call: CALL }, 'call.cancel': { call: { ...CALL, state: 'ended' } } });
  const answer = await world.ask('start_call', { ...START, CalleeList_Account: users });
  assert.deepEqual([answer.ErrorCode, answer.Response.CallId], [0, 'c1']);
  world.step(Object.fromEntries(users.map((user) => [user, 'invite'])), { waiting: users });
  assert.deepEqual(world.take(), [], 'the answer says it already');
  return world;
}

test('a call of two is started by the verb', async () => {
  const { asked } = await started('ben');
  const [[verb, { call, ...body }]] = asked;
  assert.match(call, /^[0-9a-f-]{36}$/);
  assert.deepEqual([verb, body], ['call.start', { users: ['ben'], group: null, room: 7, media: 'video', timeoutMs: 30_000, userData: 'u' }]);
});

test('several are called in their group, or in one that is made', async () => {
  const { asked } = await started('ben', 'cy');
  assert.deepEqual(asked.map(([verb, body]) => [verb, body.group ?? body]), [['makeGroup', ['ben', 'cy']], ['call.start', '@made']]);
  const other = setUp({ 'call.start': rings('ben') });
  const CallInfo = { ...START.CallInfo, CallMediaType: 1, GroupId: '@team', RoomId: 'blue', RoomIdType: 2, ExcludeFromHistoryMessage: true };
  await other.ask('start_call', { CallInfo, CalleeList_Account: ['ben'], OfflinePushInfo: { Title: 't' } });
  const [[, { call, ...body }]] = other.asked;
  assert.ok(call);
  assert.deepEqual(body, { users: ['ben'], group: '@team', room: 'blue', media: 'audio', excludeFromHistory: true, offlinePush: { title: 't', description: '', extension: '' } });
});

test('who is busy or in it already is in the answer', async () => {
  const users = [{ user: 'ben', result: 'busy' }, { user: 'cy', result: 'inCall' }, { user: 'dan', result: 'rings' }];
  const { ask, step, changes } = setUp({ 'call.start': { call: CALL, users } });
  const { Response } = await ask('start_call', { ...START, CalleeList_Account: ['ben', 'cy', 'dan'] });
  assert.deepEqual(Response.CallResult.map((one) => [one.Callee_Account, one.User_Account, one.ResultCode]), [['ben', 'ben', 2], ['cy', 'cy', 1], ['dan', 'dan', 0]]);
  step({ ben: 'busy', dan: 'invite' });
  assert.deepEqual(changes(), []);
  const alone = setUp({ 'call.start': { call: { ...CALL, state: 'ended' }, users: [users[0]] } });
  assert.equal((await alone.ask('start_call', { ...START, CalleeList_Account: ['ben'] })).Response.CallResult[0].ResultCode, 2);
  alone.service.told('call.changed', { ...CALL, state: 'ended' });
  assert.deepEqual(alone.take(), [], 'the engine knows');
});

test('who answers, rejects and does not answer is told with those who are left', async () => {
  const { step, take, changes } = await started('ben', 'cy', 'dan');
  step({ ben: 'answer' }, { connected: ['amy', 'ben'], waiting: ['cy', 'dan'] });
  const [change, handled] = take();
  assert.deepEqual([change[0], change[1].OperationUserList, handled[0], handled[1].ActionType, handled[1].CallInfo.CallId], ['call_member_changed_notify', [{ User_Account: 'ben', ActionType: 1 }], 'call_handled_notify', 1, 'c1']);
  step({ cy: 'reject' }, { connected: ['amy', 'ben'], waiting: ['dan'] });
  step({ dan: 'notAnswer' }, { connected: ['amy', 'ben'], waiting: [] });
  assert.deepEqual(changes(), [[[['cy', 2]], ['amy', 'ben', 'dan']], [[['dan', 3]], ['amy', 'ben']]]);
});

test('who joins, is asked, is lost and leaves is told, oneself is not', async () => {
  const { step, changes, take, service } = await started('ben');
  const table = [['join', 5], ['invite', 7], ['offline', 6], ['cancelInvite', 8], ['busy', 2], ['hangUp', 4]];
  for (const [change, number] of table) {
    step({ eve: change, amy: 'join' }, { waiting: [], connected: ['amy', 'ben'] });
    assert.deepEqual(changes(), [[[['eve', number]], ['amy', 'ben']]], change);
  }
  step({ ben: 'hangUp' }, { waiting: [], connected: [], state: 'ended' });
  service.told('call.changed', { ...CALL, state: 'ended' });
  assert.deepEqual(take().map(([name]) => name), ['call_member_changed_notify'], 'the engine ends a call in which nobody is left');
});

test('a call that the server ends is told so once', async () => {
  const { service, take } = await started('ben');
  service.told('call.changed', { ...CALL, call: 'other', state: 'ended' });
  service.told('call.changed', { ...CALL, state: 'connected' });
  assert.deepEqual(take(), []);
  service.told('call.changed', { ...CALL, state: 'ended' });
  service.told('call.changed', { ...CALL, state: 'ended' });
  assert.deepEqual(take().map(([name]) => name), ['end_call_notify']);
});

test('cancel and hang-up are asked for, and nothing is told of them afterwards', async () => {
  const { ask, asked, step, service, take } = await started('ben');
  assert.equal((await ask('cancel_invite', { CallId: 'c1', CalleeList_Account: ['ben'] })).ErrorCode, 0);
  assert.deepEqual(asked.at(-1), ['call.cancel', { call: 'c1', users: ['ben'] }]);
  step({ ben: 'cancelInvite' }, { state: 'ended', waiting: [], connected: [] });
  service.told('call.changed', { ...CALL, state: 'ended' });
  const other = await started('ben', 'cy');
  assert.equal((await other.ask('hangup', { CallId: 'c1' })).ErrorCode, 0);
  assert.deepEqual(other.asked.at(-1), ['call.hangUp', { call: 'c1' }]);
  other.service.told('call.changed', { ...CALL, state: 'ended' });
  assert.deepEqual([...take(), ...other.take()], []);
});

test('more are invited as the first ones were', async () => {
  const { ask, asked } = await started('ben', 'cy');
  const { Response } = await ask('invite_user', { CallId: 'c1', CalleeList_Account: ['eve'] });
  const [verb, { invite, ...body }] = asked.at(-1);
  assert.match(invite, /^[0-9a-f-]{36}$/);
  assert.deepEqual([verb, body], ['call.invite', { call: 'c1', users: ['eve'], timeoutMs: 30_000, userData: 'u' }]);
  assert.deepEqual(Response.CallResult.map((one) => one.ResultCode), [0]);
});

test('a running call is joined by its id, and described', async () => {
  const state = { ...CALL, call: 'c9', room: 'blue', group: '@g', media: 'audio', connected: ['ben', 'cy'], waiting: [] };
  const { ask, changes, service } = setUp({ 'call.join': { call: state }, 'call.beat': { call: state } });
  const { Response } = await ask('join_in_call', { CallId: 'c9', User_Account: 'amy' });
  assert.deepEqual(Response.CallInfo, { CallId: 'c9', CallMediaType: 1, GroupId: '@g', RoomId: 'blue', RoomIdType: 2 });
  assert.deepEqual((await ask('get_call_info', { CallId: 'c9' })).Response.UserList.map((one) => one.User_Account), ['amy', 'ben', 'cy']);
  service.told('call.members', { call: { ...state, connected: ['amy', 'cy'] }, changes: [{ user: 'ben', change: 'hangUp' }] });
  assert.deepEqual(changes(), [[[['ben', 4]], ['amy', 'cy']]]);
});

test('an invitation that came by the service is answered by the verb', async () => {
  const { ask, asked, step, changes } = setUp({ 'call.answer': { call: { ...CALL, caller: 'ben', connected: ['ben', 'amy'], waiting: [] } } });
  for (const [ActionType, word] of [[1, 'accept'], [2, 'reject']]) {
    assert.equal((await ask('handle_call', { CallId: 'c1', ActionType })).Response.CallInfo.RoomId, '7');
    assert.deepEqual(asked.at(-1), ['call.answer', { call: 'c1', answer: word }]);
  }
  step({ cy: 'join' }, { connected: ['amy', 'ben', 'cy'], waiting: [] });
  assert.deepEqual(changes(), [[[['cy', 5]], ['amy', 'ben', 'cy']]]);
});

test('what was missed over a lost session is told by its difference', async () => {
  const { service, changes, take } = await started('ben', 'cy', 'dan', 'eve');
  service.began([{ ...CALL, state: 'connected', connected: ['amy', 'ben', 'zoe'], waiting: ['dan'] }]);
  assert.deepEqual(changes(), [[[['ben', 1], ['zoe', 5], ['cy', 3], ['eve', 3]], ['amy', 'ben', 'zoe', 'dan']]]);
  service.began([{ ...CALL, state: 'connected', connected: ['amy', 'zoe'], waiting: ['dan', 'cy'] }]);
  assert.deepEqual(changes(), [[[['cy', 7], ['ben', 4]], ['amy', 'zoe', 'dan', 'cy']]]);
  service.began([]);
  assert.deepEqual(take().map(([name]) => name), ['end_call_notify']);
});

test('nothing asked hangs or throws', async () => {
  const { service, ask, asked } = setUp();
  for (const command of ['get_invitation', 'clean_previous_device_call', 'heart_beat']) assert.equal((await ask(command, {})).ErrorCode, 0);
  assert.deepEqual(asked, []);
  assert.equal((await ask('no_such', {})).ErrorCode, 60004);
  for (const command of ['hangup', 'heart_beat', 'get_call_info', 'join_in_call', 'handle_call']) assert.equal((await ask(command, { CallId: 'x' })).ErrorCode, 10010);
  for (const text of ['', '{', '{}', 'null']) assert.notEqual(JSON.parse(await service.handle('call_engine_srv.start_call', text)).ErrorCode, 0);
});
