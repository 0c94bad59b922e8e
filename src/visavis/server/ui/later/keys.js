/** The API key of a tab: asked for when the server wants one, and tried. */

import { BASE, KEY, key } from "../api.js";
import { byId } from "../dom.js";
import { showToast } from "../notice.js";

/** @type {Promise<string|null>|null} of all who wait for a key; they ask once */
let asking = null;

/**
 * Ask for the API key.
 * @param {boolean} wrong whether one was given that the server did not take
 * @returns {Promise<string|null>} null: none was given
 */
export function askForKey(wrong) {
  asking ??= entered(wrong).finally(() => (asking = null));
  return asking;
}

/** @param {boolean} wrong @returns {Promise<string|null>} */
function entered(wrong) {
  const dialog = byId("key");
  const input = byId("key-input");
  byId("key-wrong").hidden = !wrong;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  return new Promise((done) => {
    const closed = () => done(dialog.returnValue === "use" && input.value.trim() ? input.value.trim() : null);
    dialog.addEventListener("close", closed, { once: true });
  });
}

/** @returns {Promise<boolean>} whether the key of this tab writes, as far as the server answers */
export const mayWrite = () => writes().catch(() => false);

/** @returns {Promise<boolean>} a body of no kind is refused to keys that only read with another status */
async function writes() {
  if (!key()) return false;
  const headers = { Authorization: `Bearer ${key()}` };
  return (await fetch(new URL("images", BASE), { method: "POST", headers })).status === 415;
}

/** Ask for a key that writes. @returns {Promise<boolean>} whether the one that was given does */
export async function enterKey() {
  for (let wrong = false; ; wrong = true) {
    const given = await askForKey(wrong);
    if (!given) return false;
    sessionStorage.setItem(KEY, given);
    try {
      if (await writes()) return true;
    } catch {
      showToast("The key could not be tried", "The server does not answer.");
      return false;
    }
    sessionStorage.removeItem(KEY);
  }
}
