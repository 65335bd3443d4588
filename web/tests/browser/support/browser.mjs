// Debian's browsers with fake devices. No flag and no preference touches ICE: what passes here works for a user.
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=device-count=3,fps=30', '--autoplay-policy=no-user-gesture-required',
];

export async function launchChromium() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, headless: true });
}

/** Runs before the page's own scripts: keeps every RTCPeerConnection, so that a test can read its statistics. */
export function keepPeerConnections() {
  const all = [];
  globalThis.__peerConnections = all;
  const Real = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      all.push(this);
    }
  };
}

/** Runs before the page's own scripts: a small camera, so that four senders and their receivers fit on two loaded cores. */
export function smallCamera() {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wish) => {
    const video = wish.video && { ...wish.video, width: { ideal: 320 }, height: { ideal: 180 }, frameRate: { ideal: 15 } };
    return real({ ...wish, ...(video && { video }) });
  };
}

/** Runs before the page's own scripts: a headless browser has no screen, a moving canvas takes its place. */
export function offerCanvasAsScreen() {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const context = canvas.getContext('2d');
    let hue = 0;
    const timer = setInterval(() => {
      context.fillStyle = `hsl(${hue += 7} 70% 50%)`;
      context.fillRect(0, 0, 1280, 720);
    }, 100);
    const stream = canvas.captureStream(10);
    globalThis.__screen = stream;
    stream.getVideoTracks()[0].addEventListener('ended', () => clearInterval(timer));
    return stream;
  };
}

/**
 * Runs in the page: what was received so far, summed over the connections that are open.
 * @returns {Promise<{framesDecoded: number, audioEnergy: number, videoBytesIn: number, audioBytesIn: number,
 *   framesSent: number, videos: {mid: string, framesDecoded: number, width: number}[]}>}
 */
export async function receivedMedia() {
  const sum = { framesDecoded: 0, audioEnergy: 0, videoBytesIn: 0, audioBytesIn: 0, framesSent: 0, videos: [] };
  for (const pc of globalThis.__peerConnections.filter((p) => p.connectionState !== 'closed')) {
    for (const s of (await pc.getStats()).values()) {
      if (s.type === 'outbound-rtp' && s.kind === 'video') sum.framesSent += s.framesSent ?? 0;
      if (s.type !== 'inbound-rtp') continue;
      if (s.kind === 'video') {
        sum.framesDecoded += s.framesDecoded ?? 0;
        sum.videoBytesIn += s.bytesReceived ?? 0;
        sum.videos.push({ mid: s.mid, framesDecoded: s.framesDecoded ?? 0, width: s.frameWidth ?? 0 });
      } else {
        sum.audioEnergy += s.totalAudioEnergy ?? 0;
        sum.audioBytesIn += s.bytesReceived ?? 0;
      }
    }
  }
  return sum;
}
