// The sequences of two: what people do, and what they wait for before they do the next thing. `w.device(user)` signs one in.

import { until } from './world.mjs';

/** @param {import('./stage.mjs').Stage} w */
async function connected(w, type = 2) {
  const [amy, ben] = await w.devices('amy', 'ben');
  await amy.engine.call({ userID: 'ben', type, userData: '{"order":7}' });
  await ben.sees('INVITED');
  await ben.engine.accept();
  await Promise.all([amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
  return { amy, ben };
}

/** Ben accepts, something happens in that moment, and the call goes on. */
async function answered(w, meanwhile) {
  const [amy, ben] = await w.devices('amy', 'ben');
  await amy.engine.call({ userID: 'ben', type: 2 });
  await ben.sees('INVITED');
  const accepting = ben.engine.accept();
  await meanwhile(amy, ben);
  await Promise.all([accepting, amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
  await amy.engine.hangup();
  await ben.sees('CALL_END');
}

/** @type {Record<string, (w: import('./stage.mjs').Stage) => Promise<void>>} */
export const PAIRS = {
  async happy_caller_ends(w) {
    const { amy, ben } = await connected(w);
    await w.seesPicture(amy, 'ben');
    await w.seesPicture(ben, 'amy');
    await amy.engine.hangup();
    await ben.sees('CALL_END');
  },

  async happy_callee_ends(w) {
    const { amy, ben } = await connected(w, 1);
    await ben.engine.hangup();
    await amy.sees('CALL_END');
  },

  async reject(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await amy.engine.call({ userID: 'ben', type: 1 });
    await ben.sees('INVITED');
    await ben.engine.reject();
    await amy.sees('CALLING_CANCEL');
  },

  async busy(w) {
    const { amy, ben } = await connected(w);
    const cat = await w.device('cat');
    await cat.engine.call({ userID: 'ben', type: 2 });
    await cat.sees('CALLING_CANCEL');
    await ben.engine.hangup();
    await amy.sees('CALL_END');
  },

  async glare(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await Promise.all([amy.engine.call({ userID: 'ben', type: 2 }), ben.engine.call({ userID: 'amy', type: 2 })]);
    await Promise.all([amy.sees('CALLING_CANCEL'), ben.sees('CALLING_CANCEL')]);
  },

  async cancel(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await amy.engine.call({ userID: 'ben', type: 2 });
    await ben.sees('INVITED');
    await amy.engine.hangup();
    await ben.sees('CALLING_CANCEL');
  },

  async no_answer(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await amy.engine.call({ userID: 'ben', type: 2 });
    await ben.sees('INVITED');
    await Promise.all([amy.sees('CALLING_CANCEL'), ben.sees('CALLING_CANCEL')]);
  },

  async offline_callee(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await ben.signOut();
    await amy.engine.call({ userID: 'ben', type: 2 });
    await amy.sees('CALLING_CANCEL');
  },

  async late_sign_in(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await ben.signOut();
    await amy.engine.call({ userID: 'ben', type: 1 });
    const late = await w.device('ben', { name: 'ben later' });
    await late.sees('INVITED');
    await late.engine.accept();
    await Promise.all([amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), late.sees('USER_ENTER')]);
    await late.engine.hangup();
    await amy.sees('CALL_END');
  },

  async switch_to_audio(w) {
    const { amy, ben } = await connected(w);
    // The engine names its peer by the first player.
    await w.seesPicture(ben, 'amy');
    await ben.engine.switchCallMediaType(1);
    await amy.sees('CALL_MODE');
    await amy.engine.hangup();
    await ben.sees('CALL_END');
  },

  async two_devices_accept(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    const other = await w.device('ben', { name: 'ben second' });
    await amy.engine.call({ userID: 'ben', type: 2 });
    await Promise.all([ben.sees('INVITED'), other.sees('INVITED')]);
    await ben.engine.accept();
    await Promise.all([other.sees('CALLING_CANCEL'), amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
    await amy.engine.hangup();
    await ben.sees('CALL_END');
  },

  async two_devices_reject(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    const other = await w.device('ben', { name: 'ben second' });
    await amy.engine.call({ userID: 'ben', type: 2 });
    await Promise.all([ben.sees('INVITED'), other.sees('INVITED')]);
    await other.engine.reject();
    await Promise.all([ben.sees('CALLING_CANCEL'), amy.sees('CALLING_CANCEL')]);
  },

  async media_drop(w) {
    const { amy, ben } = await connected(w);
    amy.vanish();
    await ben.sees('CALL_END');
  },

  async signalling_drop(w) {
    const { amy, ben } = await connected(w);
    for (const device of [amy, ben]) await w.reconnects(device);
    await ben.engine.hangup();
    await amy.sees('CALL_END');
  },

  async signalling_drop_while_ringing(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await amy.engine.call({ userID: 'ben', type: 2 });
    await ben.sees('INVITED');
    for (const device of [amy, ben]) await w.reconnects(device);
    amy.dropSocket();
    await ben.engine.accept();
    await Promise.all([amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
    await amy.engine.hangup();
    await ben.sees('CALL_END');
  },

  async server_restart_while_ringing(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await amy.engine.call({ userID: 'ben', type: 2 });
    await ben.sees('INVITED');
    await w.restart();
    await ben.engine.accept();
    await Promise.all([amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
    await amy.engine.hangup();
    await ben.sees('CALL_END');
  },

  async server_restart_in_a_call(w) {
    const { amy, ben } = await connected(w);
    await w.restart();
    await amy.engine.hangup();
    await ben.sees('CALL_END');
  },

  async signalling_drop_while_inviting(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    const calling = amy.engine.call({ userID: 'ben', type: 2 });
    amy.dropSocket();
    await Promise.all([calling, ben.sees('INVITED')]);
    await ben.engine.reject();
    await amy.sees('CALLING_CANCEL');
  },

  async signalling_drop_while_accepting(w) {
    await answered(w, (_, ben) => ben.dropSocket());
  },

  async signalling_drop_while_hanging_up(w) {
    const { amy, ben } = await connected(w);
    const ended = amy.engine.hangup();
    amy.dropSocket();
    await Promise.all([ended, ben.sees('CALL_END')]);
  },

  async server_restart_while_inviting(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    const calling = amy.engine.call({ userID: 'ben', type: 2 });
    await w.restart();
    await Promise.all([calling, ben.sees('INVITED')]);
    await ben.engine.reject();
    await amy.sees('CALLING_CANCEL');
  },

  async server_restart_while_accepting(w) {
    await answered(w, () => w.restart());
  },

  async server_restart_while_hanging_up(w) {
    const { amy, ben } = await connected(w);
    const ended = amy.engine.hangup();
    await w.restart();
    await Promise.all([ended, ben.sees('CALL_END')]);
  },

  async unknown_callee(w) {
    const amy = await w.device('amy');
    await amy.engine.call({ userID: 'nobody', type: 2 }).catch(() => {});
  },
};

/** Where the newest device of a user wins. */
export const KICKS = {
  async kicked_in_a_call(w) {
    const { amy, ben } = await connected(w);
    await w.device('amy', { name: 'amy second' });
    await Promise.all([amy.sees('KICKED_OUT'), ben.sees('CALL_END')]);
  },

  async kicked_while_ringing(w) {
    const [amy, ben] = await w.devices('amy', 'ben');
    await amy.engine.call({ userID: 'ben', type: 2 });
    await ben.sees('INVITED');
    await w.device('amy', { name: 'amy second' });
    // The engine wants to cancel first, which a device that is out cannot; it then says nothing. The server does, in its name.
    await ben.sees('CALLING_CANCEL');
    await until(() => amy.faults.length > 0, 'the failed cancel');
  },
};
