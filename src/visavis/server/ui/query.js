/** The query as one sees it: the picture with its part, and a chip for each picture and each text. */

import { el, icon, keepingFocus } from "./dom.js";
import { showPicture } from "./api.js";
import { titleOf } from "./records.js";
import { getPicture } from "./pictures.js";
import { recordOf } from "./results.js";
import { termKey, weightOf } from "./state.js";

/**
 * @typedef {import("./state.js").Term} Term
 * @typedef {import("./state.js").State} State
 */

const WEIGHTS = [0.25, 0.5, 1, 2, 4];
const FACES = 3;

/** @param {Term[]} terms */
const termsKey = (terms) => terms.map(termKey).join();

/** The panel of the query. */
export class QueryPanel {
  /**
   * @param {{stage: HTMLElement, hint: HTMLElement, part: HTMLElement, whole: HTMLElement,
   *   chips: HTMLElement}} places
   * @param {(terms: Term[], how?: {replace?: boolean}) => void} changed
   */
  constructor(places, changed) {
    this.places = places;
    this.changed = changed;
    /** @type {Term[]} */
    this.terms = [];
    this.chosen = "";
    this.open = false;
    /** @type {import("./later/box.js").PartBox|null} */
    this.part = null;
    this.staged = "";
    /** @type {HTMLImageElement|null} */
    this.image = null;
    /** @type {(panel: QueryPanel) => void} */
    this.drawn = () => {};
    this.fold = document.getElementById("fold");
    this.fold?.addEventListener("click", () => this.unfold(!this.open));
    places.part.addEventListener("click", () => this.part?.begin());
    places.whole.addEventListener("click", () => {
      this.#boxed(null);
      places.part.focus();
    });
  }

  /** On a narrow page the query is one line, until somebody wants to change it. @param {boolean} open */
  unfold(open) {
    this.open = open;
    this.fold?.setAttribute("aria-expanded", String(open));
    this.fold?.closest(".query")?.classList.toggle("unfolded", open);
  }

  /** @param {Term[]} terms as one line */
  #line(terms) {
    const label = el("span", {});
    const faces = terms.slice(0, FACES).map((one) => this.#face(one, label));
    document.getElementById("fold-faces")?.replaceChildren(...faces);
    const more = terms.length > 1 ? `${terms.length} terms` : label;
    document.getElementById("fold-told")?.replaceChildren(more);
  }

  /** @param {State} state */
  draw(state) {
    if (termsKey(state.terms) !== termsKey(this.terms)) {
      if (!state.terms.length) this.unfold(false);
      this.#line(state.terms);
    }
    this.terms = state.terms;
    const seen = state.terms.filter(canBeSeen);
    const shown = seen.find((one) => termKey(one) === this.chosen) ?? seen[0] ?? null;
    this.#stage(shown);
    keepingFocus(this.places.chips, () => {
      this.places.chips.replaceChildren(...state.terms.map((one, at) => this.#chip(one, at, shown)));
    });
    this.drawn(this);
  }

  /** @param {Term|null} shown the picture that is drawn large */
  #stage(shown) {
    const { stage, hint, part, whole } = this.places;
    stage.hidden = hint.hidden = shown === null;
    part.hidden = !shown || shown.box !== null;
    whole.hidden = !shown?.box;
    const key = shown ? termKey(shown) : "";
    if (key === this.staged) {
      if (shown && JSON.stringify(this.part?.box) !== JSON.stringify(shown.box)) {
        this.part?.set(shown.box);
      }
      return;
    }
    this.staged = key;
    this.part = this.image = null;
    if (!shown) return stage.replaceChildren();
    const image = el("img", { alt: "The picture to look like", draggable: "false" });
    this.image = image;
    image.addEventListener("load", () => {
      image.classList.add("loaded");
      this.drawn(this);
    });
    const frame = el("div", { class: "frame" }, image);
    stage.replaceChildren(frame);
    this.#parted(shown, image, frame);
  }

  /** A part can be drawn as soon as the picture is seen. @param {Term} shown @param {HTMLImageElement} image @param {HTMLElement} frame */
  async #parted(shown, image, frame) {
    const { PartBox } = await import("./later/box.js");
    if (!frame.isConnected) return;
    const now = this.terms.find((one) => termKey(one) === termKey(shown)) ?? shown;
    this.part = new PartBox(frame, now.box, (box) => this.#boxed(box));
    this.#fill(now, image, frame);
  }

  /** @param {Term} shown @param {HTMLImageElement} image @param {HTMLElement} frame */
  async #fill(shown, image, frame) {
    const own = shown.kind === "up" ? getPicture(shown.value) : null;
    if (own) {
      shaped(frame, own.width, own.height);
      image.src = own.url ?? "";
      return;
    }
    try {
      const record = await recordOf(shown.value);
      shaped(frame, record.width, record.height);
      image.alt = titleOf(record);
      showPicture(image, `${record.thumbnail}&side=640`);
    } catch {
      // The search itself says what is wrong; an empty frame would only push that down.
      if (frame.isConnected) this.places.stage.hidden = this.places.hint.hidden = true;
    }
  }

