/** Several results chosen at once: their ids, their files, a table of them. */

import { getBlob } from "../api.js";
import { byId, counted, el, say } from "../dom.js";
import { sentence, showToast } from "../notice.js";
import { titleOf } from "../records.js";
import { csv, zip } from "./files.js";
import { styled } from "./styles.js";

await Promise.all([styled("picks.css"), styled("selection.css")]);

/** @typedef {import("./types.js").ImageRecord} ImageRecord */

const MOST_BYTES = 400e6;

/** The selection among the cards of a grid. */
export class Selection {
  /** @param {import("../grid.js").Grid} grid @param {((records: ImageRecord[]) => void)|null} remove null: not allowed */
  constructor(grid, remove) {
    this.grid = grid;
    this.remove = remove;
    /** @type {Map<string, ImageRecord>} */
    this.chosen = new Map();
    this.last = 0;
    /** @type {() => void} */
    this.ended = () => {};
    this.told = el("b", { "aria-live": "polite" });
    this.bar = this.#bar();
    this.watch = new MutationObserver(() => this.#mark());
    this.take = (/** @type {MouseEvent} */ event) => this.#clicked(event);
    document.body.append(this.bar);
    grid.root.classList.add("selecting");
    grid.root.addEventListener("click", this.take, true);
    this.watch.observe(grid.root, { childList: true });
    byId("select").setAttribute("aria-pressed", "true");
    this.#mark();
  }

  end() {
    this.watch.disconnect();
    this.grid.root.removeEventListener("click", this.take, true);
    this.grid.root.classList.remove("selecting");
    for (const box of this.grid.root.querySelectorAll(".pick")) box.remove();
    for (const item of this.grid.items()) item.classList.remove("picked");
    this.bar.remove();
    byId("select").setAttribute("aria-pressed", "false");
    byId("select").focus();
    this.ended();
  }

  #bar() {
    const button = (/** @type {string} */ text, /** @type {() => void} */ act, needed = true) =>
      el("button", { type: "button", text, onclick: act, "data-needed": needed });
    const { remove } = this;
    return el(
      "section",
      { class: "picks", "aria-label": "Selected pictures" },
      this.told,
      button("Select all", () => this.#all(), false),
      button("Copy ids", () => this.#copy()),
      button("Download", () => this.#download()),
      button("Export CSV", () => this.#export()),
      remove && button("Remove …", () => remove([...this.chosen.values()])),
      button("Done", () => this.end(), false),
    );
  }

  /** Give each card its box, and the boxes their state. */
  #mark() {
    this.grid.items().forEach((item, at) => {
      const record = this.grid.records[at];
      let box = /** @type {HTMLInputElement|null} */ (item.querySelector(".pick"));
      if (!box) {
        box = /** @type {HTMLInputElement} */ (el("input", { class: "pick", type: "checkbox", "aria-label": `Select ${titleOf(record)}` }));
        item.append(box);
      }
      box.checked = this.chosen.has(record.id);
      item.classList.toggle("picked", box.checked);
    });
    this.told.textContent = `${counted(this.chosen.size, "picture")} selected`;
    for (const button of this.bar.querySelectorAll("[data-needed]")) button.disabled = !this.chosen.size;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const item = /** @type {Element} */ (event.target).closest("li");
    const at = item ? this.grid.items().indexOf(item) : -1;
    if (at < 0) return;
    event.stopPropagation();
    const box = /** @type {Element} */ (event.target).matches(".pick");
    if (!box) event.preventDefault();
    const wanted = !this.chosen.has(this.grid.records[at].id);
    const [from, to] = event.shiftKey ? [Math.min(at, this.last), Math.max(at, this.last)] : [at, at];
    for (const record of this.grid.records.slice(from, to + 1)) {
      if (wanted) this.chosen.set(record.id, record);
      else this.chosen.delete(record.id);
    }
    this.last = at;
    setTimeout(() => this.#mark()); // the browser turns the box itself after this
  }

  #all() {
    const { records } = this.grid;
    const every = records.every(({ id }) => this.chosen.has(id));
    this.chosen = new Map(every ? [] : records.map((record) => [record.id, record]));
    this.#mark();
  }

  async #copy() {
    await copied([...this.chosen.keys()].join("\n"));
    say(`${counted(this.chosen.size, "id")} copied`);
    this.told.textContent = `${counted(this.chosen.size, "id")} copied`;
  }

  #export() {
    save(new Blob([csv([...this.chosen.values()])], { type: "text/csv" }), "pictures.csv");
  }

  async #download() {
    const records = [...this.chosen.values()];
    /** @type {{name: string, data: Blob}[]} */
    const files = [];
    let bytes = 0;
    try {
      for (const record of records) {
        this.told.textContent = `Loading ${files.length + 1} of ${records.length} …`;
        const data = await getBlob(record.file);
        bytes += data.size;
        if (bytes > MOST_BYTES) throw new Error("These are more than 400 MB; select fewer");
        files.push({ name: nameOf(record, data.type), data });
      }
      if (files.length === 1) save(files[0].data, files[0].name);
      else save(await zip(files), "pictures.zip");
    } catch (error) {
      showToast("The pictures cannot be downloaded", sentence(/** @type {Error} */ (error).message));
    }
    this.#mark();
  }
}

/** @param {ImageRecord} record @param {string} type @returns {string} a file name */
function nameOf({ id }, type) {
  const name = (id.split(/[/\\]/).pop() ?? "").replace(/[<>:"|?*\p{Cc}]/gu, "_") || "picture";
  const ending = (/^image\/([a-z]+)/.exec(type)?.[1] ?? "").replace("jpeg", "jpg");
  return /\.[a-z0-9]{2,5}$/i.test(name) || !ending ? name : `${name}.${ending}`;
}

/** @param {string} text */
async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = el("textarea", { class: "vh" }); // without https the clipboard is only reached so
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

/** @param {Blob} data @param {string} name */
function save(data, name) {
  const link = el("a", { href: URL.createObjectURL(data), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
