/** Styles of what comes later. */

import { el } from "../dom.js";

/** @param {string} name of a file beside this one @returns {Promise<void>} once it is in force, or cannot be had */
export function styled(name) {
  return new Promise((done) => {
    const end = () => done();
    document.head.append(el("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href, onload: end, onerror: end }));
  });
}
