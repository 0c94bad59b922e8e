/** Shows the answers to the state of the page: results, details, and what went wrong. */

import { getRandom, showPicture } from "./api.js";
import { byId, counted, say } from "./dom.js";
import { Grid, scoreText } from "./grid.js";
import { hideNotice, isOfPicture, problemOf, sentence, showNotice, showToast } from "./notice.js";
import { getPicture } from "./pictures.js";
import { canBeSeen } from "./query.js";
import { remember } from "./recent.js";
import { forgetRecord, forgetViews, load, recordOf, rememberedView, termsOf } from "./results.js";
import { titleOf } from "./records.js";
import { newSeed, term, writeState } from "./state.js";
import { Toolbar } from "./toolbar.js";

/**
 * @typedef {import("./state.js").Page} Page
 * @typedef {import("./state.js").Term} Term
 * @typedef {import("./results.js").View} View
 * @typedef {import("./later/types.js").ImageRecord} ImageRecord
 *
 * @typedef {object} Acts
 * @property {(terms: Term[]) => void} ask
 * @property {(more: Term[]) => Term[]} joined
 * @property {() => void} over start over
 * @property {() => void} choose a picture that joins the query
 * @property {() => void} again
 * @property {() => [string, () => void][]} instead what could be asked for where words found nothing
 * @property {() => Promise<import("./later/tags.js").Tags>} tags
 * @property {() => void} taught
 */

const AHEAD = 900;
const SOON = 5000; // ms after the first results

/** The right side of the page. */
export class Showing {
  /** @param {Page} page @param {Acts} acts */
  constructor(page, acts) {
    this.page = page;
    this.acts = acts;
    /** @type {number} pictures of the index; 0: not known yet */
    this.all = 0;
    /** @type {View|null} */
    this.view = null;
    /** @type {import("./state.js").State|null} what was answered last */
    this.good = null;
    /** @type {AbortController|null} what is being loaded */
    this.loading = null;
    this.grid = new Grid(byId("grid"), {
      open: (at) => page.go({ show: this.grid.records[at].id }),
      similar: (record) => acts.ask([term("id", record.id)]),
      address: (record) => writeState({ ...page.state, terms: [term("id", record.id)], min: 0, show: null }),
    });
    this.toolbar = new Toolbar({
      min: (min) => page.go({ min }, { replace: page.state.min !== 0 && min !== 0 }),
      shuffle: () => page.go({ seed: newSeed() }),
      sort: (sort) => page.go({ sort, show: null }),
      anywhere: (anywhere) => page.go({ anywhere, show: null }),
    });
    /** @type {import("./later/details.js").Details|null} */
    this.details = null;
    /** @type {((record: ImageRecord, how: "replace"|"remove") => void)|null} */
    this.change = null;
    /** @type {import("./later/selection.js").Selection|null} */
    this.selection = null;
    /** @type {import("./later/teach.js").Teaching|null} */
    this.teaching = null;
    byId("select").addEventListener("click", () => this.#select());
    byId("try-more").addEventListener("click", () => this.#loadMore());
    for (const event of ["scroll", "resize"]) {
      addEventListener(event, () => this.#moreIfNear(), { passive: true });
    }
  }

  /** @returns {Promise<import("./later/details.js").Details>} asked for once it is needed, or soon after the page */
  async #dialog() {
    const { acts } = this;
    const [{ Details }, tags] = await Promise.all([import("./later/details.js"), acts.tags()]);
    return (this.details ??= new Details({
      more: (id) => acts.ask([term("id", id)]),
      add: (id, less) => acts.ask(acts.joined([term("id", id, less)])),
      step: (way) => this.#step(way),
      closed: () => this.#closed(),
      tags,
      go: (change) => this.page.go(change),
      beside: () => this.#beside(),
      asked: () => this.#asked(),
      change: () => this.change,
    }));
  }

  /** Ask again, whatever was answered before. */
  anew() {
    forgetViews();
    hideNotice();
    return this.refresh(history.state?.shown, history.state?.scroll);
  }

  /** @param {boolean} busy */
  busy(busy) {
    byId("progress").hidden = !busy;
    byId("grid").setAttribute("aria-busy", String(busy));
  }

  /** Show what the state asks for. @param {number} [atLeast] @param {number} [scroll] */
  async refresh(atLeast = 0, scroll = 0) {
    this.loading?.abort();
    this.selection?.end();
    this.details?.close();
    const known = rememberedView(this.page.state);
    if (known) {
      this.loading = null;
      this.busy(false);
      this.#show(known, true);
      scrollTo(0, scroll);
      this.#moreIfNear();
      return;
    }
    await this.#loaded(null, atLeast, (next) => {
      this.#show(next, true);
      if (scroll || scrollY > byId("results").offsetTop) scrollTo(0, scroll);
    });
  }

