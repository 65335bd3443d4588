/** Which socket this platform has, and what tells that its network came back. */

import { globalWx } from './settings.js';
import { wxNetwork, WxSocket } from './wx_socket.js';

/**
 * @returns {Promise<{platform: 'miniProgram' | 'web' | 'linux', WebSocket: any, network: EventTarget | null | undefined}>}
 */
export async function platformTransport() {
  const wxGlobal = globalWx();
  if (wxGlobal) return { platform: 'miniProgram', WebSocket: WxSocket, network: wxNetwork(wxGlobal) };
  if (typeof globalThis.WebSocket === 'function') return { platform: 'web', WebSocket: globalThis.WebSocket, network: undefined };
  // Node before 22.
  const { WebSocket } = await import('ws');
  return { platform: 'linux', WebSocket: oneMessageAtATime(WebSocket), network: null };
}

/**
 * As in browsers, what waits for a reply goes on before the next message is handled: an event that follows a reply may
 * belong to what the reply told.
 * @param {any} Socket
 */
function oneMessageAtATime(Socket) {
  return class extends Socket {
    /** @param {string} url */
    constructor(url) {
      super(url, { allowSynchronousEvents: false });
    }
  };
}
