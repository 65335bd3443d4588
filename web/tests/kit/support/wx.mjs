// A mini-program's global object for one device: sockets by `ws`, storage in memory, consent to everything.
import { WebSocket } from 'ws';

/**
 * @param {{log: (what: string) => void, doubled?: boolean, delay?: () => number}} device `doubled`: the network hands everything over
 *   twice; `delay`: how many ms it keeps the next frame
 */
export function makeWx(device) {
  const storage = new Map();
  const sockets = new Set();
  const granted = { 'scope.record': true, 'scope.camera': true };
  const noop = () => {};
  const media = (kind) => new Proxy({}, {
    get: (_, method) => (options = {}) => {
      device.log(`${kind}.${String(method)}`);
      setImmediate(() => { options.success?.({}); options.complete?.({}); });
    },
  });
  const wx = {
    getSystemInfoSync: () => ({ SDKVersion: '3.0.0', version: '8.0.40', system: 'iOS 16', platform: 'ios', model: 'iPhone', brand: 'Apple', language: 'en', screenHeight: 800, screenWidth: 400, windowHeight: 800, safeArea: { bottom: 780, top: 20 } }),
    getSystemInfo: (options = {}) => options.success?.(wx.getSystemInfoSync()),
    getDeviceInfo: () => wx.getSystemInfoSync(),
    getAppBaseInfo: () => wx.getSystemInfoSync(),
    getWindowInfo: () => wx.getSystemInfoSync(),
    getNetworkType: (options = {}) => options.success?.({ networkType: 'wifi' }),
    getSetting: (options = {}) => { const got = { authSetting: granted }; options.success?.(got); return Promise.resolve(got); },
    authorize: (options = {}) => { options.success?.({}); return Promise.resolve({}); },
    getStorageSync: (key) => storage.get(key) ?? '',
    setStorageSync: (key, value) => { storage.set(key, value); },
    removeStorageSync: (key) => { storage.delete(key); },
    getStorage: (options = {}) => (storage.has(options.key) ? options.success?.({ data: storage.get(options.key) }) : options.fail?.({})),
    setStorage: (options = {}) => { storage.set(options.key, options.data); options.success?.({}); },
    getAccountInfoSync: () => ({ miniProgram: { appId: 'wx0', envVersion: 'develop' } }),
    createLivePusherContext: () => media('pusher'),
    createLivePlayerContext: () => media('player'),
    createInnerAudioContext: () => media('ring'),
    // The engines report to their maker; nothing of it leaves the machine.
    request: (options = {}) => { setImmediate(() => options.fail?.({ errMsg: 'request:fail' })); return { abort: noop }; },
    showModal: noop, showToast: (o) => device.log(`toast ${o?.title ?? ''}`), hideToast: noop, vibrateLong: noop, hideKeyboard: noop,
    setKeepScreenOn: noop, onNetworkStatusChange: noop, offNetworkStatusChange: noop, onAppShow: noop, offAppShow: noop, onAppHide: noop,
    offAppHide: noop, onMemoryWarning: noop, offMemoryWarning: noop, onError: noop, offError: noop, onUnhandledRejection: noop,
    reportPerformance: noop, reportMonitor: noop, canIUse: () => true, nextTick: (fn) => setImmediate(fn),
    connectSocket: (options) => connect(options, sockets, device),
  };
  return { wx, sockets };
}

/** A SocketTask. */
function connect({ url, fail }, sockets, { doubled, delay }) {
  // One message a task, as everywhere but in this package's default.
  const socket = new WebSocket(url, { allowSynchronousEvents: false });
  const [out, back] = [inOrder(delay), inOrder(delay)];
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => fail?.({ errMsg: 'connectSocket:fail' }));
  return {
    send: ({ data, fail: failed }) => out(() => {
      for (let i = 0; i < times(data, doubled); i++) socket.send(data, (error) => error && failed?.(error));
    }),
    close: () => out(() => socket.close()),
    onOpen: (fn) => socket.on('open', () => fn({})),
    onMessage: (fn) => socket.on('message', (data) => back(() => {
      for (let i = 0; i < times(data.toString(), doubled); i++) fn({ data: data.toString() });
    })),
    onClose: (fn) => socket.on('close', (code) => back(() => fn({ code }))),
    onError: (fn) => socket.on('error', (error) => fn({ errMsg: String(error) })),
  };
}

/** One way of a socket: what is kept keeps what comes after it; one frame a task here, too. @param {(() => number) | undefined} delay */
function inOrder(delay) {
  if (!delay) return (/** @type {() => void} */ pass) => pass();
  let last = Promise.resolve();
  return (/** @type {() => void} */ pass) => {
    const kept = new Promise((resolve) => setTimeout(resolve, delay()));
    const task = () => new Promise((resolve) => setImmediate(() => { pass(); resolve(undefined); }));
    last = Promise.all([last, kept]).then(task);
  };
}

/** What is numbered may come again. */
const times = (frame, doubled) => (doubled && /"t":"(request|reply|event)"/.test(frame) ? 2 : 1);