  /** The number of pictures has become known. @param {number} all */
  told(all) {
    setTimeout(() => this.#dialog().catch(() => {}), SOON);
    this.all = all;
    if (this.view?.records.length) this.toolbar.count(this.page.state, this.view, all);
  }

  /** The details of a record were asked for, or not any more. @param {string|null} before */
  detailed(before) {
    const { show } = this.page.state;
    if (show !== null) this.#open(show);
    else if (before !== null) {
      this.details?.close();
      this.grid.focus(this.#place(before));
    }
  }

  /** A picture that the server cannot use: what was there before stays. @param {unknown} error @returns {boolean} */
  #refused(error) {
    const { good } = this;
    if (!good || !isOfPicture(error) || !this.page.state.terms.some((one) => one.kind === "up")) return false;
    this.page.go(good, { replace: true });
    const { title, text } = problemOf(error, { again() {}, over() {}, random() {}, choose() {}, ids: [] });
    showToast(title, text, () => byId("words").focus());
    return true;
  }

  /** @param {unknown} error in place of results */
  fail(error) {
    if (this.#refused(error)) return;
    this.view = null;
    this.grid.show([]);
    byId("end").hidden = true;
    document.documentElement.classList.add("failed");
    const { acts, page } = this;
    const ids = page.state.terms.filter((one) => one.kind === "id").map((one) => one.value);
    const remedies = { again: acts.again, over: acts.over, choose: acts.choose, ids };
    const problem = problemOf(error, { ...remedies, random: () => this.#random() });
    this.toolbar.title("No results");
    this.toolbar.notes([]);
    byId("verdict").hidden = true;
    showNotice(problem);
  }

  /** @param {View|null} from @param {number} atLeast @param {(next: View) => void} show */
  async #loaded(from, atLeast, show) {
    const mine = (this.loading = new AbortController());
    this.busy(true);
    let good = true;
    try {
      const next = await load(this.page.state, from, mine.signal, atLeast);
      if (!mine.signal.aborted) show(next);
    } catch (error) {
      good = false;
      if (mine.signal.aborted) return;
      if (!from) this.fail(error);
      else {
        this.grid.release();
        byId("more-failed").hidden = false;
      }
    } finally {
      if (this.loading === mine) {
        this.loading = null;
        this.busy(false);
        if (good) this.#moreIfNear();
      }
    }
  }

  #loadMore() {
    if (this.loading || !this.view || this.view.done || !this.view.records.length) return;
    byId("more-failed").hidden = true;
    this.#loaded(this.view, 0, (next) => this.#show(next, false));
  }

  #moreIfNear() {
    if (!byId("more-failed").hidden) return;
    if (byId("sentinel").getBoundingClientRect().top < innerHeight + AHEAD) this.#loadMore();
  }

  /** @param {View} next @param {boolean} fresh whether it replaces what is there */
  #show(next, fresh) {
    const { page } = this;
    const shown = this.view?.records.length ?? 0;
    this.view = next;
    this.good = page.state;
    hideNotice();
    document.documentElement.classList.remove("failed");
    byId("more-failed").hidden = true;
    if (fresh && next.records.length) this.#remember();
    this.grid.lined = !page.state.sort;
    this.toolbar.scale(page.state, next);
    if (fresh) this.grid.show(next.records, !next.done);
    else this.grid.append(next.records.slice(shown), !next.done);
    this.toolbar.notes(next.notes);
    this.toolbar.verdict(page.state, next);
    byId("end").hidden = !next.done || !next.records.length || !page.state.terms.length;
    page.remember({ shown: next.records.length });
    if (!next.records.length) this.#tellNothing(next);
    else if (fresh) this.toolbar.count(page.state, next, this.all);
    if (page.state.show !== null) this.#open(page.state.show);
  }

