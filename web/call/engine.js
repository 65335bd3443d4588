import { Emitter } from '../core/emitter.js';

/** Calls with the vendor's method and event names; README.md is its contract. */
export class CallEngine extends Emitter {}
