/** The results: rows of pictures whose places are known before they load; arrows move in them. */

import { showPicture } from "./api.js";
import { el, icon } from "./dom.js";
import { detailOf, labelOf, titleOf, titleParts } from "./records.js";

/** @typedef {import("./later/types.js").ImageRecord} ImageRecord */

const EAGER = 12;
const RETRIES = 2;
const FLATTEST = 2.4;
const TALLEST = 0.7;

/** @param {number} score @returns {string} */
export const scoreText = (score) => score.toFixed(3);

/** @type {Record<string, string>} */
const RELATIONS = {
  exact: "same picture",
  near_duplicate: "same picture, edited",
  variant: "other colours",
  similar: "alike",
  other: "less alike",
};

/** @param {ImageRecord} record @returns {any} what it is to the picture that was asked with, in words */
export const relationOf = ({ relation }) => relation && el("span", { class: `relation ${relation}`, text: RELATIONS[relation] });

/** @param {ImageRecord} record @returns {any} a frame around what was found in it, where that is a part */
export function partOf({ box, relation, width, height }) {
  if (!box || relation === "other" || relation === "similar") return null;
  if (width / height > FLATTEST || width / height < TALLEST) return null; // what is cut off has no place
  const [left, top, right, bottom] = box;
  if ((right - left) * (bottom - top) > 0.95) return null;
  const frame = el("i", { class: "found", "aria-hidden": "true" });
  const share = (/** @type {number} */ of) => `${(100 * of).toFixed(1)}%`;
  Object.assign(frame.style, { left: share(left), top: share(top), width: share(right - left), height: share(bottom - top) });
  return frame;
}

/** @param {number|undefined} score @param {boolean} [shown] whether in digits, too @returns {any} a bar */
export function scoreBar(score, shown) {
  if (score === undefined) return null;
  const fill = el("i");
  fill.style.width = `${Math.min(100, Math.max(0, score * 100))}%`;
  const meter = el("span", { class: "meter", "aria-hidden": "true" }, fill);
  const text = scoreText(score);
  return el("span", { class: "score" }, el("span", { class: "vh", text: `similarity ${shown ? "" : text}` }), shown && el("b", { text }), meter);
}

/** @param {ImageRecord} record @returns {HTMLElement|false} where the words stand, quietly */
export function foundBy(record) {
  if (!record.why?.length) return false;
  const text = record.why.map((name) => (name in record.fields ? labelOf(name) : name)).join(" · ");
  return el("span", { class: "why", title: `Found by ${text}` }, el("span", { class: "vh", text: "found by " }), text);
}

/** A picture of the server that fades in, in a box of its shape. @param {ImageRecord} record */
export function picture(record, side = 320, eager = false) {
  const image = el("img", {
    alt: "",
    width: record.width,
    height: record.height,
    loading: eager ? "eager" : "lazy",
    decoding: "async",
    draggable: "false",
  });
  const broken = (/** @type {boolean} */ is) => image.parentElement?.classList.toggle("broken", is);
  image.addEventListener("load", () => {
    image.classList.add("loaded");
    broken(false);
  });
  const address = `${record.thumbnail}&side=${side}`;
  let tries = 0;
  image.addEventListener("error", () => {
    broken(true);
    if (tries++ < RETRIES) setTimeout(() => showPicture(image, address), 1500 * tries);
  });
  showPicture(image, address);
  return image;
}

/** The list of results. */
export class Grid {
  /**
   * @param {HTMLElement} root
   * @param {{open: (at: number) => void, similar: (record: ImageRecord) => void,
   *   address: (record: ImageRecord) => string}} acts
   */
  constructor(root, acts) {
    this.root = root;
    this.acts = acts;
    /** @type {ImageRecord[]} */
    this.records = [];
    this.lined = true; // where less alike ones begin; they come last unless another order was asked for
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("focusin", (event) => this.#focused(event));
  }

  /** @param {ImageRecord[]} records replaces what was there @param {boolean} [more] see `append` */
  show(records, more = false) {
    this.records = [];
    this.root.replaceChildren();
    this.append(records, more);
  }

  /** @param {ImageRecord[]} records @param {boolean} more whether others will follow */
  append(records, more) {
    const from = this.records.length;
    this.records = [...this.records, ...records];
    records.forEach((record, at) => {
      if (this.#ends(from + at)) {
        this.root.append(
          el("li", { class: "fill", "aria-hidden": "true" }),
          el("li", { class: "line", text: "less alike below this line" }),
        );
      }
      this.root.append(this.#card(record, from + at));
    });
    this.release();
    if (more) this.#hold();
  }

  /** @param {number} at @returns {boolean} whether what is alike ends before this record */
  #ends(at) {
    const [before, here] = [this.records[at - 1]?.relation, this.records[at].relation];
    return this.lined && here === "other" && before !== undefined && before !== "other";
  }

  /** @returns {HTMLElement[]} an item a record */
  items() {
    return /** @type {HTMLElement[]} */ ([...this.root.children].filter((item) => !item.matches(".line, .fill")));
  }

  /** Keep the last row unseen: the pictures that follow will change its sizes. */
  #hold() {
    const items = /** @type {HTMLElement[]} */ ([...this.root.children]);
    const top = items[items.length - 1]?.offsetTop;
    if (items[0]?.offsetTop === top) return;
    for (const item of items) item.classList.toggle("held", item.offsetTop === top);
  }

