/** One result in a dialog: large, with its fields, and what can be done with it. */

import { call, getBlob, key, showPicture } from "../api.js";
import { byId, el, fileSize, icon, number } from "../dom.js";
import { foundBy, relationOf, scoreBar } from "../grid.js";
import { sentence, showToast } from "../notice.js";
import { labelOf, shown, titleOf } from "../records.js";
import { around } from "./around.js";
import { sharpen } from "./sharpen.js";
import { styled } from "./styles.js";
import { FIELD } from "./tags.js";

await styled("details.css");

/** @typedef {import("./types.js").ImageRecord} ImageRecord */

const LARGEST = 12e6;
const SHORT = 120; // letters of a title that is shown whole

/** The dialog. */
export class Details {
  /**
   * @param {{more: (id: string) => void, add: (id: string, less: boolean) => void,
   *   step: (way: 1|-1) => void, closed: () => void, tags: import("./tags.js").Tags, go: import("./around.js").Go,
   *   asked: () => (() => Promise<{terms: object[], uploads: Blob[]}>)|null,
   *   beside: () => ((image: HTMLImageElement) => void)|null,
   *   change: () => ((record: ImageRecord, how: "replace"|"remove") => void)|null}} acts
   */
  constructor(acts) {
    this.acts = acts;
    this.dialog = byId("details");
    /** @type {string|null} */
    this.id = null;
    /** @type {import("./zoom.js").Zoom|null} */
    this.zoom = null;
    this.comparing = false;
    this.dialog.addEventListener("cancel", (/** @type {Event} */ event) => {
      event.preventDefault();
      acts.closed();
    });
    this.dialog.addEventListener("close", () => this.id !== null && acts.closed());
    this.dialog.addEventListener("click", (/** @type {Event} */ event) => {
      if (event.target === this.dialog) acts.closed();
    });
    this.dialog.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (this.zoom?.key(event)) return event.preventDefault();
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
    const image = el("img", { alt: titleOf(record), width: record.width, height: record.height, draggable: "false" });
    const frame = el("div", { class: "large" }, image);
    frame.style.setProperty("--ratio", String(record.width / record.height || 1));
    if (record.width) frame.style.setProperty("--width", `${record.width}px`);
    image.addEventListener("load", () => image.classList.add("loaded"));
    image.addEventListener("load", () => this.#colours(image), { once: true });
    image.addEventListener("error", () => {
      frame.classList.add("broken");
      getBlob(`${record.thumbnail}&side=640`).catch((error) => {
        if (error.status !== 404) frame.dataset.told = error.status === 0 ? "the server does not answer" : "";
      });
    });
    showPicture(image, `${record.thumbnail}&side=640`);
    if (record.size <= LARGEST) sharpen(image, record.file);
    this.zoom = null;
    this.#closely(frame, image);
    return frame;
  }

  /** Zoom, and the query beside it. @param {HTMLElement} frame @param {HTMLImageElement} image */
  async #closely(frame, image) {
    const { Zoom } = await import("./zoom.js");
    if (!frame.isConnected) return;
    this.zoom = new Zoom(frame, image, this.acts.step);
    const buttons = this.zoom.buttons();
    frame.append(buttons);
    const draw = this.acts.beside();
    if (!draw) return;
    const label = "Compare with the query";
    const other = el("img", { class: "beside", alt: "The picture of the query" });
    other.addEventListener("load", () => other.classList.add("loaded"));
    const turn = (/** @type {boolean} */ on) => {
      this.comparing = on;
      frame.classList.toggle("compared", on);
      compare.setAttribute("aria-pressed", String(on));
      if (on && !other.isConnected) {
        draw(other);
        frame.prepend(other);
      }
    };
    const props = { class: "round", type: "button", title: label, "aria-label": label, "data-focus": label };
    const compare = el("button", { ...props, onclick: () => turn(!this.comparing) }, icon("beside"));
    buttons.append(compare);
    turn(this.comparing);
  }

