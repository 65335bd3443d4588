/**
 * Drop-in for `trtc-cloud-js-sdk`: the same default class and names, with the media going through this server.
 * `resolve: { alias: { 'trtc-cloud-js-sdk': '.../web/trtc/index.js' } }` in a bundler is the whole change.
 */

export { TRTCCloud as default } from './cloud.js';
export * from './constants.js';
export * from './types.js';
export { TRTCErrorCode } from './errors.js';

/** CommonJS modules that a bundler mixes with this one take its names as they are: else they get a wrapped class. */
export const __esModule = true;
