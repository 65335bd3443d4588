// What a browser (or one tab) remembers. Private windows may refuse storage: then nothing is remembered.

const name = (key) => `carillon.${key}`;

function tryStorage(which, act) {
  try {
    return act(globalThis[which]);
  } catch {
    return null;
  }
}

export const kept = (key) => tryStorage('localStorage', (box) => box.getItem(name(key)));
export const keep = (key, value) => tryStorage('localStorage', (box) => box.setItem(name(key), value));
export const tabKept = (key) => tryStorage('sessionStorage', (box) => box.getItem(name(key)));
export const tabKeep = (key, value) => tryStorage('sessionStorage', (box) => box.setItem(name(key), value));
export const tabForget = (key) => tryStorage('sessionStorage', (box) => box.removeItem(name(key)));
