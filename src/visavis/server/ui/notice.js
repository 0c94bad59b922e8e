/** What went wrong, in words, with what to do about it. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { PictureError } from "./pictures.js";
import { PictureGone } from "./results.js";

/**
 * @typedef {object} Remedies buttons that a notice may offer
 * @property {() => void} again
 * @property {() => void} over start over
 * @property {() => void} random
 * @property {() => void} choose
 * @property {string[]} ids that the query has
 *
 * @typedef {object} Problem
 * @property {string} title
 * @property {string} text
 * @property {[string, () => void][]} buttons
 */

/** @param {Problem} problem @param {"alert"|"status"} [role] */
export function showNotice({ title, text, buttons }, role = "alert") {
  const notice = byId("notice");
  notice.setAttribute("role", role);
  notice.replaceChildren(
    el("h2", { text: title }),
    el("p", { text }),
    el("div", { class: "acts" }, ...buttons.map(([words, act]) => el("button", { type: "button", text: words, onclick: act }))),
  );
  notice.hidden = false;
}

export function hideNotice() {
  for (const place of [byId("notice"), byId("toast")]) {
    place.hidden = true;
    place.replaceChildren();
  }
}

/** @param {unknown} error @returns {boolean} whether a picture of the query is the matter */
export const isOfPicture = (error) =>
  error instanceof ApiError && [413, 415, 422].includes(error.status) && /picture|image|pixels/.test(error.message);

/** @param {string} text @returns {string} without naming what everybody sees */
export const plainly = (text) => sentence(text.replace(/^the (query )?picture: /i, "").replace(/it is not a picture: it seems to be (.*?)\.?$/i, "it seems to be $1, not a picture"));

/**
 * Say that something cannot be done, over the page: what is there stays where it is.
 * @param {string} title @param {string} text @param {() => void} [seen] called when it is closed
 * @param {HTMLElement} [over] a dialog that is open
 */
export function showToast(title, text, seen, over = document.body) {
  const toast = byId("toast");
  over.append(toast);
  const close = () => {
    toast.hidden = true;
    toast.replaceChildren();
    document.body.append(toast);
    seen?.();
  };
  toast.setAttribute("role", "alert");
  toast.replaceChildren(
    el("div", {}, el("h2", { text: title }), el("p", { text })),
    el("button", { class: "plain", type: "button", text: "OK", onclick: close }),
  );
  toast.hidden = false;
}

/** @param {unknown} error @param {Remedies} remedies @returns {Problem} */
export function problemOf(error, { again, over, random, choose, ids }) {
  const retry = /** @type {[string, () => void]} */ (["Try again", again]);
  const restart = /** @type {[string, () => void]} */ (["Start over", over]);
  if (error instanceof PictureGone) {
    return {
      title: "This picture is not here",
      text:
        "The link was made with a picture that stayed on another device or in another tab; " +
        "pictures are never stored in a URL. Choose it again to repeat the search.",
      buttons: [["Choose the picture", choose], restart],
    };
  }
  if (!(error instanceof ApiError)) {
    const text = error instanceof Error ? error.message : String(error);
    const title = error instanceof PictureError ? "This cannot be used" : "Something went wrong";
    return { title, text, buttons: [restart] };
  }
  const text = plainly(error.message);
  if (error.status === 0) {
    return {
      title: "The server cannot be reached",
      text: "Check your connection, and that “visavis serve” is running; then try again.",
      buttons: [retry],
    };
  }
  if (error.status === 404) {
    const which = ids.length === 1 ? `No picture here has the id “${ids[0]}”.` : text;
    return {
      title: `There is no such ${/concept/.test(text) ? "concept" : "picture"}`,
      text: `${which} It may have been removed.`,
      buttons: [["Show a random picture", random], restart],
    };
  }
  if (error.status === 401) {
    return {
      title: "A key is needed",
      text: "This server answers only to those who have a key. Ask the person who runs it for one.",
      buttons: [["Enter the key", again]],
    };
  }
  if (error.status === 403) return { title: "Your key does not allow this", text, buttons: [retry] };
  if (error.status === 429 || error.status === 503) {
    const wait = error.retryAfter > 1 ? `in ${error.retryAfter} seconds` : "in a moment";
    return { title: "The server is busy", text: `Try again ${wait}.`, buttons: [retry] };
  }
  if (error.status === 413) {
    return { title: "This picture is too large", text, buttons: [["Choose another", choose], restart] };
  }
  if (error.status < 500) return { title: "This cannot be searched", text, buttons: [restart] };
  return { title: "The server failed", text, buttons: [retry, restart] };
}

/** @param {string} text @returns {string} with a capital and a full stop */
export function sentence(text) {
  const trimmed = text.trim();
  const stop = /[.!?…)]$/.test(trimmed) ? "" : ".";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + stop;
}
