/** One result in a dialog: large, with its fields, and what can be done with it. */

import { getBlob, openFile, showPicture } from "./api.js";
import { byId, el, fileSize, icon, number } from "./dom.js";
import { foundBy, scoreBar, titleOf } from "./grid.js";
import { FIELD } from "./tags.js";

/** @typedef {import("./api.js").ImageRecord} ImageRecord */

const LARGEST = 12e6;
const SHOWN_BY_BROWSERS = /^image\/(jpeg|png|webp|gif|avif|bmp|svg)/;

/** The dialog. */
export class Details {
  /**
   * @param {{more: (id: string) => void, add: (id: string, less: boolean) => void,
   *   step: (way: 1|-1) => void, closed: () => void, tags: import("./tags.js").Tags}} acts
   */
  constructor(acts) {
    this.acts = acts;
    this.dialog = byId("details");
    /** @type {string|null} */
    this.id = null;
    this.dialog.addEventListener("cancel", (/** @type {Event} */ event) => {
      event.preventDefault();
      acts.closed();
    });
    this.dialog.addEventListener("close", () => this.id !== null && acts.closed());
    this.dialog.addEventListener("click", (/** @type {Event} */ event) => {
      if (event.target === this.dialog) acts.closed();
    });
    this.dialog.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (way && !event.altKey) acts.step(/** @type {1|-1} */ (way));
    });
  }

  close() {
    this.id = null;
    if (this.dialog.open) this.dialog.close();
  }

  /**
   * @param {ImageRecord} record
   * @param {{first: boolean, last: boolean}} place among the results
   */
  show(record, place) {
    const held = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset.focus;
    this.id = record.id;
    this.dialog.replaceChildren(
      el("div", { class: "details" }, this.#picture(record), this.#about(record, place)),
    );
    if (!this.dialog.open) this.dialog.showModal();
    const again = this.dialog.querySelector(`[data-focus="${held}"]:not([disabled])`);
    (again ?? this.dialog.querySelector("h2")).focus();
  }

  /** @param {ImageRecord} record */
  #picture(record) {
    const image = el("img", { alt: titleOf(record), width: record.width, height: record.height });
    const frame = el("div", { class: "large" }, image);
    frame.style.setProperty("--ratio", String(record.width / record.height || 1));
    if (record.width) frame.style.setProperty("--width", `${record.width}px`);
    image.addEventListener("load", () => image.classList.add("loaded"));
    image.addEventListener("error", () => frame.classList.add("broken"));
    showPicture(image, `${record.thumbnail}?side=640`);
    if (record.size <= LARGEST) sharpen(image, record);
    return frame;
  }

  /** @param {ImageRecord} record @param {{first: boolean, last: boolean}} place */
  #about(record, place) {
    const { acts } = this;
    const button = (/** @type {string} */ name, /** @type {string} */ text, /** @type {() => void} */ act) =>
      el("button", { type: "button", "data-focus": name, onclick: act }, icon(name), el("span", { text }));
    const more = button("similar", "More like this", () => acts.more(record.id));
    more.className = "primary";
    return el(
      "div",
      { class: "facts" },
      el(
        "div",
        { class: "facts-bar" },
        this.#step("left", "Previous picture", -1, place.first),
        this.#step("right", "Next picture", 1, place.last),
        this.#close(),
      ),
      el("h2", { text: titleOf(record), tabindex: "-1", id: "details-title" }),
      record.score !== undefined && scoreBar(record.score),
      foundBy(record),
      acts.tags.place(record),
      el(
        "div",
        { class: "acts" },
        more,
        button("plus", "Add to the query", () => acts.add(record.id, false)),
        button("minus", "Less like this", () => acts.add(record.id, true)),
      ),
      facts(record, acts.tags),
      this.#link(record),
    );
  }

  /** @param {"left"|"right"} name @param {string} label @param {1|-1} way @param {boolean} end */
  #step(name, label, way, end) {
    const props = { class: "round", type: "button", title: label, "aria-label": label, disabled: end };
    return el("button", { ...props, "data-focus": name, onclick: () => this.acts.step(way) }, icon(name));
  }

  #close() {
    const props = { class: "round", type: "button", title: "Close", "aria-label": "Close" };
    return el("button", { ...props, onclick: () => this.acts.closed() }, icon("close"));
  }

  /** @param {ImageRecord} record */
  #link(record) {
    const away = /^https?:/.test(record.uri);
    return el(
      "a",
      {
        class: "file",
        href: away ? record.uri : record.file,
        target: "_blank",
        rel: "noopener noreferrer",
        onclick: away ? null : openFile,
      },
      icon("link"),
      el("span", { text: away ? "Open the original address" : "Open the file" }),
    );
  }
}

/** Show the file itself once it is there. @param {HTMLImageElement} image @param {ImageRecord} record */
async function sharpen(image, record) {
  try {
    const blob = await getBlob(record.file);
    if (!image.isConnected || !SHOWN_BY_BROWSERS.test(blob.type)) return;
    const large = new Image();
    large.src = URL.createObjectURL(blob);
    await large.decode();
    image.src = large.src;
    image.addEventListener("load", () => URL.revokeObjectURL(large.src), { once: true });
  } catch {
    // The smaller picture stays.
  }
}

/** @param {ImageRecord} record @param {import("./tags.js").Tags} tags which may be drawn already */
function facts(record, tags) {
  const list = el("dl", {});
  const add = (/** @type {string} */ name, /** @type {string} */ value) =>
    list.append(el("div", {}, el("dt", { text: name }), el("dd", { text: value })));
  const twice = () => list.children[Object.keys(record.fields).indexOf(FIELD)];
  for (const [name, value] of Object.entries(record.fields)) {
    add(name, typeof value === "boolean" ? (value ? "yes" : "no") : String(value));
  }
  if (FIELD in record.fields) tags.learnt.then(() => (twice().hidden = tags.written));
  add("id", record.id);
  add("size", sizeText(record));
  if (record.modified > 0) add("changed", new Date(record.modified * 1000).toLocaleDateString());
  return list;
}

/** @param {ImageRecord} record */
function sizeText({ width, height, size }) {
  const pixels = `${number(width)} × ${number(height)} pixels`;
  return size >= 0 ? `${pixels}, ${fileSize(size)}` : pixels;
}
