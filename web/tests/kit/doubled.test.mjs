// The same sequences, the same expectations, on a network that hands every numbered frame over twice, both ways.
import { playAll } from './support/play.mjs';
import { DoubledDevice } from './support/device.mjs';
import { GROUPS } from './support/groups.mjs';
import { PAIRS } from './support/sequences.mjs';

// What waits for the engines' own time-outs is as slow as they are, and the same without them.
const { no_answer: _no, offline_callee: _offline, ...pairs } = PAIRS;
const { group_of_four: _four, ...groups } = GROUPS;
playAll({ folder: '1.4.9', Kind: DoubledDevice, sequences: { ...pairs, ...groups }, kicks: {} });
