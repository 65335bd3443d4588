// The unmodified mini-program engine 1.4.9 with the unmodified tsignaling-wx on our modules: what each device was told, in
// order, and which messages are stored, for every sequence of a call. KIT_RECORD=1 writes the expectation anew.
import { playAll } from './support/play.mjs';
import { Device } from './support/device.mjs';
import { GROUPS } from './support/groups.mjs';
import { KICKS, PAIRS } from './support/sequences.mjs';

playAll({ folder: '1.4.9', Kind: Device, sequences: { ...PAIRS, ...GROUPS }, kicks: KICKS });
