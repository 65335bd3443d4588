/** The gateway and room client. `import { GatewayClient, RoomClient } from '/sdk/core/index.js'`. */

export { GatewayClient } from './gateway.js';
export { RoomClient } from './room.js';
export { LocalMedia } from './devices.js';
export { Playback } from './playback.js';
export { Emitter } from './emitter.js';
export { CarillonError, Code, GatewayCode } from './errors.js';
