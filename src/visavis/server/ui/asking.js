/** What people ask with, made into terms: files, words, ids, URLs. */

import { getClasses } from "./api.js";
import { byId } from "./dom.js";
import { showToast } from "./notice.js";
import { addPicture, getPicture, PictureError } from "./pictures.js";
import { term, termKey } from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./state.js").Term} Term
 * @typedef {import("./later/types.js").Info} Info
 */

const WEB_URL = /^https?:\/\//;
const COLOUR = /(?:^|\s)(-?)colou?r:("[^"]+"|\S+)/gi;

const SUGGESTED = 5;

/** @param {Term} one @param {boolean|undefined} reads */
const isTyped = (one, reads) =>
  !one.less && (one.kind === "text" || (one.kind === "class" && reads !== true));

/**
 * @param {State} state @param {boolean} [reads] whether the model reads words
 * @returns {string} the words that the box shows
 */
export const wordsOf = (state, reads = undefined) =>
  state.terms.find((one) => isTyped(one, reads))?.value ?? "";

/** @param {string} text @returns {string} as names of classes are compared */
const plain = (text) => text.toLowerCase().split(/\s+/).join(" ");

/** Changes the query of the page. */
export class Asking {
  /** @param {import("./state.js").Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Info|null} */
    this.info = null;
    /** @type {() => void} what was asked before it was known what the model takes */
    this.waiting = () => {};
    /** @type {{text: string, names: string[]}} classes that the last words may have meant */
    this.near = { text: "", names: [] };
  }

  /** From here on it is known what can be asked. @param {Info} info */
  learn(info) {
    this.info = info;
    const ask = this.waiting;
    this.waiting = () => {};
    ask();
  }

  /** A new question; filters stay. @param {Term[]} terms */
  ask(terms) {
    this.page.go({ terms, show: null, min: terms.length ? this.page.state.min : 0 });
  }

  /** @param {Term[]} more @returns {Term[]} the terms of the query and these, each once */
  joined(more) {
    const keys = new Set(more.map(termKey));
    return [...this.page.state.terms.filter((one) => !keys.has(termKey(one))), ...more];
  }

  /** @param {File[]} files @param {boolean} add to the query that is there, in place of lost pictures */
  async files(files, add) {
    try {
      /** @type {Term[]} */
      const terms = [];
      for (const file of files) {
        const picture = await addPicture(file, this.info?.max_upload_bytes ?? Infinity);
        terms.push(term("up", picture.key));
      }
      const kept = this.page.state.terms.filter((one) => one.kind !== "up" || getPicture(one.value));
      this.ask(add ? [...kept, ...terms] : terms);
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      this.#tell("This file cannot be used", error.message);
    }
  }

  /** Something pasted or dropped. @param {string} text @param {boolean} add @param {Term[]} [colours] */
  text(text, add, colours = []) {
    const terms = [term("url", text), ...colours];
    if (!WEB_URL.test(text)) this.words(text);
    else if (!this.info) this.waiting = () => this.text(text, add, colours);
    else if (this.info.allow_urls) this.ask(add ? this.joined(terms) : terms);
    else this.#tell("This server fetches no URLs", "Save the picture, then drop the file here.");
  }

  /** Words replace the words of the query and join its pictures. @param {string} given */
  words(given) {
    const colours = [...given.matchAll(COLOUR)].map(([, sign, value]) => {
      return term("colour", value.replaceAll('"', ""), sign !== "");
    });
    const text = given.replaceAll(COLOUR, " ").trim();
    const others = this.joined(colours).filter((one) => !isTyped(one, this.info?.text));
    const [, kind, value] = /^(id|concept):\s*(.+)/s.exec(text) ?? [];
    if (colours.length) byId("words").value = text;
    if (WEB_URL.test(text)) this.text(text, false, colours);
    else if (kind === "id") this.ask([term(kind, value), ...colours]);
    else if (kind) this.ask([...others.filter((one) => one.kind !== kind), term("concept", value)]);
    else if (!text) this.ask(others);
    else if (!this.info) this.waiting = () => this.words(given);
    else if (this.info.text) this.ask([...others, term("text", text)]);
    else if (this.info.class_search) this.#class(text, others);
    else this.ask([term("text", text)]); // found by the records' own text, which pictures have no part in
  }

  /** What was typed: a class, if it is the name of one, or else words. @param {string} text @param {Term[]} others */
  async #class(text, others) {
    /** @type {string[]} */
    let names = [];
    try {
      names = await getClasses(text.slice(0, 200), SUGGESTED);
    } catch {
      // The search meets the same trouble, and says so.
    }
    const [first] = names;
    this.near = { text, names };
    if (first && plain(first) === plain(text)) this.#take(first, others);
    else this.ask([term("text", text)]);
  }

  /** @param {string} name @param {Term[]} others */
  #take(name, others) {
    byId("words").value = name;
    this.ask([...others, term("class", name)]);
  }

  /** @returns {[string, () => void][]} buttons for classes spelled like the words */
  instead() {
    const { text, names } = this.near;
    if (!text || wordsOf(this.page.state, this.info?.text) !== text) return [];
    return names.map((name) => [name, () => this.#take(name, [])]);
  }

  /** The results stay. @param {string} title @param {string} text */
  #tell(title, text) {
    showToast(title, text, () => byId("words").focus());
  }
}
