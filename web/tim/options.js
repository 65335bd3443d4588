/** Methods that are nothing without their options: called without any, they reject with a code as with a wrong one, not with a TypeError. */

import { badParameter } from './errors.js';

/**
 * @param {{prototype: any}} face a class of the chat library
 * @param {string[]} names
 */
export function needOptions({ prototype }, names) {
  for (const name of names) {
    const method = prototype[name];
    /** @this {any} @param {any} options */
    async function checked(options) {
      if (options === null || typeof options !== 'object') throw badParameter(`${name}: its options are missing`);
      return method.call(this, options);
    }
    Object.defineProperty(prototype, name, { value: checked, configurable: true, writable: true });
  }
}