  /** What colours it has, each to be asked for, where the index holds them. @param {HTMLImageElement} image */
  async #colours(image) {
    const { coloursOf } = await import("./colours.js");
    const row = image.isConnected && coloursOf(image);
    if (row) this.dialog.querySelector(".acts")?.after(row);
  }

  /** @param {ImageRecord} record @param {{first: boolean, last: boolean}} place */
  #about(record, place) {
    const { acts } = this;
    const change = acts.change();
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
      el("h2", { text: titleOf(record), title: titleOf(record), dir: "auto", tabindex: "-1", id: "details-title" }),
      relationOf(record),
      scoreBar(record.score, true),
      foundBy(record),
      el(
        "div",
        { class: "acts" },
        more,
        button("plus", "Add to the query", () => acts.add(record.id, false)),
        button("minus", "Less like this", () => acts.add(record.id, true)),
        this.#why(record, button),
        change && button("upload", "Replace …", () => change(record, "replace")),
        change && button("bin", "Remove …", () => change(record, "remove")),
      ),
      acts.tags.place(record),
      facts(record, acts.tags),
      this.#link(record),
      around(record, acts.go),
    );
  }

  /** @param {ImageRecord} record @param {(name: string, text: string, act: () => void) => HTMLElement} button */
  #why(record, button) {
    const [asked, draw] = [this.acts.asked(), this.acts.beside()];
    if (!asked || !draw || !record.relation) return null;
    const made = button("full", "Why?", async () => {
      const { why } = await import("./why.js");
      let place = this.dialog.querySelector(".because");
      if (!place) made.parentElement?.after((place = el("section", { class: "because", "aria-live": "polite" })));
      this.zoom?.to(1);
      why(place, this.dialog.querySelector(".large"), record, await asked(), draw);
    });
    return made;
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
        onclick: away ? null : (/** @type {MouseEvent} */ event) => opened(event, record.file),
      },
      icon("link"),
      el("span", { text: away ? "Open the original URL" : "Open the file" }),
    );
  }
}

/** Open a file of the server in a tab of its own, key or not. @param {string} address */
async function openFile(address) {
  if (!key()) {
    await call(address, { headers: { Range: "bytes=0-0" } }); // is it there?
    open(address, "_blank", "noopener");
    return;
  }
  const tab = open("", "_blank");
  try {
    const own = URL.createObjectURL(await getBlob(address));
    if (tab) tab.location.href = own;
    else location.href = own;
  } catch (error) {
    tab?.close();
    throw error;
  }
}

/** Open the file in a tab of its own; where it is gone, say so here and not there. @param {MouseEvent} event @param {string} file */
async function opened(event, file) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    await openFile(file);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    showToast("The file cannot be opened", sentence(text), undefined, byId("details"));
  }
}

/** @param {ImageRecord} record @param {import("./tags.js").Tags} tags which may be drawn already */
function facts(record, tags) {
  const list = el("dl", {});
  const add = (/** @type {string} */ name, /** @type {any} */ value) => {
    const row = el("div", {}, el("dt", { text: name }), el("dd", { dir: "auto" }, shown(value)));
    list.append(row);
    return row;
  };
  for (const [name, value] of Object.entries(record.fields)) {
    const above = value === record.title && record.title.length <= SHORT;
    if (value === "" || above) continue;
    const row = add(labelOf(name), value);
    if (name === FIELD) tags.learnt.then(() => (row.hidden = tags.written));
  }
  add("Id", record.id);
  add("Picture", sizeText(record));
  if (record.modified > 0) add("File changed", new Date(record.modified * 1000).toLocaleDateString());
  return list;
}

/** @param {ImageRecord} record */
function sizeText({ width, height, size }) {
  const pixels = `${number(width)} × ${number(height)} pixels`;
  return size >= 0 ? `${pixels}, ${fileSize(size)}` : pixels;
}
