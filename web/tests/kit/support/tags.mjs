// A live-player, and a phone whose kit page is on the screen: ffmpeg does what WeChat's native tags do, told by the same attributes.
import { spawn } from 'node:child_process';
import { LivePusher } from '../../rtmp/support/live_pusher.mjs';
import { keep } from '../../rtmp/support/phone.mjs';

const [WIDTH, HEIGHT, RATE] = [32, 18, 8000];
const AGAIN_MS = 200;

/** Plays one address as long as its tag is on the page; a player that ends tries again, as the tag does. */
export class LivePlayer {
  /** Pictures that differed from the one before. */
  pictures = 0;
  /** Sum of squares of what was heard, full scale is 1: comparable with a browser's `totalAudioEnergy`. */
  energy = 0;
  log = '';
  #last = Buffer.alloc(0);
  #over = false;

  /** @param {string} src @param {{video: boolean, audio: boolean}} tracks that it is told there are */
  constructor(src, { video, audio }) {
    Object.assign(this, { src, video, audio });
    this.#play();
  }

  #play() {
    const pictures = ['-map', '0:v', '-fps_mode', 'passthrough', '-s', `${WIDTH}x${HEIGHT}`, '-pix_fmt', 'gray', '-flush_packets', '1', '-f', 'rawvideo', 'pipe:3'];
    const samples = ['-map', '0:a', '-ac', '1', '-ar', String(RATE), '-flush_packets', '1', '-f', 's16le', 'pipe:4'];
    const args = ['-v', 'warning', '-nostdin', '-threads', '1', '-flags', 'low_delay', '-analyzeduration', '1000000', '-i', this.src,
      ...(this.video ? pictures : []), ...(this.audio ? samples : [])];
    const child = spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
    keep(child);
    this.child = child;
    child.stderr.on('data', (text) => { this.log = (this.log + text).slice(-5000); });
    this.#each(child.stdio[3], WIDTH * HEIGHT, (picture) => {
      if (!picture.equals(this.#last)) this.pictures += 1;
      this.#last = picture;
    });
    this.#each(child.stdio[4], 2, (sample) => { this.energy += (sample.readInt16LE(0) / 32768) ** 2 / RATE; });
    this.gone = new Promise((resolve) => child.once('exit', resolve));
    this.gone.then(() => { if (!this.#over) setTimeout(() => this.#over || this.#play(), AGAIN_MS); });
  }

  /** @param {any} pipe @param {number} size @param {(bytes: Buffer) => void} take */
  #each(pipe, size, take) {
    let waiting = Buffer.alloc(0);
    pipe.on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      let at = 0;
      for (; waiting.length - at >= size; at += size) take(waiting.subarray(at, at + size));
      waiting = waiting.subarray(at);
    });
  }

  async stop() {
    this.#over = true;
    this.child.kill('SIGKILL');
    await this.gone;
  }
}

/** The tags of the kit's page for a call of two (`TUICallKit/component/connected`), bound to what the engine tells. */
export class Tags {
  /** @type {LivePusher | null} */ pusher = null;
  /** By stream. @type {Map<string, LivePlayer>} */ players = new Map();
  #url = '';
  #shown = false;

  /** The page is on the screen. @param {any} pusher attributes */
  show(pusher) {
    this.#shown = true;
    this.bind({ pusher, playerList: [] });
  }

  /** Nothing of it is. */
  async hide() {
    this.#shown = false;
    const ending = [this.pusher, ...this.players.values()].map((tag) => tag?.stop());
    [this.pusher, this.#url] = [null, ''];
    this.players.clear();
    await Promise.all(ending);
  }

  /** @param {{pusher?: any, playerList?: any[]}} data of the page */
  bind({ pusher, playerList }) {
    if (!this.#shown) return;
    if (pusher) this.#bindPusher(pusher);
    if (playerList) this.#bindPlayers(playerList);
  }

  #bindPusher({ url, enableCamera, enableMic }) {
    if (url && this.#url !== url) {
      this.pusher?.stop();
      this.pusher = new LivePusher(url, { camera: enableCamera ? {} : null });
      this.#url = url;
    }
    if (!this.pusher) return;
    this.pusher.muted = !enableMic;
    if (enableCamera !== this.pusher.filming) this.pusher.setCamera(enableCamera ? {} : null);
  }

  #bindPlayers(list) {
    for (const [id, player] of this.players) {
      if (list.some(({ streamID }) => streamID === id)) continue;
      player.stop();
      this.players.delete(id);
    }
    for (const { streamID, src, hasVideo, hasAudio } of list) {
      const known = this.players.get(streamID);
      // ffmpeg chooses its tracks when it begins; what leaves and comes back it goes on with.
      const fits = known?.src === src && (known.video || !hasVideo) && (known.audio || !hasAudio);
      if (fits || !(hasVideo || hasAudio)) continue;
      known?.stop();
      this.players.set(streamID, new LivePlayer(src, { video: hasVideo || known?.video, audio: hasAudio || known?.audio }));
    }
  }
}
