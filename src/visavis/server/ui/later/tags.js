/** Tags of a record: what the model sees in it, asked when somebody looks. */

import { post } from "../api.js";
import { el } from "../dom.js";
import { term } from "../state.js";

/**
 * @typedef {import("./types.js").ImageRecord} ImageRecord
 * @typedef {import("./types.js").Info} Info
 * @typedef {import("./types.js").Tag} Tag
 */

/** The field that visavis itself writes. */
export const FIELD = "tags";
const SHOWN = 3;
const LEAST = 0.5; // of a class: a wrong tag does more harm than none
const SETTLED = 120; // ms that one looks at a record before its tags are asked for

/** Asks for tags and draws them, each of which does what the model allows. */
export class Tags {
  /**
   * @param {{ask: (terms: import("../state.js").Term[]) => void, narrow: (field: string, word: string) => void}} acts
   */
  constructor(acts) {
    this.acts = acts;
    /** @type {Info|null} */
    this.info = null;
    /** @type {(info: Info) => void} */
    this.learn = () => undefined;
    /** @type {Promise<Info>} */
    this.learnt = new Promise((done) => (this.learn = done));
    this.learnt.then((info) => (this.info = info));
    /** @type {Map<string, Tag[]>} */
    this.known = new Map();
    this.wanted = "";
  }

  /** @returns {boolean} whether the field of tags is ours, and drawn here */
  get written() {
    return Boolean(this.info?.tagged && this.info.tags);
  }

  /** @param {ImageRecord} record @returns {HTMLElement|null} filled in when they are known; null: never */
  place(record) {
    if (this.info && !this.info.tags) return null;
    const list = el("ul", { class: "tags", "aria-label": "Tags", "aria-busy": "true" });
    this.#fill(list, record);
    return list;
  }

  /** @param {HTMLElement} list @param {ImageRecord} record */
  async #fill(list, record) {
    this.wanted = record.id;
    const info = await this.learnt;
    const tags = info.tags ? await this.#asked(record, info) : [];
    const use = useOf(info);
    list.replaceChildren(...tags.map((tag) => el("li", {}, this.#tag(tag, use, info))));
    list.setAttribute("aria-busy", "false");
    list.hidden = !tags.length;
  }

  /** @param {ImageRecord} record @param {Info} info @returns {Promise<Tag[]>} */
  async #asked(record, info) {
    const known = this.known.get(record.id);
    if (known) return known;
    await new Promise((done) => setTimeout(done, SETTLED));
    if (this.wanted !== record.id) return [];
    try {
      const found = /** @type {Tag[]} best first */ ((await post("tag", { id: record.id })).tags);
      const likely = info.tags === "classes" ? found.filter(({ score }) => score >= LEAST) : found;
      const shown = likely.slice(0, SHOWN);
      this.known.set(record.id, shown);
      return shown;
    } catch {
      return this.written ? stored(record) : []; // its picture may be gone; its place says so
    }
  }

  /** @param {Tag} tag @param {"class"|"text"|"filter"|null} use @param {Info} info */
  #tag({ name, score }, use, info) {
    const sure = info.tags === "classes" && score > 0 && el("small", { text: `${Math.round(score * 100)} %` });
    const inside = [el("span", { text: name }), sure];
    if (use === null) return el("span", { class: "tag" }, ...inside);
    const hint = { class: "More of this class", text: "Search for this word", filter: "Only pictures with this tag" }[use];
    const act = () => (use === "filter" ? this.acts.narrow(FIELD, name) : this.acts.ask([term(use, name)]));
    return el("button", { class: "tag", type: "button", title: hint, onclick: act }, ...inside);
  }
}

/** @param {ImageRecord} record @returns {Tag[]} as they were written when it was indexed */
function stored(record) {
  const names = String(record.fields[FIELD] ?? "").split(", ").filter(Boolean);
  return names.map((name) => ({ name, score: 0 }));
}

/** @param {Info} info @returns {"class"|"text"|"filter"|null} what a tag can be used for */
function useOf(info) {
  if (info.tags === "classes" && info.class_search) return "class";
  if (info.text) return "text";
  return info.tagged ? "filter" : null;
}