  /** Keep the search among the recent ones, in words. */
  async #remember() {
    const { state } = this.page;
    try {
      const named = state.terms.map(async (one) => {
        const name = one.kind === "id" ? titleOf(await recordOf(one.value)) : one.value;
        return `${one.less ? "less " : ""}${name}`;
      });
      remember(state, (await Promise.all(named)).join(" + "));
    } catch {
      // A record that is gone is nothing to come back to.
    }
  }

  /** @param {View} empty */
  #tellNothing(empty) {
    const { page } = this;
    const { terms, where, min } = page.state;
    /** @type {[string, () => void][]} */
    const buttons = [];
    const words = terms.length > 0 && terms.every((one) => one.kind === "text");
    if (min) buttons.push(["Any similarity", () => page.go({ min: 0 })]);
    if (where.length) buttons.push(["Clear the filters", () => page.go({ where: [] })]);
    if (words) buttons.push(...this.acts.instead());
    const title = words ? "Nothing found" : terms.length ? "Nothing similar found" : "No pictures";
    let text = "The index is empty. Fill it with “visavis index FOLDER”.";
    if (empty.total > 0 && min === "auto" && empty.reason) text = sentence(empty.reason);
    else if (empty.total > 0 && min > 0) {
      const passing = where.length ? " that passes the filters" : "";
      text = `No picture${passing} has a similarity of ${Number(min).toFixed(2)} or more.`;
    } else if (empty.total > 0 && words) text = sentence(empty.reason);
    else if (where.length) text = "No picture passes the filters.";
    this.toolbar.title(empty.total > 0 ? `0 of ${counted(empty.total, "picture")}` : "No results");
    say(`${title}. ${text}`);
    showNotice({ title, text, buttons }, "status");
    if (empty.total > 0 && min > 0) this.#tellNearest(text);
  }

  /** How far away the nearest is, where none is near enough. @param {string} text that is told already */
  async #tellNearest(text) {
    const { state } = this.page;
    try {
      const { records } = await load({ ...state, min: 0 }, null, new AbortController().signal);
      const score = records[0]?.score;
      const place = byId("notice").querySelector("p");
      if (score === undefined || state !== this.page.state || !place) return;
      place.textContent = `${text} The nearest has ${scoreText(score)}.`;
    } catch {
      // It was only to be a help.
    }
  }

  /** @param {string} id @returns {number} */
  #place(id) {
    return this.grid.records.findIndex((record) => record.id === id);
  }

  /** @param {string} id */
  async #open(id) {
    if (this.details?.id === id) return;
    const at = this.#place(id);
    try {
      const details = this.details ?? (await this.#dialog()); // no waiting between two keys
      const record = at < 0 ? await recordOf(id) : this.grid.records[at];
      if (this.page.state.show !== id) return;
      const last = at < 0 || at === this.grid.records.length - 1;
      details.show(record, { first: at <= 0, last });
    } catch (error) {
      if (this.page.state.show !== id) return;
      this.page.go({ show: null }, { replace: true });
      this.fail(error);
    }
  }

  /** @returns {((image: HTMLImageElement) => void)|null} draws the query's picture; null: it has none to show */
  #beside() {
    const one = this.page.state.terms.find(canBeSeen);
    if (!one) return null;
    return async (image) => {
      if (one.kind === "up") image.src = getPicture(one.value)?.url ?? "";
      else showPicture(image, `${(await recordOf(one.value)).thumbnail}&side=640`);
    };
  }

  /** @returns {(() => Promise<{terms: object[], uploads: Blob[]}>)|null} the query, if it is one whole picture */
  #asked() {
    const { state } = this.page;
    const [one, ...others] = state.terms;
    return one && !others.length && !one.less && !one.box && canBeSeen(one) ? () => termsOf(state) : null;
  }

  /** From here on records can be changed. @param {() => void} changed */
  async manage(changed) {
    const { replace, remove, teach } = await import("./later/manage.js");
    teach(this);
    this.remove = (/** @type {ImageRecord[]} */ records) => remove(records, changed);
    this.change = (record, how) => {
      if (how === "remove") remove([record], () => this.#gone(record.id, changed));
      else replace(record, changed);
    };
    const { show } = this.page.state;
    if (show === null || !this.details?.id) return;
    this.details.id = null; // drawn anew, with the buttons
    this.#open(show);
  }

  /** @param {string} id @param {() => void} changed */
  async #gone(id, changed) {
    try {
      forgetRecord(id);
      await recordOf(id);
    } catch {
      this.page.go({ show: null, terms: this.page.state.terms.filter((one) => one.value !== id) }, { replace: true });
      changed();
    }
  }

  async #select() {
    if (this.selection) return this.selection.end();
    this.teaching?.end();
    this.grid.root.inert = true; // a click that comes too early opens nothing
    try {
      const { Selection } = await import("./later/selection.js");
      this.selection = new Selection(this.grid, this.remove ?? null);
    } finally {
      this.grid.root.inert = false;
    }
    this.selection.ended = () => (this.selection = null);
  }

  /** @param {1|-1} way */
  #step(way) {
    const at = this.#place(this.details?.id ?? "");
    const next = at < 0 ? undefined : this.grid.records[at + way];
    if (next) this.page.go({ show: next.id }, { replace: true });
  }

  #closed() {
    if (this.page.depth > 0) history.back();
    else this.page.go({ show: null }, { replace: true });
  }

  async #random() {
    try {
      const [record] = (await getRandom(1, newSeed(), [])).images;
      if (record) this.page.go({ terms: [term("id", record.id)], where: [], min: 0, show: null });
      else this.acts.over();
    } catch (error) {
      this.fail(error);
    }
  }
}
