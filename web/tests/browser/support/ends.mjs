// The end of a test file: everything that it started ends, and what does not is named instead of holding the whole run up.

/** Generous: what has not ended by then never does. */
const WITHIN_MS = 60_000;

/**
 * One after the other; a failure of one leaves none of the others running.
 * @param {...[string, (() => Promise<unknown> | undefined)]} steps what ends, and how
 */
export async function endInOrder(...steps) {
  const failures = [];
  for (const [what, end] of steps) {
    await within(what, end).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(String).join('; '));
}

/** @param {string} what @param {() => Promise<unknown> | undefined} end */
async function within(what, end) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${WITHIN_MS} ms`)), WITHIN_MS);
  });
  await Promise.race([Promise.resolve().then(end), late]).finally(() => clearTimeout(timer));
}
