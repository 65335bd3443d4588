/** The call SDK. `import { CallEngine, CallEvent, CallStatus, MediaType } from '/sdk/call/index.js'`. */

export { CallEngine } from './engine.js';
export {
  CallEvent,
  CallStatus,
  MediaType,
  CallRole,
  CancelReason,
  EndReason,
  DeviceType,
  VideoQuality,
  ErrorCode,
} from './constants.js';
