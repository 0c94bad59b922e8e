/** The line above the results: what they are, how alike they have to be, another random pick. */

import { byId, counted, debounced, el, number, say } from "./dom.js";
import { sentence } from "./notice.js";
import { labelOf } from "./records.js";
import { isAnywhere, isOnePicture, writeState } from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./results.js").View} View
 * @typedef {import("./later/types.js").Field} Field
 */

const MOST = 8; // fields that are offered to sort by

/** @type {Record<string, string>} what is told of the picture that was asked with */
const VERDICTS = {
  exact: "This very picture is here.",
  near_duplicate: "This picture is here, edited.",
  variant: "The same is here in other colours.",
};

/** The toolbar. */
export class Toolbar {
  /** @param {{min: (min: number|"auto") => void, shuffle: () => void, sort: (sort: string) => void, anywhere: (on: boolean) => void}} acts */
  constructor(acts) {
    this.heading = byId("heading");
    this.slider = byId("min");
    this.told = byId("min-told");
    const settled = debounced(() => acts.min(this.#chosen()), 180);
    this.slider.addEventListener("input", () => {
      this.#tell(this.#chosen());
      settled();
    });
    this.only = byId("similar-only");
    this.only.addEventListener("click", () => acts.min(this.only.getAttribute("aria-pressed") === "true" ? 0 : "auto"));
    this.anywhere = byId("anywhere");
    this.anywhere.addEventListener("click", () => acts.anywhere(this.anywhere.getAttribute("aria-pressed") !== "true"));
    /** The scores that occur: the slider runs over them. */
    this.range = { of: "", low: 0, high: 1, /** @type {number|null} */ mark: null };
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
    if (document.activeElement !== this.slider || !(state.min > 0)) this.slider.value = String(this.#place(state.min));
    this.#tell(state.min);
    this.anywhere.hidden = !isOnePicture(state);
    this.anywhere.setAttribute("aria-pressed", String(isAnywhere(state)));
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

  /** Let the slider run over the scores that occur. @param {State} state @param {View} view */
  scale(state, view) {
    if (!state.terms.length || (!view.records.length && view.similarFrom === null)) return;
    const of = writeState({ ...state, min: 0, sort: "" }, false);
    const mark = view.similarFrom;
    const all = view.records.map((record) => record.score ?? 0);
    if (this.range.of === of) all.push(this.range.low, this.range.high);
    if (mark !== null) all.push(mark);
    if (state.min > 0) all.push(Number(state.min));
    const [low, high] = [Math.min(...all), Math.max(...all)].map((score) => Math.floor(score * 1000) / 1000);
    this.range = { of, low, high, mark };
    Object.assign(this.slider, { min: low, max: high, step: Math.max(0.001, Math.round((high - low) * 20) / 1000) });
    this.slider.disabled = high <= low;
    this.slider.style.setProperty("--mark", mark === null ? "-9px" : this.#share(mark));
    this.only.hidden = mark === null;
    this.draw(state);
  }

  /** @returns {number} what the slider says; 0 at its left end */
  #chosen() {
    const value = Number(this.slider.value);
    return value > this.range.low ? value : 0;
  }

  /** @param {number|"auto"} min @returns {number} where the slider stands for it */
  #place(min) {
    return (min === "auto" ? this.range.mark : min) || this.range.low;
  }

  /** @param {number} score @returns {string} how far right it is on the slider */
  #share(score) {
    const { low, high } = this.range;
    return `${high > low ? Math.min(100, Math.max(0, (100 * (score - low)) / (high - low))) : 0}%`;
  }

  /** @param {number|"auto"} min */
  #tell(min) {
    const least = min === "auto" ? (this.range.mark ?? 0) : min;
    const text = least ? least.toFixed(this.range.high - this.range.low < 0.3 ? 3 : 2) : "any";
    this.told.textContent = least ? `≥ ${text}` : text;
    this.slider.setAttribute("aria-valuetext", least ? `at least ${text}` : text);
    this.slider.style.setProperty("--filled", this.#share(this.#place(min)));
    this.only.setAttribute("aria-pressed", String(min === "auto"));
  }

  /** What the answer is as a whole. @param {State} state @param {View} view */
  verdict({ terms }, { verdict, reason, records }) {
    const place = byId("verdict");
    const own = terms.length === 1 && /up|url/.test(terms[0].kind); // of a record, everybody knows
    const told = verdict === "none" ? sentence(reason.replace("similar:", "similar here:")) : own && VERDICTS[verdict];
    place.textContent = (records.length && told) || "";
    place.hidden = !place.textContent;
    return place.textContent;
  }

  /** @param {State} state @param {View} view @param {number} all pictures of the index */
  count(state, view, all) {
    const text = summary(state, view, all);
    this.title(text);
    say([text, this.verdict(state, view), ...view.notes.map(sentence)].filter(Boolean).join(". "));
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
  if (state.min && view.matching !== null) {
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
