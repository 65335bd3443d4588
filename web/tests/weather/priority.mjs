// Chromium gives its renderers and services a nice value of 0, whatever its own is: who measures with `nice -n -15` wants
// that for all of it, or the processor is what is measured.
import { readFile, readdir } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';

/** Makes every thread of this process's children, theirs and so on at least as urgent as this process, if that was made urgent. */
export async function shareUrgency() {
  const own = getPriority();
  if (own >= 0) return;
  for (const pid of await descendants(process.pid)) {
    for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
      try {
        if (getPriority(Number(thread)) > own) setPriority(Number(thread), own);
      } catch {
        // It has just ended.
      }
    }
  }
}

/** @param {number} root @returns {Promise<number[]>} */
async function descendants(root) {
  const children = new Map();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
    const parent = await parentOf(pid);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [root];
  for (let i = 0; i < found.length; i += 1) found.push(...(children.get(found[i]) ?? []));
  return found.slice(1);
}

/** The name, in brackets, may hold anything: the parent is the second field after it. */
async function parentOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
