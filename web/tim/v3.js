/** The face of `@tencentcloud/chat` and `@tencentcloud/lite-chat` (version 3 and later): signalling is inside. */

import { EVENT, TYPES } from './constants.js';
import { notSupported, ok } from './errors.js';
import { configure } from './settings.js';
import { CALL_SERVICE, CallService } from './v3_calls.js';
import { TSignaling } from './v3_signal.js';
import { Signalling } from './v3_signalling.js';

const VERSION = '3.6.6';

/** Questions about what was bought, and reports to the vendor: the first are all answered yes, the second go nowhere. */
const REPORTS = new Set(['isFeatureEnabledForStat', 'reportTUIComponentUsage', 'reportModalView', 'sendTRTCCustomData', 'setApplicationID']);
const REPORT_SERVICE = 'callkit_records_svr.';

/** One instance per application, as the kits rely on: each of their parts calls `create`. @type {Map<number, Chat>} */
const instances = new Map();

export class Chat extends Signalling {
  #calls = new CallService(this.#callHost());

  /** Plugins upload files and receive pushes: there is nothing behind them here. @param {object} plugins */
  registerPlugin(plugins) {
    void plugins;
  }

  getLoginUser() {
    return this.user;
  }

  getVersion() {
    return VERSION;
  }

  /** Seconds. */
  getServerTime() {
    return Math.floor(this.serverNow() / 1000);
  }

  async destroy() {
    if (instances.get(this.SDKAppID) === this) instances.delete(this.SDKAppID);
    return super.destroy();
  }

  /**
   * @param {string} name
   * @param {any} [parameter]
   * @returns {Promise<{code: number, data: any}>}
   */
  async callExperimentalAPI(name, parameter) {
    // The server follows calls by their messages and keeps the records itself: a client's report adds nothing.
    if (REPORTS.has(name) || (name === 'sendRoomCustomData' && String(parameter?.serviceCommand).startsWith(REPORT_SERVICE))) return ok({});
    if (name === 'getServerConfig') return ok({});
    if (name === 'sendRoomCustomData' && String(parameter?.serviceCommand).startsWith(CALL_SERVICE)) {
      return ok(await this.#calls.handle(parameter.serviceCommand, parameter.data));
    }
    if (name === 'sendRoomCustomData') return notSupported(`callExperimentalAPI(${name}, ${parameter?.serviceCommand})`);
    return super.callExperimentalAPI(name, parameter);
  }

  /** @param {import('../core/protocol.js').Snapshot} snapshot @param {boolean} first */
  began(snapshot, first) {
    super.began(snapshot, first);
    this.#calls.began(snapshot.calls ?? []);
  }

  /** @param {string} event @param {any} body */
  told(event, body) {
    super.told(event, body);
    this.#calls.told(event, body);
  }

  over() {
    super.over();
    this.#calls.clear();
  }

  /** @returns {import('./v3_calls.js').Host} */
  #callHost() {
    const chat = this;
    return {
      get user() { return chat.user; },
      request: (verb, body) => this.request(verb, body),
      makeGroup: async (users) => {
        const memberList = users.map((userID) => ({ userID }));
        return (await this.createGroup({ type: TYPES.GRP_MEETING, memberList })).data.group.groupID;
      },
      notify: (text) => this.emit(EVENT.ROOM_CUSTOM_DATA_RECEIVED, text),
    };
  }
}

/** @param {import('./session.js').ChatOptions} options the same `SDKAppID` again gives the same instance */
export function create(options) {
  const known = instances.get(Number(options?.SDKAppID));
  if (known) return known;
  const made = new Chat(options);
  instances.set(made.SDKAppID, made);
  return made;
}

const TencentCloudChat = { create, configure, EVENT, TYPES, TSignaling, VERSION };

export default TencentCloudChat;
export { configure, EVENT, TSignaling, TYPES, VERSION };
