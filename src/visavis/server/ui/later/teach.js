/** Marks on the results: "such" and "not such" teach the index a concept, one click or key each. */

import { call, get, post, segment, showPicture } from "../api.js";
import { byId, counted, el, icon, say } from "../dom.js";
import { plainly, showToast } from "../notice.js";
import { titleOf } from "../records.js";
import { term } from "../state.js";
import { styled } from "./styles.js";

await Promise.all([styled("picks.css"), styled("teach.css")]);

/**
 * @typedef {import("./types.js").ImageRecord} ImageRecord
 * @typedef {{name: string, yes: number, no: number}} Summary
 * @typedef {{id: string, good: boolean, here: boolean, thumbnail: string|null}} Mark
 */

/** Begin to teach, or end it; marks stay while one searches on. @param {import("../showing.js").Showing} showing */
export function turn(showing) {
  if (showing.teaching) return showing.teaching.end();
  showing.selection?.end();
  const { page, acts } = showing;
  const alone = (/** @type {string} */ name) => {
    const { terms } = page.state;
    return terms.length === 1 && terms[0].kind === "concept" && terms[0].value === name;
  };
  showing.teaching = new Teaching(showing.grid, {
    named: () => page.state.terms.find((one) => one.kind === "concept")?.value ?? "",
    shown: alone,
    search: (name) => (alone(name) ? showing.anew() : acts.ask([term("concept", name)])),
  });
  showing.teaching.ended = () => {
    showing.teaching = null;
    acts.taught();
  };
}

const MOST = 500; // marks that are known of a concept
const KEPT = "visavis.concept";

/** The marks of one concept, on the cards of a grid. */
export class Teaching {
  /**
   * @param {import("../grid.js").Grid} grid
   * @param {{search: (name: string) => void, named: () => string, shown: (name: string) => boolean}} acts
   *   `named`: the concept that the query asks for; `shown`: whether the results are those of a concept alone
   */
  constructor(grid, acts) {
    this.grid = grid;
    this.acts = acts;
    /** @type {Map<string, boolean>} */
    this.marks = new Map();
    /** @type {{id: string, before: boolean|undefined}[]} */
    this.done = [];
    this.name = "";
    /** @type {Promise<unknown>} one change after the other */
    this.turn = Promise.resolve();
    /** @type {() => void} */
    this.ended = () => {};
    this.told = el("b", { "aria-live": "polite" });
    this.input = el("input", { id: "concept-name", autocomplete: "off", maxlength: "100", list: "concept-names", placeholder: "What are they?", dir: "auto" });
    this.names = el("datalist", { id: "concept-names" });
    this.bar = this.#bar();
    this.watch = new MutationObserver(() => this.#draw());
    this.key = (/** @type {KeyboardEvent} */ event) => this.#pressed(event);
    document.body.append(this.bar);
    grid.root.classList.add("teaching");
    grid.root.addEventListener("keydown", this.key);
    this.watch.observe(grid.root, { childList: true });
    byId("teach").setAttribute("aria-pressed", "true");
    this.#suggest();
    this.#named(acts.named() || sessionStorage.getItem(KEPT) || "");
    if (!this.name) this.input.focus();
  }

  end() {
    this.watch.disconnect();
    this.grid.root.removeEventListener("keydown", this.key);
    this.grid.root.classList.remove("teaching");
    for (const place of this.grid.root.querySelectorAll(".said")) place.remove();
    for (const item of this.grid.items()) item.classList.remove("such", "not-such");
    this.bar.remove();
    byId("teach").setAttribute("aria-pressed", "false");
    byId("teach").focus();
    this.ended();
  }

  #bar() {
    const button = (/** @type {string} */ text, /** @type {() => void} */ act) => el("button", { type: "button", text, onclick: act });
    this.undo = button("Undo", () => this.#undo());
    this.find = button("Find more", () => this.acts.search(this.name));
    this.seen = button("Marks", () => this.#list());
    this.input.addEventListener("change", () => this.#named(this.input.value));
    const form = el("form", { class: "concept" }, el("label", { for: "concept-name", text: "Concept" }), this.input, this.names);
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#named(this.input.value);
      this.grid.focus(0);
    });
    return el(
      "section",
      { class: "picks teach", "aria-label": "Teach a concept" },
      form,
      this.told,
      this.undo,
      this.seen,
      this.find,
      button("Done", () => this.end()),
      el("p", { class: "keys" }, el("kbd", { text: "Y" }), " such ", el("kbd", { text: "N" }), " not such ", el("kbd", { text: "U" }), " undo"),
    );
  }

  async #suggest() {
    try {
      /** @type {Summary[]} */
      const found = (await get("concepts")).concepts;
      this.names.replaceChildren(...found.map(({ name }) => el("option", { value: name })));
    } catch {
      // The name can be typed.
    }
  }

