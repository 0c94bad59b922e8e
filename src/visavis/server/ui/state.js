/** What is asked, and its form in the address bar: share it, go back, reload. */

/**
 * @typedef {[number, number, number, number]} Box left, top, right, bottom as fractions
 *
 * @typedef {object} Term
 * @property {"up"|"id"|"text"|"class"|"url"|"colour"|"concept"} kind `up`: a picture of this person, kept by pictures.js
 * @property {string} value
 * @property {boolean} less "less like this"
 * @property {Box|null} box the part of the picture
 * @property {number|null} weight how much it counts; null: as usual, see `weightOf`
 *
 * @typedef {object} State
 * @property {Term[]} terms
 * @property {string[]} where filter expressions, as on the command line
 * @property {number|"auto"} min smallest score; 0 for any, auto for what is alike
 * @property {number} seed of the random pick
 * @property {string} sort a field to order by, after a minus the largest first; empty: as usual
 * @property {boolean} anywhere whether parts of pictures are looked for, too
 * @property {string|null} show id of the record whose details are open
 */

const KINDS = new Set(["up", "id", "text", "class", "url", "colour", "concept"]);
const TERM = /^([a-z]+)(?:\*(\d*\.?\d+))?(?:\[([\d.,]+)\])?:(.+)$/s;
const HEAVIEST = 100;

/** @param {Term["kind"]} kind @param {string} value @param {boolean} [less] @returns {Term} */
export const term = (kind, value, less = false) => ({ kind, value, less, box: null, weight: null });

/** @returns {number} */
export const newSeed = () => Math.floor(Math.random() * 1e6);

/** @param {{terms: Term[]}} state @returns {boolean} whether one picture is asked with, which can be looked for in parts */
export const isOnePicture = ({ terms }) => terms.length === 1 && ["up", "id", "url"].includes(terms[0].kind) && !terms[0].less;

/** @param {State} state @returns {boolean} */
export const isAnywhere = (state) => state.anywhere && isOnePicture(state);

/** @param {Term} one @returns {string} the same for the same term, whatever its sign and part */
export const termKey = (one) => `${one.kind}:${one.value}`;

/** @param {Term} one @returns {number} how much it counts, whatever its sign */
export const weightOf = (one) => one.weight ?? (one.less ? 0.5 : 1);

/** What is no term of ours is words, as from a browser's own search field. @param {string} text @param {boolean} less @returns {Term|null} */
function readTerm(text, less) {
  const found = TERM.exec(text);
  if (!found || !KINDS.has(found[1])) return text.trim() ? term("text", text.trim(), less) : null;
  const weight = Number(found[2]);
  const box = found[3] ? found[3].split(",").map(Number) : null;
  const [left, top, right, bottom] = box ?? [];
  const good = box?.length === 4 && left >= 0 && top >= 0 && right <= 1 && bottom <= 1;
  return {
    kind: /** @type {Term["kind"]} */ (found[1]),
    value: found[4],
    less,
    box: good && left < right && top < bottom ? /** @type {Box} */ (box) : null,
    weight: weight > 0 && weight <= HEAVIEST ? weight : null,
  };
}

/** @param {Term} one @returns {string} */
function writeTerm(one) {
  const box = one.box ? `[${one.box.map((edge) => +edge.toFixed(3)).join(",")}]` : "";
  const weight = one.weight === null ? "" : `*${one.weight}`;
  return `${one.kind}${weight}${box}:${one.value}`;
}

/** @param {string} address the part after the question mark @returns {State} */
export function readState(address) {
  const given = new URLSearchParams(address);
  const terms = [
    ...given.getAll("q").map((text) => readTerm(text, false)),
    ...given.getAll("not").map((text) => readTerm(text, true)),
  ];
  const min = given.get("min") ?? "";
  const seed = Number.parseInt(given.get("seed") ?? "", 10);
  return {
    terms: terms.filter((one) => one !== null),
    where: given.getAll("where"),
    min: min === "auto" ? min : +min > 0 && +min <= 1 ? +min : 0,
    seed: seed >= 0 ? seed : newSeed(),
    sort: given.get("sort") ?? "",
    anywhere: given.get("anywhere") === "1",
    show: given.get("show"),
  };
}

/** @param {State} state @param {boolean} [withShow] @returns {string} starts with a question mark */
export function writeState(state, withShow = true) {
  const written = new URLSearchParams();
  for (const one of state.terms) written.append(one.less ? "not" : "q", writeTerm(one));
  for (const expression of state.where) written.append("where", expression);
  if (state.min && state.terms.length) written.set("min", String(state.min));
  if (state.sort) written.set("sort", state.sort);
  else if (!state.terms.length) written.set("seed", String(state.seed));
  if (isAnywhere(state)) written.set("anywhere", "1");
  if (withShow && state.show !== null) written.set("show", state.show);
  return `?${written.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/")}`;
}

/** The one state of the page. Fires "change" with `{ before, moved }` in its detail. */
export class Page extends EventTarget {
  constructor() {
    super();
    history.scrollRestoration = "manual";
    this.state = readState(location.search);
    history.replaceState(history.state, "", writeState(this.state));
    addEventListener("popstate", () => this.#became(readState(location.search), "history"));
    addEventListener("pagehide", () => this.remember({ scroll: scrollY }));
  }

  /**
   * Go to a changed state.
   * @param {Partial<State>} change
   * @param {{replace?: boolean}} [how] replace: no step of its own for the back button
   */
  go(change, { replace = false } = {}) {
    const next = { ...this.state, ...change };
    const address = writeState(next);
    if (address === location.search) replace = true;
    if (replace) history.replaceState(history.state, "", address);
    else {
      this.remember({ scroll: scrollY });
      history.pushState({ depth: this.depth + 1 }, "", address);
    }
    this.#became(next, replace ? "replace" : "push");
  }

  /** @returns {number} how many steps of this page lie behind this one */
  get depth() {
    return history.state?.depth ?? 0;
  }

  /** Keep something with this step of the history. @param {{scroll?: number, shown?: number}} facts */
  remember(facts) {
    history.replaceState({ ...history.state, ...facts }, "");
  }

  /** @param {State} next @param {"push"|"replace"|"history"} moved */
  #became(next, moved) {
    const before = this.state;
    this.state = next;
    this.dispatchEvent(new CustomEvent("change", { detail: { before, moved } }));
  }
}