  /** @param {import("./state.js").Box|null} box */
  #boxed(box) {
    const before = this.terms.find((one) => termKey(one) === this.staged);
    if (!before) return;
    const terms = this.terms.map((one) => (one === before ? { ...one, box } : one));
    this.changed(terms, { replace: before.box !== null && box !== null });
  }

  /** @param {Term} one @param {number} at @param {Term|null} shown */
  #chip(one, at, shown) {
    const label = el("span", { class: "chip-label", dir: "auto" });
    const face = this.#face(one, label);
    const several = this.terms.filter(canBeSeen).length > 1;
    const head =
      several && canBeSeen(one)
        ? el(
            "button",
            {
              class: "chip-head",
              type: "button",
              "aria-pressed": String(one === shown),
              "data-focus": `show ${at}`,
              title: "Show this picture large",
              onclick: () => {
                this.chosen = termKey(one);
                this.draw(/** @type {State} */ ({ terms: this.terms }));
              },
            },
            face,
            label,
          )
        : el("span", { class: "chip-head" }, face, label);
    const signs = el("span", { class: "signs" }, this.#toggle(one, at), this.#weight(one, at));
    return el("li", { class: `chip${one.less ? " less" : ""}` }, head, signs, this.#remove(at));
  }

  /** @param {Term} one @param {HTMLElement} label is filled in, at once or when it is known */
  #face(one, label) {
    if (one.kind === "colour") return swatch(one.value, label);
    const plain = { text: "words", class: "tag", url: "link", concept: "tag" }[/** @type {string} */ (one.kind)];
    if (plain) {
      label.textContent = one.kind === "text" ? `“${one.value}”` : one.value;
      return icon(plain);
    }
    if (one.kind === "up") {
      const own = getPicture(one.value);
      label.textContent = own?.name ?? "A picture that is gone";
      return own?.url ? el("img", { alt: "", src: own.url }) : icon("picture");
    }
    label.textContent = one.value;
    const image = el("img", { alt: "" });
    recordOf(one.value).then(
      (record) => {
        label.textContent = titleOf(record);
        showPicture(image, `${record.thumbnail}&side=160`);
      },
      () => image.replaceWith(icon("picture")),
    );
    return image;
  }

  /** @param {Term} one @param {number} at */
  #toggle(one, at) {
    const turn = () => this.#replace(one, { ...one, less: !one.less });
    const of = ["class", "colour", "concept"].includes(one.kind);
    const what = of ? "of this" : "like this";
    const kind = of ? ` ${one.kind}` : ""; // the icon says so to those who see it
    return el(
      "button",
      {
        class: "sign",
        type: "button",
        title: `Change to: ${one.less ? "more" : "less"} ${what}${kind}`,
        "data-focus": `sign ${at}`,
        onclick: turn,
      },
      icon(one.less ? "minus" : "plus"),
      el("span", { text: `${one.less ? "Less" : "More"} ${what}` }, kind && el("span", { class: "vh", text: kind })),
    );
  }

  /** How much it counts beside the others; alone it counts for all. @param {Term} one @param {number} at */
  #weight(one, at) {
    if (this.terms.length < 2) return null;
    const now = weightOf(one);
    const offered = [...new Set([...WEIGHTS, now])].sort((a, b) => a - b);
    const box = el(
      "select",
      {
        class: "weight",
        "aria-label": "How much it counts",
        title: "How much it counts",
        "data-focus": `weight ${at}`,
        onchange: () => this.#replace(one, { ...one, weight: Number(box.value) }),
      },
      ...offered.map((weight) => el("option", { value: weight, text: `× ${weight}`, selected: weight === now })),
    );
    return box;
  }

  /** @param {Term} one @param {Term} other in its place */
  #replace(one, other) {
    this.changed(this.terms.map((each) => (each === one ? other : each)));
  }

  /** @param {number} at */
  #remove(at) {
    const remove = () => {
      this.changed(this.terms.filter((_, other) => other !== at));
      const left = this.places.chips.querySelectorAll(".remove");
      const next = left[Math.min(at, left.length - 1)] ?? document.getElementById("words");
      /** @type {HTMLElement} */ (next).focus();
    };
    return el(
      "button",
      {
        class: "remove",
        type: "button",
        "aria-label": "Remove from the query",
        title: "Remove",
        "data-focus": `remove ${at}`,
        onclick: remove,
      },
      icon("close"),
    );
  }
}

/** @param {Term} one @returns {boolean} whether it is a picture that this page can show */
export function canBeSeen(one) {
  return one.kind === "id" || (one.kind === "up" && Boolean(getPicture(one.value)?.url));
}

/** @param {string} value @param {HTMLElement} label */
function swatch(value, label) {
  label.textContent = value;
  const made = el("span", { class: "swatch" });
  made.style.background = value;
  return made;
}

/** @param {HTMLElement} frame @param {number} width @param {number} height */
function shaped(frame, width, height) {
  frame.style.setProperty("--ratio", String(width / height));
}
