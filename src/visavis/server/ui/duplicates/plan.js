/** What rules make of the groups, and how the others are set aside. */

import { call, get } from "../api.js";
import { byId, counted, el, fileSize, number, say } from "../dom.js";
import { plainly } from "../notice.js";

const RULES = /** @type {[string, string][]} */ ([
  ["largest", "the most pixels, then the most bytes"],
  ["best-quality", "the most pixels, then a lossless file"],
  ["oldest", "the oldest file"],
  ["newest", "the newest file"],
]);
const START = ["best-quality", "oldest"];

/** @typedef {{group: number, id: string, action: "keep"|"move"|"leave", reason: string}} Planned */

/** Proposes which copies to keep. */
export class Plan {
  /** @param {{relation: () => string, number: () => number, mayWrite: () => boolean, drawn: () => void}} acts */
  constructor(acts) {
    this.acts = acts;
    /** @type {string[]} */
    this.keep = [...START];
    /** @type {Planned[]} of the group that is shown */
    this.files = [];
    this.asked = 0;
    this.shownFor = "";
    const box = byId("plan");
    box.addEventListener("toggle", () => this.refresh());
    this.told = el("p", { role: "status" });
    this.steps = el("div", { class: "steps-to-do" });
    this.rules = el("div", { class: "rules", role: "group", "aria-label": "Rules; the first that decides counts" });
    byId("plan-body").replaceChildren(
      el("p", { text: "Rules say which copy to keep; the first that decides counts, and what you have decided counts more. Nothing is moved here: you get a plan, and a command that carries it out and can undo it." }),
      this.rules,
      this.told,
      this.steps,
    );
    this.#drawRules();
  }

  /** Ask anew what the rules make of everything, while that is looked at. */
  async refresh() {
    if (!byId("plan").open || byId("plan").hidden) {
      this.files = [];
      this.acts.drawn();
      return;
    }
    const asked = ++this.asked;
    try {
      const query = /** @type {[string, string][]} */ ([
        ["relation", this.acts.relation()],
        ["offset", String(this.acts.number())],
        ["limit", "1"],
        ...this.keep.map((rule) => ["keep", rule]),
      ]);
      const found = await get("duplicates/plan", query);
      if (asked !== this.asked) return;
      this.files = found.files;
      this.told.textContent = summary(found);
      this.#drawSteps(found.move);
    } catch (error) {
      if (asked !== this.asked) return;
      this.files = [];
      this.told.textContent = plainly(/** @type {Error} */ (error).message);
      this.steps.replaceChildren();
    }
    this.acts.drawn();
  }

  #drawRules() {
    const rows = [0, 1].map((place) => {
      const given = this.keep[place] ?? "";
      const options = [...(place ? [["", "nothing: leave it alone"]] : []), ...RULES.filter(([name]) => !place || name !== this.keep[0])];
      const select = el("select", { class: "tool", "data-focus": `rule-${place}`, "aria-label": place ? "Then" : "Keep" }, ...options.map(([name, text]) => el("option", { value: name, text, selected: name === given })));
      select.addEventListener("change", () => {
        this.keep = place ? [this.keep[0], select.value] : [select.value, ...this.keep.slice(1)];
        this.keep = [...new Set(this.keep)].filter(Boolean);
        const focus = select.dataset.focus;
        this.#drawRules();
        this.rules.querySelector(`[data-focus="${focus}"]`)?.focus();
        this.refresh();
      });
      return el("label", {}, el("span", { text: place ? "Then" : "Keep" }), select);
    });
    this.rules.replaceChildren(...rows);
  }

  /** @param {number} moved files */
  #drawSteps(moved) {
    const keep = this.keep.join(",");
    if (!moved) {
      this.steps.replaceChildren();
      return;
    }
    const relation = this.acts.relation() === "near_duplicate" ? "" : ` --relation ${this.acts.relation()}`;
    if (!this.acts.mayWrite()) {
      this.steps.replaceChildren(
        el("p", { text: "On the machine that has the pictures:" }),
        command(`visavis duplicates --index INDEX${relation} --keep ${keep} --plan plan.json`),
        command("visavis duplicates --index INDEX --apply plan.json"),
      );
      return;
    }
    const after = el("div", {});
    const button = el("button", { class: "primary", type: "button", text: "Download the plan", onclick: () => this.#download(after) });
    this.steps.replaceChildren(el("div", { class: "acts" }, button), after);
  }

  /** @param {HTMLElement} after where the commands go */
  async #download(after) {
    try {
      const body = JSON.stringify({ keep: this.keep, relation: this.acts.relation() });
      const headers = { "Content-Type": "application/json" };
      const blob = await (await call("duplicates/plan", { method: "POST", headers, body })).blob();
      const { index_folder: folder } = JSON.parse(await blob.text());
      const link = el("a", { href: URL.createObjectURL(blob), download: "plan.json" });
      link.click();
      URL.revokeObjectURL(link.href);
      const index = quoted(folder);
      after.replaceChildren(
        el("p", { text: "Read it, change it; then, on the machine that has the pictures:" }),
        command(`visavis duplicates --index ${index} --apply plan.json`),
        el("p", { text: "And should that have been wrong:" }),
        command(`visavis duplicates --index ${index} --undo plan.json`),
      );
      say("The plan was downloaded.");
    } catch (error) {
      after.replaceChildren(el("p", { class: "trouble", text: plainly(/** @type {Error} */ (error).message) }));
    }
  }
}

/** @param {{groups: number, settled: number, move: number, bytes: number}} found */
function summary({ groups, settled, move, bytes }) {
  const all = settled === groups ? "All groups are settled" : `${number(settled)} of ${counted(groups, "group")} are settled`;
  return `${all}: ${counted(move, "file")} with ${fileSize(bytes)} may go.`;
}

/** @param {string} text */
const command = (text) => el("pre", { tabindex: "0" }, el("code", { text }));

/** @param {string} text @returns {string} for a shell */
const quoted = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