  /** From here on marks are of another concept. @param {string} text */
  async #named(text) {
    const name = text.trim().replace(/\s+/g, " ");
    this.input.value = name;
    if (name === this.name && name) return;
    this.name = name;
    this.marks = new Map();
    this.done = [];
    this.#draw();
    if (!name) return;
    sessionStorage.setItem(KEPT, name);
    try {
      const shown = await get(`concepts/${encodeURIComponent(name)}`, [["limit", String(MOST)]]);
      if (this.name !== name) return;
      this.marks = new Map(shown.marks.map((/** @type {Mark} */ mark) => [mark.id, mark.good]));
      this.#draw();
    } catch (error) {
      if (/** @type {any} */ (error).status !== 404) this.#failed(error); // 404: it is a new one
    }
  }

  /** Give each card its two buttons, and these their state. */
  #draw() {
    this.grid.items().forEach((item, at) => {
      const record = this.grid.records[at];
      if (!record) return;
      const place = item.querySelector(".said") ?? this.#buttons(record, item);
      const good = this.marks.get(record.id);
      item.classList.toggle("such", good === true);
      item.classList.toggle("not-such", good === false);
      place.children[0].setAttribute("aria-pressed", String(good === true));
      place.children[1].setAttribute("aria-pressed", String(good === false));
    });
    const yes = [...this.marks.values()].filter(Boolean).length;
    this.told.textContent = this.name ? `${yes} such, ${this.marks.size - yes} not` : "";
    this.undo.disabled = !this.done.length;
    this.seen.disabled = !this.marks.size;
    this.find.disabled = !yes;
    this.find.textContent = this.acts.shown(this.name) ? "Find again" : "Find more";
  }

  /** @param {ImageRecord} record @param {HTMLElement} item */
  #buttons(record, item) {
    const button = (/** @type {boolean} */ good, /** @type {string} */ name, /** @type {string} */ label) =>
      el(
        "button",
        {
          type: "button",
          tabindex: "-1",
          class: good ? "yes" : "no",
          title: `${label} (${good ? "Y" : "N"})`,
          "aria-label": `${label}: ${titleOf(record)}`,
          onclick: () => this.#say(record.id, this.marks.get(record.id) === good ? undefined : good),
        },
        icon(name),
      );
    const place = el("span", { class: "said" }, button(true, "yes", "Such"), button(false, "close", "Not such"));
    item.append(place);
    return place;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "u") return void this.#undo();
    if (key !== "y" && key !== "n") return;
    const item = /** @type {Element} */ (event.target).closest("li");
    const at = item ? this.grid.items().indexOf(item) : -1;
    if (at < 0) return;
    event.preventDefault();
    const { id } = this.grid.records[at];
    const good = key === "y";
    this.#say(id, this.marks.get(id) === good ? undefined : good);
  }

  /** Mark a record, or take its mark back. @param {string} id @param {boolean|undefined} good */
  #say(id, good) {
    if (!this.name) {
      this.input.focus();
      return say("Give the concept a name first");
    }
    const before = this.marks.get(id);
    this.#change(id, before, good, () => this.done.push({ id, before }));
  }

  #undo() {
    const last = this.done.pop();
    if (last) this.#change(last.id, this.marks.get(last.id), last.before, () => {});
  }

  /**
   * Shown at once, and taken back where the server does not take it.
   * @param {string} id @param {boolean|undefined} before @param {boolean|undefined} good @param {() => void} then
   */
  #change(id, before, good, then) {
    const { name } = this;
    this.#put(id, good);
    then();
    this.#draw();
    this.turn = this.turn.then(async () => {
      try {
        const place = `concepts/${encodeURIComponent(name)}/marks`;
        if (good === undefined) await call(`${place}/${segment(id)}`, { method: "DELETE" });
        else await post(place, good ? { yes: [id] } : { no: [id] });
        say(good === undefined ? "Mark removed" : good ? "Such" : "Not such");
      } catch (error) {
        if (this.name === name) this.#put(id, before);
        this.done = this.done.filter((one) => one.id !== id);
        this.#draw();
        this.#failed(error);
      }
    });
  }

  /** @param {string} id @param {boolean|undefined} good */
  #put(id, good) {
    if (good === undefined) this.marks.delete(id);
    else this.marks.set(id, good);
  }

  /** @param {unknown} error */
  #failed(error) {
    showToast("This could not be marked", plainly(/** @type {Error} */ (error).message));
  }

  /** All marks in a dialog, to look at and to take back. */
  async #list() {
    const { name } = this;
    await this.turn;
    try {
      const shown = await get(`concepts/${encodeURIComponent(name)}`, [["limit", String(MOST)]]);
      if (this.name === name) this.#dialog(shown);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {Summary & {marks: Mark[], trouble: string|null}} shown */
  #dialog({ name, yes, no, marks, trouble }) {
    const close = () => dialog.close();
    const part = (/** @type {string} */ title, /** @type {boolean} */ good) => {
      const some = marks.filter((mark) => mark.good === good);
      return some.length > 0 && el("section", {}, el("h3", { text: title }), el("ul", { class: "marked" }, ...some.map((mark) => this.#marked(mark))));
    };
    const forget = el("button", { type: "button", text: "Forget this concept", onclick: () => this.#forget(name, yes + no, dialog) });
    const dialog = el(
      "dialog",
      { class: "small concept-marks", "aria-labelledby": "marks-title" },
      el("h2", { id: "marks-title", text: name, dir: "auto" }),
      el("p", { class: "quiet", text: trouble ?? `${counted(yes + no, "mark")}; those that are taken back here count no more.` }),
      part("Such", true),
      part("Not such", false),
      el("div", { class: "acts" }, el("button", { class: "primary", type: "button", text: "Close", onclick: close }), forget),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /** @param {Mark} mark */
  #marked({ id, good, thumbnail }) {
    const image = el("img", { alt: "", width: 72, height: 72 });
    if (thumbnail) showPicture(image, `${thumbnail}&side=160`);
    const remove = el(
      "button",
      {
        class: "round",
        type: "button",
        title: "Take back",
        "aria-label": `Take back the mark of ${id}`,
        onclick: () => {
          this.#change(id, good, undefined, () => this.done.push({ id, before: good }));
          item.remove();
        },
      },
      icon("close"),
    );
    const item = el("li", { title: id }, thumbnail ? image : el("span", { class: "gone", text: "gone" }), remove);
    return item;
  }

  /** @param {string} name @param {number} count @param {any} dialog */
  async #forget(name, count, dialog) {
    if (!confirm(`Forget “${name}” with its ${counted(count, "mark")}?`)) return;
    try {
      await call(`concepts/${encodeURIComponent(name)}`, { method: "DELETE" });
      dialog.close();
      sessionStorage.removeItem(KEPT);
      this.name = "";
      this.#named("");
      this.#suggest();
      say("Forgotten");
    } catch (error) {
      this.#failed(error);
    }
  }
}
