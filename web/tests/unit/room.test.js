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
