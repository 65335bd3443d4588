/** The face of `tim-wx-sdk` and `tim-js-sdk` (version 2): no signalling inside; `tsignaling` brings its own. */

import { EVENT, TYPES } from './constants.js';
import { Groups } from './groups.js';
import { configure } from './settings.js';

export class Tim extends Groups {
  /** Version 2 has this name for it, too. @param {any} options */
  registerPlugin(options) {
    // Upload plugins: files are not carried, so there is nothing to plug in.
    void options;
  }
}

const TIM = {
  /** @param {import('./session.js').ChatOptions} options */
  create: (options) => new Tim(options),
  configure,
  EVENT,
  TYPES,
  VERSION: '2.27.6',
};

export default TIM;
export { configure, EVENT, TYPES };
