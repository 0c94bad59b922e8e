/** The line above the results: what they are, how alike they have to be, another random pick. */

import { byId, counted, debounced, number, say } from "./dom.js";
import { sentence } from "./notice.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./results.js").View} View
 */

/** The toolbar. */
export class Toolbar {
  /** @param {{min: (min: number) => void, shuffle: () => void}} acts */
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
  }

  /** @param {State} state */
  draw(state) {
    if (document.activeElement !== this.slider || !state.min) this.slider.value = String(state.min);
    this.#tell(Number(this.slider.value));
  }

  /** @param {number} min */
  #tell(min) {
    const text = min > 0 ? min.toFixed(2) : "any";
    this.told.textContent = text;
    this.slider.setAttribute("aria-valuetext", min > 0 ? `at least ${text}` : "any");
    this.slider.style.setProperty("--filled", `${min * 100}%`);
  }

  /** @param {State} state @param {View} view @param {number} all pictures of the index */
  count(state, view, all) {
    const text = summary(state, view, all);
    this.title(text);
    say([text, ...view.notes.map(sentence)].join(". "));
  }

  /** What of the words was passed over. @param {string[]} notes */
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

/** @param {State} state @param {View} view @param {number} all @returns {string} */
function summary(state, view, all) {
  if (!state.terms.length) {
    if (!view.records.length) return "No pictures";
    const whole = view.done && view.pages === 1;
    if (whole) return counted(view.records.length, "picture");
    return state.where.length ? "A random pick" : `A random pick from ${counted(all, "picture")}`;
  }
  if (state.min > 0 && view.matching !== null) {
    return `${number(view.matching)} of ${counted(view.total, "picture")}`;
  }
  const text = view.records.some((record) => record.why && !record.why.includes("looks"));
  const looks = view.records.some((record) => !record.why || record.why.includes("looks"));
  if (text && !looks) return `${counted(view.total, "picture")}, searched by their text`;
  return `${counted(view.total, "picture")}, ${text ? "best first" : "most alike first"}`;
}
