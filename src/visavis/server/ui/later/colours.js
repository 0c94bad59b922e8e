/** The colours of a picture's subject as chips that ask for them, and a picker for any other. */

import { byId, el, keepingFocus } from "../dom.js";
import { term } from "../state.js";
import { styled } from "./styles.js";

await styled("colours.css");

/** @typedef {[number, number, number]} Colour red, green and blue */

const HEX = /^#[0-9a-f]{6}$/;
const SIDE = 48; // pixels a side that are looked at
const FRAME = 2; // pixels at the edge that a backdrop is known by
const PLAIN = 0.15; // share of them that looks alike where there is a backdrop
const PLAINS = 3; // colours that it may have
const ALIKE = 36; // two pixels of a backdrop
const APART = 58; // two colours with chips of their own
const LEAST = 0.05; // share of the subject
const MOST = 5;

/** @param {Colour} one @param {Colour} other @returns {number} how far apart they look: the "redmean" of Riemersma */
function distance([r, g, b], [red, green, blue]) {
  const mean = (r + red) / 2;
  return Math.sqrt((2 + mean / 256) * (r - red) ** 2 + 4 * (g - green) ** 2 + (2 + (255 - mean) / 256) * (b - blue) ** 2) / 1.7;
}

/** @param {Colour} colour @returns {string} */
const hexOf = (colour) => `#${colour.map((one) => Math.round(one).toString(16).padStart(2, "0")).join("")}`;

/** Colours and how much of each there is, most first. @param {{colour: Colour, weight: number}[]} pixels @param {number} apart */
function grouped(pixels, apart) {
  /** @type {Map<number, {sum: Colour, weight: number}>} */
  const bins = new Map();
  for (const { colour, weight } of pixels) {
    const key = colour.reduce((found, one) => found * 16 + (one >> 4), 0);
    const bin = bins.get(key) ?? { sum: [0, 0, 0], weight: 0 };
    colour.forEach((one, at) => (bin.sum[at] += one * weight));
    bin.weight += weight;
    bins.set(key, bin);
  }
  /** @type {{colour: Colour, weight: number}[]} */
  const groups = [];
  for (const { sum, weight } of [...bins.values()].sort((one, other) => other.weight - one.weight)) {
    const colour = /** @type {Colour} */ (sum.map((one) => one / weight));
    const near = groups.find((group) => distance(group.colour, colour) < apart);
    if (near) near.weight += weight;
    else groups.push({ colour, weight });
  }
  return groups.sort((one, other) => other.weight - one.weight);
}

/** Which pixels are backdrop: alike at the edge, and joined with it. @param {Colour[]} pixels @returns {boolean[]} */
function backdrop(pixels) {
  const edge = [...pixels.keys()].filter((at) => Math.min(at % SIDE, SIDE - 1 - (at % SIDE), Math.floor(at / SIDE), SIDE - 1 - Math.floor(at / SIDE)) < FRAME);
  const groups = grouped(edge.map((at) => ({ colour: pixels[at], weight: 1 })), ALIKE);
  const plain = groups.filter(({ weight }) => weight >= PLAIN * edge.length).slice(0, PLAINS);
  const found = pixels.map(() => false);
  const left = edge.slice();
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (found[at] || !plain.some(({ colour }) => distance(pixels[at], colour) < ALIKE)) continue;
    found[at] = true;
    const x = at % SIDE;
    left.push(...[x && at - 1, x < SIDE - 1 && at + 1, at - SIDE, at + SIDE].filter((next) => next !== false && next >= 0 && next < pixels.length));
  }
  return found;
}

