/** Which part of the picture that is asked with a result is found in: outlined while one looks at that result. */

import { el } from "../dom.js";
import { styled } from "./styles.js";

/** @typedef {import("../state.js").Box} Box */

let offered = false;

/** @param {import("../query.js").QueryPanel} query @param {import("../grid.js").Grid} grid */
export async function offer(query, grid) {
  if (offered) return;
  offered = true;
  await styled("within.css");
  const outline = el("i", { class: "within", "aria-hidden": "true" });

  /** @param {{target: EventTarget|null}} event of a result */
  const show = ({ target }) => {
    const item = target instanceof Element ? target.closest("li") : null;
    const box = item && grid.records[[...grid.root.children].indexOf(item)]?.query_box;
    const frame = query.image?.parentElement;
    if (!box || !frame) return outline.remove();
    const [left, top, right, bottom] = within(query.part?.box ?? [0, 0, 1, 1], box);
    const share = (/** @type {number} */ of) => `${(100 * of).toFixed(1)}%`;
    Object.assign(outline.style, { left: share(left), top: share(top), width: share(right - left), height: share(bottom - top) });
    frame.append(outline);
  };

  grid.root.addEventListener("pointerover", show);
  grid.root.addEventListener("focusin", show);
  for (const name of ["pointerleave", "focusout"]) grid.root.addEventListener(name, () => outline.remove());
  show({ target: grid.root.querySelector("li:hover, li:focus-within") }); // looked at before this was here
}

/** @param {Box} part of a picture @param {Box} box of that part @returns {Box} of the picture */
function within([left, top, right, bottom], box) {
  const across = (/** @type {number} */ at) => left + at * (right - left);
  const down = (/** @type {number} */ at) => top + at * (bottom - top);
  return [across(box[0]), down(box[1]), across(box[2]), down(box[3])];
}
