/** What people ask with, made into terms: files, words, ids, addresses. */

import { byId } from "./dom.js";
import { showToast } from "./notice.js";
import { addPicture, getPicture, PictureError } from "./pictures.js";
import { term, termKey } from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./state.js").Term} Term
 * @typedef {import("./api.js").Info} Info
 */

const ADDRESS = /^https?:\/\//;

/** @param {State} state @returns {string} the words that the box shows */
export const wordsOf = (state) => state.terms.find((one) => one.kind === "text" && !one.less)?.value ?? "";

/** Changes the query of the page. */
export class Asking {
  /** @param {import("./state.js").Page} page */
  constructor(page) {
    this.page = page;
    /** @type {Info|null} */
    this.info = null;
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

  /** Something pasted or dropped. @param {string} text @param {boolean} add */
  text(text, add) {
    if (!ADDRESS.test(text)) this.words(text);
    else if (this.info?.allow_urls) this.ask(add ? this.joined([term("url", text)]) : [term("url", text)]);
    else {
      const text = "Save the picture to your device, then drop the file here.";
      this.#tell("This server fetches no addresses", text);
    }
  }

  /** Words replace the words of the query and join its pictures. @param {string} given */
  words(given) {
    const text = given.trim();
    const others = this.page.state.terms.filter((one) => one.kind !== "text" || one.less);
    if (ADDRESS.test(text)) this.text(text, false);
    else if (text.startsWith("id:") && text.length > 3) this.ask([term("id", text.slice(3).trim())]);
    else if (!text) this.ask(others);
    else if (this.info?.text) this.ask([...others, term("text", text)]);
    else {
      this.#tell(
        "This index finds by picture, not by words",
        `Its model “${this.info?.model ?? ""}” takes no words. Use a picture, id: and an id, or the filters. ` +
          "Searching by words needs an index made with a model that has a text side.",
      );
    }
  }

  /** The results stay. @param {string} title @param {string} text */
  #tell(title, text) {
    showToast(title, text, () => byId("words").focus());
  }
}
