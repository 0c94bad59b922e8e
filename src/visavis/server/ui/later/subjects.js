/** What the picture seems to be about: a tap on each part of it that stands out searches with that part. */

import { ask } from "../api.js";
import { el } from "../dom.js";
import { getPicture } from "../pictures.js";
import { termKey } from "../state.js";
import { placeOf } from "./box.js";
import { styled } from "./styles.js";

await styled("subjects.css");

/**
 * @typedef {import("../state.js").Box} Box
 * @typedef {import("../state.js").Term} Term
 * @typedef {import("../query.js").QueryPanel} QueryPanel
 */

const SETTLED = 300; // ms that one looks at a picture before the server is asked
const APART = 0.14; // of the picture's sides: one of two taps that lie nearer is left out

/** @type {Map<string, Promise<Box[]>>} by the key of a term */
const known = new Map();
/** @type {WeakMap<Element, () => void>} what to do when an element comes into sight */
const awaited = new WeakMap();
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    sight.unobserve(target);
    awaited.get(target)?.();
  }
});
let offered = false;

/** Comes after the colours, which draw by the same call. @param {QueryPanel} query whose picture gets the taps, once it is seen */
export function offer(query) {
  if (offered) return;
  offered = true;
  const before = query.drawn;
  query.drawn = (panel) => {
    before(panel);
    const { image } = query;
    const frame = image?.parentElement;
    const shown = query.terms.find((one) => termKey(one) === query.staged);
    if (!frame || !shown || !image?.naturalWidth) return;
    if (awaited.has(frame)) return mark(frame, shown.box);
    awaited.set(frame, () => setTimeout(() => fill(query, frame, shown), SETTLED));
    sight.observe(frame);
  };
  query.drawn(query);
}

/** @param {QueryPanel} query @param {Element} frame @param {Term} shown */
async function fill(query, frame, shown) {
  if (!frame.isConnected) return;
  const boxes = await subjectsOf(shown);
  if (!frame.isConnected || !boxes.length) return;
  const taps = boxes.flatMap((box) => tap(query, box));
  frame.append(el("div", { class: "subjects", role: "group", "aria-label": "Parts that stand out" }, ...taps));
  mark(frame, query.terms.find((one) => termKey(one) === query.staged)?.box ?? null);
}

/** @param {Term} shown @returns {Promise<Box[]>} asked for once; none where that fails */
function subjectsOf(shown) {
  const key = termKey(shown);
  const asked = known.get(key) ?? found(shown);
  known.set(key, asked);
  return asked.catch(() => {
    known.delete(key);
    return [];
  });
}

/** @param {Term} shown @returns {Promise<Box[]>} */
async function found(shown) {
  const own = shown.kind === "up" ? getPicture(shown.value) : null;
  const { subjects } = await (own ? ask("subjects", {}, [own.blob]) : ask("subjects", { id: shown.value }, []));
  /** @type {Box[]} */
  const boxes = [];
  for (const { box } of subjects) {
    const [x, y] = middle(box);
    const near = boxes.map(middle).some(([left, top]) => Math.hypot(left - x, top - y) < APART);
    if (!near) boxes.push(box.map((/** @type {number} */ edge) => +edge.toFixed(3))); // as the address has it
  }
  return boxes;
}

/** @param {Box} box @returns {[number, number]} */
const middle = ([left, top, right, bottom]) => [(left + right) / 2, (top + bottom) / 2];

/** @param {QueryPanel} query @param {Box} box @returns {HTMLElement[]} the tap, and an outline of what it is for */
function tap(query, box) {
  const button = el("button", {
    class: "subject",
    type: "button",
    title: "Search for this part",
    "aria-label": `Search for this part: ${placeOf(box)}`,
    "data-box": box.join(),
    onpointerdown: (/** @type {Event} */ event) => event.stopPropagation(), // it begins no part drawn by hand
    onclick: () => {
      const next = button.getAttribute("aria-pressed") === "true" ? null : box;
      query.part?.set(next);
      query.part?.changed(next);
    },
  });
  const area = el("i", { class: "subject-area" });
  const [left, top, right, bottom] = box;
  const [x, y] = middle(box).map((share) => `${share * 100}%`);
  Object.assign(button.style, { left: x, top: y });
  const [width, height] = [right - left, bottom - top].map((share) => `${share * 100}%`);
  Object.assign(area.style, { left: `${left * 100}%`, top: `${top * 100}%`, width, height });
  return [button, area];
}

/** A part drawn by hand has the picture for itself. @param {Element} frame @param {Box|null} box the part that is meant */
function mark(frame, box) {
  const group = frame.querySelector(".subjects");
  if (!(group instanceof HTMLElement)) return;
  let own = box === null;
  for (const button of group.querySelectorAll("button")) {
    const chosen = button.dataset.box === box?.join();
    button.setAttribute("aria-pressed", String(chosen));
    own ||= chosen;
  }
  group.hidden = !own;
}
