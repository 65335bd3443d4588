// A picture from a file, made small enough for a profile.

/** The longest avatar that the server takes unless its config says more: an avatar travels with each message. */
export const maxAvatarBytes = 512;

/** Pixels and quality to try, best first. */
const tries = [[128, 0.5], [96, 0.4], [80, 0.3], [64, 0.35], [64, 0.2], [56, 0.2], [48, 0.2], [48, 0.1], [40, 0.1], [32, 0.1], [32, 0.02], [24, 0.02]];

/**
 * Cuts a picture square and shrinks it to `maxAvatarBytes`.
 * @param {Blob} file
 * @returns {Promise<string>} a data URL
 * @throws {Error} where it is no picture, or the browser cannot make it small enough
 */
export async function shrink(file) {
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  for (const [pixels, quality] of tries) {
    const canvas = Object.assign(document.createElement('canvas'), { width: pixels, height: pixels });
    const pen = canvas.getContext('2d', { alpha: false });
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(bitmap, left, top, side, side, 0, 0, pixels, pixels);
    const url = bare(canvas.toDataURL('image/webp', quality));
    if (url.length <= maxAvatarBytes) return url;
  }
  throw new Error('too large');
}

/** A WebP with nothing but its picture: browsers add a colour profile that is larger than such a small picture. */
function bare(url) {
  const [head, body] = url.split(',');
  if (head !== 'data:image/webp;base64') return url;
  const bytes = Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const first = 12;
  for (let at = first; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    const padded = length + (length & 1);
    if (String.fromCharCode(...bytes.subarray(at, at + 4)) === 'VP8 ') {
      const lean = bytes.slice(0, first + 8 + padded);
      lean.set(bytes.subarray(at, at + 8 + padded), first);
      new DataView(lean.buffer).setUint32(4, lean.length - 8, true);
      return `${head},${btoa(String.fromCharCode(...lean))}`;
    }
    at += 8 + padded;
  }
  return url;
}