/** @param {HTMLImageElement} image that is loaded @param {import("../state.js").Box|null} box the part that is meant @returns {string[]} */
export function palette(image, box = null) {
  const canvas = el("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const [left, top, right, bottom] = box ?? [0, 0, 1, 1];
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left * width, top * height, (right - left) * width, (bottom - top) * height, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const pixels = Array.from({ length: SIDE * SIDE }, (_, at) => /** @type {Colour} */ ([...data.slice(4 * at, 4 * at + 3)]));
  const behind = backdrop(pixels);
  const empty = behind.filter(Boolean).length > 0.97 * pixels.length;
  const seen = pixels.map((colour, at) => {
    const [x, y] = [(at % SIDE) / SIDE - 0.5, Math.floor(at / SIDE) / SIDE - 0.5];
    return { colour, weight: behind[at] && !empty ? 0 : Math.exp(-(x * x + y * y) * 5.6) };
  });
  const groups = grouped(seen.filter(({ weight }) => weight > 0), APART);
  const total = groups.reduce((sum, { weight }) => sum + weight, 0);
  return groups.filter(({ weight }) => weight >= LEAST * total).slice(0, MOST).map(({ colour }) => hexOf(colour));
}

/** @type {(value: string) => void} */
let askAlone;

/**
 * Colours to ask for: those of the picture of the query, any other, and one alone in the search bar.
 * @param {import("../query.js").QueryPanel} query
 * @param {import("../asking.js").Asking} asking
 */
export function offer(query, asking) {
  if (askAlone) return;
  const row = byId("colours");
  byId("shoot").before(picker("Search by colour", "icon-button by-colour", "#c01f2a", ask));

  /** A colour takes the place of that of the query, and joins its pictures and words. @param {string} value */
  function ask(value) {
    asking.ask([...asking.page.state.terms.filter((one) => one.kind !== "colour"), term("colour", value)]);
  }

  askAlone = (value) => asking.ask([term("colour", value)]);
  let seen = "";
  /** @type {string[]} */
  let colours = [];
  query.drawn = ({ image, part, staged, terms }) => {
    const box = part?.box ?? null;
    const key = image?.naturalWidth ? `${staged} ${image.src} ${box}` : "";
    if (key !== seen) colours = key && image ? palette(image, box) : [];
    seen = key;
    const chosen = terms.find((one) => one.kind === "colour")?.value ?? "";
    const other = HEX.test(chosen) ? chosen : (colours[0] ?? "");
    const shown = colours.map((colour) => chip(colour, colour === chosen, ask));
    keepingFocus(row, () => row.replaceChildren(...shown, ...(colours.length ? [picker("In another colour", "colour other", other, ask)] : [])));
  };
  query.drawn(query);
}

/** @param {HTMLImageElement} image that is loaded @returns {HTMLElement|null} its colours, each to be asked for alone; null before `offer` */
export function coloursOf(image) {
  if (!askAlone) return null;
  const props = { class: "colours own", role: "group", "aria-label": "Colours of this picture" };
  return el("div", props, ...palette(image).map((colour) => chip(colour, false, askAlone)));
}

/** @param {string} colour @param {boolean} chosen @param {(colour: string) => void} ask */
function chip(colour, chosen, ask) {
  const title = `In this colour: ${colour}`;
  const props = { class: "colour", type: "button", title, "aria-label": title, "data-focus": colour };
  const made = el("button", { ...props, "aria-pressed": String(chosen), onclick: () => ask(colour) });
  made.style.background = colour;
  return made;
}

/** @param {string} title @param {string} kind @param {string} value @param {(colour: string) => void} ask */
function picker(title, kind, value, ask) {
  const input = el("input", { type: "color", value, "aria-label": title, "data-focus": title, onchange: () => ask(input.value) });
  return el("label", { class: kind, title }, drop(), input);
}

/** @returns {Element} */
function drop() {
  const space = "http://www.w3.org/2000/svg";
  const [svg, path] = ["svg", "path"].map((name) => document.createElementNS(space, name));
  path.setAttribute("d", "M12 3.5c3.5 4 5.5 6.9 5.5 9.8a5.5 5.5 0 0 1-11 0c0-2.9 2-5.8 5.5-9.8zm0 12.8a3 3 0 0 0 3-3");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}
