const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A clock that moves when told. */
export function fakeClock(now = 1_700_000_000_000) {
  let next = 1;
  /** @type {Map<number, {fn: () => void, at: number}>} */
  const timers = new Map();
  /** Fires one timer after the other; the caller may wait between two. */
  function* passing(/** @type {number} */ ms) {
    const end = now + ms;
    for (;;) {
      const due = [...timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      timers.delete(due[0]);
      now = due[1].at;
      yield due[1].fn();
    }
    now = end;
  }
  return {
    now: () => now,
    random: () => 0.5,
    setTimeout: (/** @type {() => void} */ fn, /** @type {number} */ ms) => { timers.set(next, { fn, at: now + ms }); return next++; },
    clearTimeout: (/** @type {number} */ id) => timers.delete(id),
    /** @param {number} ms */
    pass(ms) {
      for (const _ of passing(ms));
    },
    /** What a timer began settles before the next one fires. @param {number} ms */
    async passSettled(ms) {
      for (const _ of passing(ms)) await settled();
    },
  };
}
