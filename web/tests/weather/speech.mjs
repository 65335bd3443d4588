// Known speech: Debian's espeak-ng reads sentences; a loop of about 20 s.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RATE } from './stoi.mjs';
import { resample } from './judge.mjs';

const SENTENCES = 'The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. '
  + 'It is easy to tell the depth of a well. These days a chicken leg is a rare dish. Rice is often served in round bowls. '
  + 'The juice of lemons makes fine punch. The box was thrown beside the parked truck.';

/** @returns {Promise<{wav: Buffer, samples: Float64Array}>} the file, and the same at 10 kHz */
export async function makeSpeech() {
  const { stdout: wav } = await promisify(execFile)('espeak-ng', ['-s', '150', '--stdout', SENTENCES], {
    encoding: 'buffer', maxBuffer: 1 << 24,
  });
  const data = wav.indexOf('data') + 8;
  const pcm = new Int16Array(wav.buffer.slice(wav.byteOffset + data, wav.byteOffset + wav.length - ((wav.length - data) % 2)));
  const samples = resample(Float64Array.from(pcm, (s) => s / 32768), wav.readUInt32LE(24), RATE);
  // espeak writes a length of "unknown" into a stream: a browser wants the true one.
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.writeUInt32LE(wav.length - data, data - 4);
  return { wav, samples };
}
