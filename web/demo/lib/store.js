// The page's state: one object, replaced by patches; readers are told once per turn.

/**
 * @template S
 * @param {S} initial
 */
export function createStore(initial) {
  let state = initial;
  let told = true;
  const readers = new Set();

  function tell() {
    told = true;
    for (const reader of [...readers]) reader(state);
  }

  return {
    /** @returns {S} */
    get: () => state,
    /** Merges `patch` (or what a function of the state returns) into the state. */
    set(patch) {
      const change = typeof patch === 'function' ? patch(state) : patch;
      if (!change) return;
      state = { ...state, ...change };
      if (told) {
        told = false;
        queueMicrotask(tell);
      }
    },
    /** Calls `reader` now and after each change. Returns what ends that. */
    watch(reader) {
      readers.add(reader);
      reader(state);
      return () => readers.delete(reader);
    },
  };
}
