/** What is known of two copies, side by side, with the better one marked. */

import { el, fileSize, icon, number } from "../dom.js";
import { labelOf } from "../records.js";

/** @typedef {import("./groups.js").Copy} Copy */

const LARGER = 1.02; // as the rules of the command line have it
const HEAVIER = 1.1;
const FINER = 3; // of 100
const SECONDS = 2;

/** @param {Copy} copy */
const pixels = (copy) => copy.width * copy.height;

/** @param {Copy} copy */
const folderOf = ({ id, fields }) => String(fields.folder ?? (id.includes("/") ? id.slice(0, id.lastIndexOf("/")) : ""));

/** @param {Copy} copy @returns {string} */
function formatOf({ format, lossless }) {
  if (!format) return "unknown";
  const name = format === "WEBP" ? "WebP" : format;
  return lossless ? `${name}, lossless` : name;
}

/** @param {number} seconds @returns {string} */
const dateOf = (seconds) => (seconds > 0 ? new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "unknown");

/** @param {Copy} copy @param {string} name */
const field = (copy, name) => copy.fields[name] === undefined ? "" : String(copy.fields[name]);

/**
 * Which of two is more, by more than an accident.
 * @param {number} left @param {number} right @param {number} [factor] @returns {-1|0|1} -1: the left one
 */
function more(left, right, factor = 1) {
  if (left > right * factor) return -1;
  return right > left * factor ? 1 : 0;
}

/** @param {Copy} left @param {Copy} right @returns {-1|0|1} by more than the grain of times on some disks */
function older({ modified: left }, { modified: right }) {
  if (!(left > 0 && right > 0) || Math.abs(left - right) <= SECONDS) return 0;
  return left < right ? -1 : 1;
}

/**
 * @param {Copy} left @param {Copy} right @param {boolean} plain whether they look alike as they are
 * @returns {{name: string, values: [string, string], better: -1|0|1, word: string}[]}
 */
export function compared(left, right, plain) {
  const large = more(pixels(left), pixels(right), LARGER);
  const alike = large === 0 && plain; // else bytes say nothing of what is in them
  const rows = [
    { name: "Pixels", values: [left, right].map(({ width, height }) => `${number(width)} × ${number(height)}`), better: large, word: "more" },
    {
      name: "Size",
      values: [left, right].map(({ size }) => (size < 0 ? "unknown" : fileSize(size))),
      better: alike && left.format === right.format ? more(left.size, right.size, HEAVIER) : 0,
      word: "more",
    },
    { name: "Format", values: [formatOf(left), formatOf(right)], better: alike ? more(Number(left.lossless), Number(right.lossless)) : 0, word: "better" },
    {
      name: "Quality",
      values: [left, right].map(({ quality }) => (quality ? `${quality} of 100` : "–")),
      better: alike && left.quality && right.quality && Math.abs(left.quality - right.quality) >= FINER ? more(left.quality, right.quality) : 0,
      word: "better",
    },
    { name: "Taken", values: [field(left, "taken"), field(right, "taken")].map((text) => text.replace("T", " ")), better: 0, word: "" },
    { name: "Date", values: [dateOf(left.modified), dateOf(right.modified)], better: older(left, right), word: "older" },
    { name: "Folder", values: [folderOf(left), folderOf(right)], better: 0, word: "" },
  ];
  const shown = rows.filter(({ values }) => values.some((text) => text && text !== "–"));
  return /** @type {any} */ (shown);
}

/**
 * Draw the table.
 * @param {HTMLElement} table @param {Copy} left @param {Copy} right @param {boolean} plain
 */
export function drawFacts(table, left, right, plain) {
  const head = el("tr", {}, el("td"), el("th", { scope: "col", text: "Left" }), el("th", { scope: "col", text: "Right" }));
  const rows = compared(left, right, plain).map(({ name, values, better, word }) =>
    el(
      "tr",
      { class: values[0] === values[1] ? "equal" : "" },
      el("th", { scope: "row", text: name }),
      cell(values[0], better === -1 && word),
      cell(values[1], better === 1 && word),
    ),
  );
  for (const name of differing(left, right)) {
    rows.push(el("tr", {}, el("th", { scope: "row", text: labelOf(name) }), cell(field(left, name)), cell(field(right, name))));
  }
  if (left.trouble || right.trouble) {
    const told = (/** @type {Copy} */ { trouble }) => el("td", { class: trouble ? "trouble" : "", text: trouble ?? "as it was found" });
    rows.push(el("tr", {}, el("th", { scope: "row", text: "Now" }), told(left), told(right)));
  }
  table.replaceChildren(el("caption", { class: "vh", text: "The two compared" }), el("thead", {}, head), el("tbody", {}, ...rows));
}

const MOST_FIELDS = 6;
const TOLD = ["taken", "tags", "folder"];

/** @param {Copy} left @param {Copy} right @returns {string[]} fields in which they differ, but for long ones */
function differing(left, right) {
  const names = new Set([...Object.keys(left.fields), ...Object.keys(right.fields)]);
  return [...names]
    .filter((name) => !TOLD.includes(name) && field(left, name) !== field(right, name))
    .filter((name) => Math.max(field(left, name).length, field(right, name).length) <= 80)
    .slice(0, MOST_FIELDS);
}

/** @param {string} text @param {string|false} [better] in which way */
function cell(text, better = false) {
  const mark = better && [icon("check"), el("span", { class: "vh", text: `, ${better}` })];
  return el("td", { class: better ? "better" : "", dir: "auto" }, el("span", { text: text || "–" }), ...(mark || []));
}
