// The same sequences, the same expectations, where each device's network keeps frames now and then, while those of the others go on:
// what one user did first may reach a third one last.
import { playAll } from './support/play.mjs';
import { ReorderedDevice } from './support/device.mjs';
import { GROUPS } from './support/groups.mjs';
import { PAIRS } from './support/sequences.mjs';

// What waits for the engines' own time-outs is as slow as they are, and the same without them.
const { no_answer: _no, offline_callee: _offline, ...pairs } = PAIRS;
const { group_of_four: _four, ...groups } = GROUPS;
playAll({ folder: '1.4.9', Kind: ReorderedDevice, sequences: { ...pairs, ...groups }, kicks: {} });