  /** Show the last row, as nothing follows for now. */
  release() {
    for (const item of this.root.querySelectorAll(".held")) item.classList.remove("held");
  }

  /** @param {number} at */
  focus(at) {
    const cards = this.#cards();
    cards[Math.min(Math.max(at, 0), cards.length - 1)]?.focus();
  }

  /** @returns {HTMLElement[]} */
  #cards() {
    return [...this.root.querySelectorAll("li:not(.held) > .card")].map((card) => /** @type {HTMLElement} */ (card));
  }

  /** @param {ImageRecord} record @param {number} at */
  #card(record, at) {
    const ratio = record.width && record.height ? record.width / record.height : 1;
    const card = el(
      "a",
      {
        class: "card",
        href: this.acts.address(record),
        tabindex: at === 0 ? "0" : "-1",
        draggable: "false",
        title: titleOf(record),
        onclick: (/** @type {MouseEvent} */ event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          this.acts.open(at);
        },
      },
      el("span", { class: "tile" }, picture(record, 320, at < EAGER), partOf(record)),
      el(
        "span",
        { class: "about" },
        relationOf(record) ?? scoreBar(record.score),
        el("span", { class: "title", dir: "auto" }, ...titleParts(record)),
        el("span", { class: "detail", dir: "auto", text: detailOf(record) }),
        foundBy(record),
      ),
    );
    const similar = el(
      "button",
      {
        class: "quick",
        type: "button",
        tabindex: "-1",
        title: "More like this",
        "aria-label": `More like ${titleOf(record)}`,
        onclick: () => this.acts.similar(record),
      },
      icon("similar"),
    );
    const item = el("li", {}, card, similar);
    item.style.setProperty("--ratio", String(Math.min(FLATTEST, Math.max(TALLEST, ratio))));
    return item;
  }

  /** One card takes part in the tab order, the one that had the focus last. @param {FocusEvent} event */
  #focused(event) {
    const card = /** @type {HTMLElement} */ (event.target).closest(".card");
    if (!card) return;
    for (const other of this.root.querySelectorAll('.card[tabindex="0"]')) {
      other.setAttribute("tabindex", "-1");
    }
    card.setAttribute("tabindex", "0");
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cards = this.#cards();
    const at = cards.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (at < 0) return;
    const next = {
      ArrowRight: () => at + 1,
      ArrowLeft: () => at - 1,
      ArrowDown: () => beside(cards, at, 1),
      ArrowUp: () => beside(cards, at, -1),
      Home: () => 0,
      End: () => cards.length - 1,
    }[event.key]?.();
    if (next === undefined) return;
    event.preventDefault();
    cards[Math.min(Math.max(next, 0), cards.length - 1)].focus();
  }
}

/** The card above or below. @param {HTMLElement[]} cards @param {number} at @param {1|-1} way */
function beside(cards, at, way) {
  const here = cards[at].getBoundingClientRect();
  const middle = here.left + here.width / 2;
  let best = at;
  let nearest = Infinity;
  let row = null;
  for (let other = at + way; other >= 0 && other < cards.length; other += way) {
    const place = cards[other].getBoundingClientRect();
    if (Math.abs(place.top - here.top) < 2) continue;
    row ??= place.top;
    if (Math.abs(place.top - row) >= 2) break;
    const away = Math.abs(place.left + place.width / 2 - middle);
    if (away < nearest) [best, nearest] = [other, away];
  }
  return best;
}
