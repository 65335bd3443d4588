// The sequences of groups.

const TEAM = ['amy', 'ben', 'cat', 'dan'];

/** Amy has called all of the team. @param {import('./stage.mjs').Stage} w */
async function ringing(w, invited = ['ben', 'cat', 'dan']) {
  const devices = await w.devices(...TEAM, 'eve');
  const groupID = await w.group('amy', [...TEAM, 'eve']);
  const [amy] = devices;
  await amy.engine.groupCall({ userIDList: invited, groupID, type: 2 });
  await Promise.all(devices.filter(({ user }) => invited.includes(user)).map((device) => device.sees('INVITED')));
  return [...devices, groupID];
}

/** @type {Record<string, (w: import('./stage.mjs').Stage) => Promise<void>>} */
export const GROUPS = {
  async group_of_four(w) {
    const [amy, ben, cat, dan] = await ringing(w);
    await ben.engine.accept();
    await Promise.all([...[amy, cat, dan].map((one) => one.sees('USER_ACCEPT')), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
    await cat.engine.reject();
    await Promise.all([amy.sees('REJECT'), ben.sees('REJECT'), dan.sees('REJECT')]);
    await Promise.all([amy.sees('NO_RESP'), ben.sees('NO_RESP'), dan.sees('CALLING_CANCEL')]);
    await ben.engine.hangup();
    await amy.sees('CALL_END');
  },

  async group_all_accept(w) {
    const [amy, ben, cat, dan] = await ringing(w);
    for (const [i, device] of [ben, cat, dan].entries()) {
      await device.engine.accept();
      await amy.sees('USER_ACCEPT', i + 1);
      await Promise.all([amy, ben, cat, dan].slice(0, i + 2).map((one) => one.sees('USER_ENTER', one === device ? i + 1 : one === amy ? i + 1 : 1)));
    }
    await ben.engine.hangup();
    await Promise.all([amy, cat, dan].map((one) => one.sees('USER_LEAVE')));
    await cat.engine.hangup();
    await Promise.all([amy, dan].map((one) => one.sees('USER_LEAVE', 2)));
    await amy.engine.hangup();
    await dan.sees('CALL_END');
  },

  async group_cancel(w) {
    const [amy, ben, cat, dan] = await ringing(w);
    await amy.engine.hangup();
    await Promise.all([ben, cat, dan].map((one) => one.sees('CALLING_CANCEL')));
  },

  async group_invite_more(w) {
    const [amy, ben, , , eve] = await ringing(w, ['ben']);
    await ben.engine.accept();
    await Promise.all([amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
    await amy.engine.inviteUser({ userIDList: ['eve'] });
    await eve.sees('INVITED');
    await eve.engine.accept();
    await Promise.all([amy.sees('USER_ENTER', 2), ben.sees('USER_ENTER', 2), eve.sees('USER_ENTER', 2)]);
    await eve.engine.hangup();
    await Promise.all([amy, ben].map((one) => one.sees('USER_LEAVE')));
    await ben.engine.hangup();
    await amy.sees('CALL_END');
  },

  async group_join_running(w) {
    const [amy, ben, cat, , , groupID] = await ringing(w, ['ben']);
    await ben.engine.accept();
    await Promise.all([amy.sees('USER_ACCEPT'), amy.sees('USER_ENTER'), ben.sees('USER_ENTER')]);
    const [, { inviteData: { roomID } }] = ben.events[0];
    await cat.engine.joinInGroupCall({ groupID, type: 2, roomID });
    await Promise.all([amy.sees('USER_ENTER', 2), ben.sees('USER_ENTER', 2), cat.sees('USER_ENTER', 2)]);
    await amy.engine.hangup();
    await Promise.all([ben, cat].map((one) => one.sees('USER_LEAVE')));
    await ben.engine.hangup();
    await cat.sees('CALL_END');
  },
};
