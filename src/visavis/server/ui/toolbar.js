/** The line above the results: what they are, how alike they have to be, another random pick. */

import { byId, counted, debounced, el, number, say } from "./dom.js";
import { sentence } from "./notice.js";
import { labelOf } from "./records.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./results.js").View} View
 * @typedef {import("./api.js").Field} Field
 */

const MOST = 8; // fields that are offered to sort by

/** The toolbar. */
export class Toolbar {
  /** @param {{min: (min: number) => void, shuffle: () => void, sort: (sort: string) => void}} acts */
  constructor(acts) {
    this.heading = byId("heading");
    this.slider = byId("min");
    this.told = byId("min-told");
    const settled = debounced(() => acts.min(Number(this.slider.value)), 180);
    this.slider.addEventListener("input", () => {
      this.#tell(Number(this.slider.value));
      settled();
    });
    byId("shuffle").addEventListener("click", acts.shuffle);
    this.sort = byId("sort");
    this.sort.addEventListener("change", () => acts.sort(this.sort.value));
    /** @type {Field[]} */
    this.fields = [];
  }

  /** What can be sorted by: numbers, and titles. @param {Field[]} fields */
  setFields(fields) {
    this.fields = fields.filter(({ type, distinct, values }) => distinct > 1 && (type === "number" || !values)).slice(0, MOST);
  }

  /** @param {State} state */
  draw(state) {
    if (document.activeElement !== this.slider || !state.min) this.slider.value = String(state.min);
    this.#tell(Number(this.slider.value));
    this.orders(state);
  }

  /** @param {State} state */
  orders({ sort, terms }) {
    const options = [["", terms.length ? "Best first" : "Random"]];
    for (const { name, type } of this.fields) {
      const ways = type === "number" ? ["low to high", "high to low"] : ["A to Z", "Z to A"];
      ways.forEach((way, at) => options.push([`${at ? "-" : ""}${name}`, `${labelOf(name)}, ${way}`]));
    }
    options.push(["-modified", "Newest file first"]);
    if (!options.some(([value]) => value === sort)) options.push([sort, ordered(sort)]);
    this.sort.replaceChildren(...options.map(([value, text]) => el("option", { value, text })));
    this.sort.value = sort;
    byId("shuffle").hidden = sort !== "";
  }

  /** @param {number} min */
  #tell(min) {
    const text = min > 0 ? min.toFixed(2) : "any";
    this.told.textContent = min > 0 ? `≥ ${text}` : text;
    this.slider.setAttribute("aria-valuetext", min > 0 ? `at least ${text}` : "any");
    this.slider.style.setProperty("--filled", `${min * 100}%`);
  }

  /** @param {State} state @param {View} view @param {number} all pictures of the index */
  count(state, view, all) {
    const text = summary(state, view, all);
    this.title(text);
    say([text, ...view.notes.map(sentence)].join(". "));
  }

  /** The words that were ignored. @param {string[]} notes */
  notes(notes) {
    const place = byId("notes");
    place.hidden = notes.length === 0;
    place.textContent = notes.map(sentence).join(" ");
  }

  /** @param {string} text */
  title(text) {
    this.heading.textContent = text;
    byId("sheet-told").textContent = text;
  }
}

/** @param {string} sort @returns {string} */
function ordered(sort) {
  if (sort === "-modified") return "newest file first";
  const label = labelOf(sort.replace(/^-/, ""));
  return `by ${label.charAt(0).toLowerCase()}${label.slice(1)}${sort.startsWith("-") ? ", downwards" : ""}`;
}

/** @param {State} state @param {View} view @param {number} all @returns {string} */
function summary(state, view, all) {
  if (!state.terms.length) {
    if (!view.records.length) return "No pictures";
    const whole = view.done && view.pages === 1;
    const total = view.total || all;
    if (state.sort) return `${counted(total, "picture")}, ${ordered(state.sort)}`;
    return whole ? counted(view.records.length, "picture") : `A random pick from ${counted(total, "picture")}`;
  }
  if (state.min > 0 && view.matching !== null) {
    return `${number(view.matching)} of ${counted(view.total, "picture")}`;
  }
  if (state.sort) {
    const some = view.records.length < view.total ? `The ${number(view.records.length)} best` : counted(view.total, "picture");
    return `${some}, ${ordered(state.sort)}`;
  }
  const text = view.records.some((record) => record.why && !record.why.includes("looks"));
  const looks = view.records.some((record) => !record.why || record.why.includes("looks"));
  if (text && !looks) return `${counted(view.total, "picture")}, searched by their text`;
  return `${counted(view.total, "picture")}, ${text ? "best first" : "most alike first"}`;
}
