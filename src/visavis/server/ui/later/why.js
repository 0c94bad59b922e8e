/** Why a result is called what it is: the query laid over it, and the figures. */

import { ask } from "../api.js";
import { el } from "../dom.js";
import { plainly } from "../notice.js";
import { lay } from "./lay.js";
import { styled } from "./styles.js";

/**
 * @typedef {object} Explanation
 * @property {number|null} form
 * @property {number|null} colour
 * @property {number|null} inliers
 * @property {number|null} matched
 * @property {[number, number][]} corners of the query, in the record
 */

const WAYS = ["Slider", "Flicker", "Difference"];
await styled("why.css");

/**
 * Tell it, and lay the query over the picture.
 * @param {HTMLElement} place where the figures go @param {HTMLElement} frame around the picture
 * @param {import("./types.js").ImageRecord} record @param {{terms: object[], uploads: Blob[]}} asked
 * @param {(image: HTMLImageElement) => void} draw the query's picture
 */
export async function why(place, frame, record, { terms, uploads }, draw) {
  place.replaceChildren(el("p", { text: "Comparing …" }));
  try {
    const found = await ask("explain", { id: record.id, term: terms[0] }, uploads);
    if (!place.isConnected) return;
    const laid = found.corners.length ? laidOver(found, frame, record, draw) : el("p", { text: "The pictures do not lie on one another." });
    place.replaceChildren(laid, figures(found));
  } catch (error) {
    place.replaceChildren(el("p", { text: plainly(error instanceof Error ? error.message : String(error)) }));
  }
}

/** @param {Explanation} found */
function figures({ form, colour, inliers, matched }) {
  const share = (/** @type {number} */ part) => `${Math.round(100 * Math.max(0, part))} %`;
  const rows = [
    ["Form", form !== null && `${share(form)} agree, whole on whole`],
    ["Colour", colour !== null && `${share(colour)} agree`],
    ["Points", inliers !== null && `${inliers} of ${matched} agree on one place`],
  ].filter(([, text]) => text);
  return el("dl", {}, ...rows.map(([name, text]) => el("div", {}, el("dt", { text: name }), el("dd", { text }))));
}

/** @param {Explanation} found @param {HTMLElement} frame @param {import("./types.js").ImageRecord} record @param {(image: HTMLImageElement) => void} draw */
function laidOver({ corners }, frame, record, draw) {
  const image = /** @type {HTMLImageElement} */ (frame.querySelector("img:not(.beside)"));
  const over = el("img", { alt: "The picture of the query", draggable: "false" });
  lay(over, corners, record.width / record.height || 1);
  over.addEventListener("load", () => over.classList.add("loaded"));
  draw(over);
  const layer = el("div", { class: "layer" }, over);
  const box = el("div", { class: "laid" }, layer);
  frame.querySelector(".laid")?.remove();
  frame.append(box);
  const fit = () => {
    const [outer, inner] = [frame.getBoundingClientRect(), image.getBoundingClientRect()];
    Object.assign(box.style, {
      left: `${inner.left - outer.left}px`,
      top: `${inner.top - outer.top}px`,
      width: `${inner.width}px`,
      height: `${inner.height}px`,
    });
  };
  const watch = new ResizeObserver(fit); // of windows that grow; zooming moves the picture by its style
  watch.observe(frame);
  new MutationObserver(fit).observe(image, { attributeFilter: ["style"] });
  const at = el("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": "How much of the query is shown" });
  at.addEventListener("input", () => layer.style.setProperty("--at", `${at.value}%`));
  const buttons = WAYS.map((way) =>
    el("button", {
      type: "button",
      text: way,
      "aria-pressed": "false",
      onclick: () => turn(way),
    }),
  );
  const turn = (/** @type {string} */ way) => {
    layer.dataset.way = way;
    at.disabled = way !== "Slider";
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(WAYS[place] === way)));
  };
  turn("Slider");
  return el("div", { class: "ways", role: "group", "aria-label": "How the pictures are compared" }, ...buttons, at);
}
