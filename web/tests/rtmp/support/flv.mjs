// FLV as a file: what is needed to put the tags of several encoders one behind the other.
const HEADER = 9;
const TAG_HEADER = 11;
const SIZE = 4;
const AUDIO = 8;
export const VIDEO = 9;

/** @param {{video: boolean}} has sound always */
export function flvHeader({ video }) {
  return Buffer.from([0x46, 0x4c, 0x56, 1, video ? 5 : 4, 0, 0, 0, HEADER, 0, 0, 0, 0]);
}

/** @param {number} kind @param {number} at milliseconds @param {Buffer} payload */
export function flvTag(kind, at, payload) {
  const tag = Buffer.alloc(TAG_HEADER + payload.length + SIZE);
  tag[0] = kind;
  tag.writeUIntBE(payload.length, 1, 3);
  tag.writeUIntBE(at & 0xffffff, 4, 3);
  tag[7] = (at >>> 24) & 0xff;
  payload.copy(tag, TAG_HEADER);
  tag.writeUInt32BE(TAG_HEADER + payload.length, TAG_HEADER + payload.length);
  return tag;
}

/** Bytes of a file as they come, to tags of sound and pictures. */
export class FlvReader {
  #bytes = Buffer.alloc(0);
  #skip = HEADER + SIZE;

  /** @param {Buffer} more */
  read(more) {
    this.#bytes = Buffer.concat([this.#bytes, more]);
    const tags = [];
    for (;;) {
      const bytes = this.#bytes.subarray(this.#skip);
      const end = bytes.length < TAG_HEADER ? Infinity : TAG_HEADER + bytes.readUIntBE(1, 3) + SIZE;
      if (bytes.length < end) return tags;
      const [kind, at] = [bytes[0], bytes.readUIntBE(4, 3) + bytes[7] * 2 ** 24];
      if (kind === AUDIO || kind === VIDEO) tags.push({ kind, at, payload: bytes.subarray(TAG_HEADER, end - SIZE) });
      [this.#bytes, this.#skip] = [bytes.subarray(end), 0];
    }
  }
}
