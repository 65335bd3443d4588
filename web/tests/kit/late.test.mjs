// A mini-program that signs in while a web caller's invitation rings: such invitations are hidden from lists and unread counts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Chat } from '../../tim/v3.js';
import { TSignaling } from '../../tim/v3_signal.js';
import { Device, OldDevice } from './support/device.mjs';
import { APP, startServer, until, userSig } from './support/world.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => {
  await Device.endAll();
  await server?.stop();
});

/** As the Vue kit's engine writes it. */
const invitation = (inviter, invitee, room) => JSON.stringify({
  userData: '', version: 4, call_type: 1, room_id: room, businessID: 'av_call', platform: 'Web',
  data: { cmd: 'audioCall', room_id: room, str_room_id: '', inviter, message: '', userIDs: [invitee], excludeFromHistoryMessage: true },
});

/** A page that signs in, and what its signalling was told. */
async function page(userID, app) {
  const chat = new Chat({ SDKAppID: app, gateway: server.gateway, deviceId: `page-${userID}` });
  const told = [];
  for (const name of [TSignaling.INVITEE_ACCEPTED, TSignaling.INVITEE_REJECTED]) chat.addSignalingListener(name, ({ data }) => told.push([name, data.invitee]));
  await chat.login({ userID, userSig: userSig(userID, app) });
  await until(() => chat.isReady(), 'the page is ready');
  return { chat, told };
}

for (const [number, [generation, Kind]] of [['1.4.9', Device], ['1.1.0', OldDevice]].entries()) {
  test(`a_late_phone_with_${generation}_rings_for_a_web_caller`, async () => {
    const app = APP + number;
    const { chat: amy, told } = await page('amy', app);
    // Somebody whom the server knows.
    await (await Kind.of(server, app, 'ben')).signOut();
    const { inviteID } = await amy.invite({ userID: 'ben', data: invitation('amy', 'ben', 7), timeout: 30 });
    const late = await Kind.of(server, app, 'ben', { name: 'ben later' });
    const { sponsor } = await late.sees('INVITED');
    assert.equal(sponsor, 'amy');
    assert.equal(late.tim.getTotalUnreadMessageCount(), 0, 'it is not counted');
    await late.engine.reject();
    await until(() => told.length > 0, 'the page hears of the answer');
    assert.deepEqual(told, [[TSignaling.INVITEE_REJECTED, 'ben']]);
    assert.equal(late.events.filter(([event]) => event === 'INVITED').length, 1);
    // Answered: it does not ring for the next one.
    const third = await Kind.of(server, app, 'ben', { name: 'ben third' });
    await third.tim.getConversationList();
    assert.deepEqual(third.events, [], inviteID);
    await amy.logout();
  });
}
