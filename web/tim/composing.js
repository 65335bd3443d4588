/** Making messages, before they are sent. */

import { TYPES } from './constants.js';
import { badParameter } from './errors.js';
import { createMessage } from './message.js';
import { Session } from './session.js';

/** @typedef {import('./message.js').ChatMessage} ChatMessage */
/** @typedef {{to: string, conversationType: string, payload: any, priority?: string, cloudCustomData?: string}} MessageOptions */

export class Composing extends Session {
  /** @param {MessageOptions} options */
  createTextMessage(options) {
    return createMessage(this.user, TYPES.MSG_TEXT, options);
  }

  /** Who is meant travels in the payload. @param {MessageOptions & {payload: {atUserList?: string[]}}} options */
  createTextAtMessage(options) {
    return { ...createMessage(this.user, TYPES.MSG_TEXT, options), atUserList: options.payload?.atUserList ?? [] };
  }

  /** @param {MessageOptions} options `payload`: `{data, description?, extension?}`, all text */
  createCustomMessage(options) {
    const payload = { data: '', description: '', extension: '', ...options?.payload };
    return createMessage(this.user, TYPES.MSG_CUSTOM, { ...options, payload });
  }

  /** @param {MessageOptions} options */
  createFaceMessage(options) {
    return createMessage(this.user, TYPES.MSG_FACE, options);
  }

  /** @param {MessageOptions} options */
  createLocationMessage(options) {
    return createMessage(this.user, TYPES.MSG_LOCATION, options);
  }

  /** @param {MessageOptions} options */
  createMergerMessage(options) {
    return createMessage(this.user, TYPES.MSG_MERGER, options);
  }

  /** @param {MessageOptions & {payload: ChatMessage}} options `payload`: the message to hand on */
  createForwardMessage(options) {
    const { type, payload } = options?.payload ?? {};
    if (!type) throw badParameter('createForwardMessage: `payload` is the message to hand on');
    return createMessage(this.user, type, { ...options, payload: { ...payload } });
  }

  /** Files are made, but not carried: `sendMessage` says so. @param {MessageOptions} options */
  createImageMessage(options) {
    return createMessage(this.user, TYPES.MSG_IMAGE, options);
  }

  /** @param {MessageOptions} options */
  createAudioMessage(options) {
    return createMessage(this.user, TYPES.MSG_AUDIO, options);
  }

  /** @param {MessageOptions} options */
  createVideoMessage(options) {
    return createMessage(this.user, TYPES.MSG_VIDEO, options);
  }

  /** @param {MessageOptions} options */
  createFileMessage(options) {
    return createMessage(this.user, TYPES.MSG_FILE, options);
  }
}
