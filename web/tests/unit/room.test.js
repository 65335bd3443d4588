import test from 'node:test';
import assert from 'node:assert/strict';
import { Emitter } from '../../core/emitter.js';
import { CarillonError, Code } from '../../core/errors.js';
import { RoomClient } from '../../core/room.js';

/** A gateway whose answers the test gives. */
class Gateway extends Emitter {
  state = 'online';
  user = 'amy';
  asked = [];
  request(verb, body) {
    return new Promise((resolve, reject) => this.asked.push({ verb, body, resolve, reject }));
  }
  verbs() {
    return this.asked.map(({ verb }) => verb);
  }
}

const settled = () => new Promise((r) => setImmediate(r));
const lost = () => new CarillonError(Code.SESSION_LOST, 'room.enter: the session was lost');

test('first entry that a lost session cut short is made once more', async () => {
  const gateway = new Gateway();
  const room = new RoomClient(gateway);
  const entering = room.enter(7);
  gateway.asked[0].reject(lost());
  gateway.emit('session', {});
  await settled();
  assert.deepEqual(gateway.verbs(), ['room.enter', 'room.enter']);
  gateway.asked[1].resolve({ room: 7, participants: [], may: [] });
  await entering;
  assert.equal(room.room, 7);
  gateway.emit('session', {});
  assert.deepEqual(gateway.verbs(), ['room.enter', 'room.enter', 'room.enter'], 'who is inside enters again by itself');
});

test('first entry that fails twice leaves no room behind', async () => {
  const gateway = new Gateway();
  const room = new RoomClient(gateway);
  const entering = room.enter(7);
  gateway.asked[0].reject(lost());
  await settled();
  gateway.asked[1].reject(lost());
  await assert.rejects(entering, { code: Code.SESSION_LOST });
  assert.equal(room.room, null);
  gateway.emit('session', {});
  assert.equal(gateway.asked.length, 2, 'nobody enters again');
});

test('an entry without an answer is taken back', async () => {
  const gateway = new Gateway();
  const room = new RoomClient(gateway);
  const entering = room.enter(7);
  gateway.asked[0].reject(new CarillonError(Code.TIMED_OUT, 'room.enter: no answer'));
  await assert.rejects(entering, { code: Code.TIMED_OUT });
  assert.deepEqual(gateway.asked.map(({ verb, body }) => [verb, body.room]), [['room.enter', 7], ['room.leave', 7]]);
  assert.equal(room.room, null);
});

test('a removal from an earlier seat does not touch an entry under way', async () => {
  const gateway = new Gateway();
  const room = new RoomClient(gateway, { RTCPeerConnection: /** @type {any} */ (StillConnection) });
  const removed = [];
  room.on('removed', ({ reason }) => removed.push(reason));
  const entering = room.enter(7);
  gateway.emit('room.removed', { room: 7, reason: 'takenOver' });
  gateway.asked[0].resolve({ room: 7, participants: [], may: [] });
  await entering;
  assert.deepEqual([room.room, removed], [7, []]);
  gateway.emit('room.removed', { room: 7, reason: 'takenOver' });
  assert.deepEqual([room.room, removed], [null, ['takenOver']]);
});

test('a wish for another codec makes a new offer of the sections that there are', async () => {
  const gateway = new Gateway();
  const room = new RoomClient(gateway, { RTCPeerConnection: /** @type {any} */ (StillConnection) });
  room.publish('camera', { track: null });
  const entering = room.enter(7);
  gateway.asked[0].resolve({ room: 7, participants: [], may: [] });
  await entering;
  await settled();
  const offers = () => gateway.asked.filter(({ verb }) => verb === 'room.offer');
  assert.equal(offers().length, 1);
  offers()[0].resolve({ sdp: 'answer' });
  await settled();
  gateway.emit('room.renegotiate', { room: 8 });
  gateway.emit('room.renegotiate', { room: 7 });
  await settled();
  assert.equal(offers().length, 2, 'of this room alone');
  assert.deepEqual(offers()[1].body.publish, offers()[0].body.publish);
  room.leave();
});

/** A peer connection that never connects. */
class StillConnection {
  connectionState = 'new';
  addTransceiver(_kind, { direction }) {
    const sender = { replaceTrack: async () => {}, getParameters: () => ({}) };
    return { mid: '0', direction, currentDirection: null, sender, receiver: {} };
  }
  async createOffer() {
    return { type: 'offer', sdp: 'offer' };
  }
  async setLocalDescription(offer) {
    this.localDescription = offer;
  }
  async setRemoteDescription(answer) {
    this.remoteDescription = answer;
  }
  close() {}
}
