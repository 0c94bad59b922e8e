/** Duplicates, group by group: looked at, compared, decided on. */

import { ApiError, getInfo, showPicture } from "../api.js";
import { byId, counted, el, number, say, turnTheme } from "../dom.js";
import { enterKey, mayWrite } from "../later/keys.js";
import { plainly, sentence, showToast } from "../notice.js";
import { titleOf } from "../records.js";
import { drawFacts } from "./facts.js";
import { contentsOf, copyOf, decide, decidedOf, firstPair, getGroup, linkOf, lookAgain } from "./groups.js";
import { Plan } from "./plan.js";
import { Stage } from "./stage.js";

/** @typedef {import("./groups.js").Group} Group @typedef {import("./groups.js").Copy} Copy @typedef {import("./groups.js").Verdict} Verdict */

const ASK_EVERY = 700; // ms, while a scan runs
const WORDS = {
  exact: "Identical",
  near_duplicate: "The same picture, edited",
  variant: "The same layout in other colours",
};
const STAGES = { "": "Looking for duplicates …", searched: "Comparing pictures", matched: "Comparing layouts", compared: "Looking closely at pairs", checked: "Checking pixels" };
const SAID = {
  better: "The left one was decided to be better",
  worse: "The right one was decided to be better",
  same: "Decided: the same, either will do",
  alternate: "Decided: two versions, both are kept",
  "not-related": "Decided: not related",
};

class Work {
  constructor() {
    const given = new URLSearchParams(location.search);
    /** @type {string} */
    this.relation = given.get("relation") ?? "near_duplicate";
    this.number = Math.max(0, (Number.parseInt(given.get("group") ?? "1", 10) || 1) - 1);
    /** @type {import("./groups.js").Found|null} */
    this.found = null;
    /** @type {[Copy, Copy]|null} */
    this.pair = null;
    this.writes = false;
    this.asked = 0;
    this.busy = false;
    /** @type {{one: Copy, other: Copy, verdict: Verdict, before: Verdict, number: number}[]} */
    this.made = [];
    this.stage = new Stage();
    this.plan = new Plan({
      relation: () => this.relation,
      number: () => this.number,
      mayWrite: () => this.writes,
      drawn: () => this.group && this.#drawStrip(this.group),
    });
  }

  /** @returns {Group|null} */
  get group() {
    return this.found?.groups[0] ?? null;
  }

  /** Show a group. @param {number} at @param {string} [told] what has just been done */
  async go(at, told = "") {
    this.number = Math.max(0, at);
    this.pair = null;
    await this.refresh(told);
  }

  /** Ask for the group that is shown, and draw it; while a scan runs, again and again. @param {string} [told] */
  async refresh(told = "") {
    const asked = ++this.asked;
    try {
      const found = await getGroup(this.relation, this.number);
      if (asked !== this.asked) return;
      if (found.total && this.number >= found.total) {
        await this.go(found.total - 1, told);
        return;
      }
      const anew = this.found?.scan.version && found.scan.version !== this.found.scan.version;
      this.found = found;
      if (anew) this.made = [];
      this.#draw(told);
      if (found.scan.state === "running") setTimeout(() => asked === this.asked && this.refresh(), ASK_EVERY);
    } catch (error) {
      if (asked === this.asked) this.#trouble(error);
    }
  }

  /** @param {Verdict} verdict of the pair that is shown */
  async decide(verdict) {
    const { group, pair } = this;
    if (!group || !pair || this.busy) return;
    if (!this.writes) {
      say(byId("look-only").textContent);
      return;
    }
    const [one, other] = pair;
    if (one.sha256 === other.sha256) {
      say("The files have the same bytes: there is nothing to decide.");
      return;
    }
    await this.#send({ one, other, verdict, before: decidedOf(group, one, other), number: this.number }, true);
  }

  async undo() {
    const last = this.made.pop();
    if (!last) return;
    this.number = last.number;
    const { one, other, verdict, before } = last;
    this.pair = [one, other];
    await this.#send({ one, other, verdict: before, before: verdict, number: last.number }, false);
  }

  /** Take back what was decided of the pair that is shown. */
  async takeBack() {
    const { group, pair } = this;
    if (!group || !pair) return;
    const before = decidedOf(group, ...pair);
    await this.#send({ one: pair[0], other: pair[1], verdict: "undecided", before, number: this.number }, false);
  }

  /** @param {{one: Copy, other: Copy, verdict: Verdict, before: Verdict, number: number}} made @param {boolean} onwards */
  async #send(made, onwards) {
    this.busy = true;
    try {
      await decide(made.one, made.other, made.verdict, made.before);
      if (onwards) this.made.push(made);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const title = error instanceof ApiError && error.status === 409 ? "Somebody was quicker" : "That could not be kept";
      showToast(title, sentence(text));
      onwards = false;
    } finally {
      this.busy = false;
    }
    const told = made.verdict === "undecided" ? "Taken back." : "Kept.";
    if (onwards) this.pair = null;
    await this.refresh(told);
    if (onwards && this.group && !this.group.open.length) await this.#onwards(told);
  }

  /** To the next group with something to decide; where there is none, stay. @param {string} told */
  async #onwards(told) {
    const next = this.found?.next_open ?? this.found?.previous_open ?? null;
    if (next !== null) {
      await this.go(next, told);
      return;
    }
    byId("plan").open = true;
    say("Nothing is left to decide.");
  }

  /** @param {string} told */
  #draw(told) {
    const { found, group } = this;
    if (!found) return;
    this.#drawScan(found.scan);
    const nothing = !group;
    byId("group").hidden = byId("plan").hidden = nothing;
    this.#drawNotice(nothing && found.scan.state === "done" ? found.scan.scanned : null);
    if (!group) return;
    const there = this.pair && contentsOf(group);
    if (!this.pair || !this.pair.every((copy) => there?.includes(copy.sha256))) this.pair = firstPair(group);
    const [left, right] = this.pair;
    byId("group-title").replaceChildren(`${number(group.number + 1)} `, el("span", { text: `of ${counted(found.total, "group")}` }));
    byId("previous").disabled = group.number === 0;
    byId("next").disabled = group.number + 1 >= found.total;
    const done = found.total - found.open;
    Object.assign(byId("decided-bar"), { max: found.total, value: done });
    byId("decided-told").textContent = found.open ? `${number(found.open)} left to decide` : "Nothing is left to decide";
    byId("what").textContent = this.#what(group, left, right);
    this.stage.show(left, right, group.best);
    drawFacts(byId("facts"), left, right, linkOf(group, left, right)?.plain ?? false);
    this.#drawVerdict(group, left, right);
    this.#drawStrip(group);
    this.#drawDecide(left.sha256 === right.sha256);
    this.#remember();
    if (this.plan.shownFor !== this.#key()) {
      this.plan.shownFor = this.#key();
      this.plan.refresh();
    }
    if (told || !this.said) say(`${told} Group ${group.number + 1} of ${found.total}: ${titleOf(left)} and ${titleOf(right)}.`.trim());
    this.said = true;
  }

  /** @returns {string} what the plan depends on */
  #key() {
    return JSON.stringify([this.relation, this.number, this.found?.scan.version, this.group?.decisions, this.found?.open, this.writes]);
  }

  /** @param {Group} group @param {Copy} left @param {Copy} right */
  #what(group, left, right) {
    const link = linkOf(group, left, right);
    const parts = [];
    if (left.sha256 === right.sha256) parts.push("The same bytes, in two places");
    else if (link?.by === "pixels") parts.push("The same pixels, saved in two ways");
    else parts.push(WORDS[/** @type {keyof WORDS} */ (link?.relation ?? group.relation)] ?? "");
    if (!link && left.sha256 !== right.sha256) parts.push("these two were not compared directly");
    if (group.kept_apart) parts.push("fits pictures that differ from one another as well");
    if (group.more) parts.push(`${counted(group.more, "more picture")} not shown`);
    return parts.join(" · ");
  }

  /** @param {Group} group @param {Copy} left @param {Copy} right */
  #drawVerdict(group, left, right) {
    const said = decidedOf(group, left, right);
    const box = byId("verdict-now");
    const open = group.open.some(({ one, other }) => [one, other].includes(left.sha256) && [one, other].includes(right.sha256));
    const follows = said === "undecided" && !open && left.sha256 !== right.sha256 && group.decisions.length > 0;
    box.hidden = said === "undecided" && !follows;
    if (box.hidden) return;
    const text = follows ? "Follows from what was decided of others" : SAID[/** @type {keyof SAID} */ (said)];
    const back = !follows && this.writes && el("button", { class: "plain", type: "button", text: "Take back", onclick: () => this.takeBack() });
    box.replaceChildren(el("span", { text }), back || "");
  }

  /** @param {boolean} same whether the two have the same bytes */
  #drawDecide(same) {
    const buttons = /** @type {HTMLButtonElement[]} */ ([...byId("decide").querySelectorAll("[data-verdict]")]);
    byId("decide").hidden = !this.writes;
    for (const button of buttons) button.disabled = same;
    byId("undo").disabled = this.made.length === 0;
    byId("look-only").hidden = this.writes;
    if (same && this.writes) byId("what").textContent += " · nothing to decide, rules keep one";
  }

  /** All pictures of the group; the pair is marked. @param {Group} group */
  #drawStrip(group) {
    const strip = byId("strip");
    strip.hidden = group.records.length < 3 && !this.plan.files.length;
    const [left, right] = this.pair ?? firstPair(group);
    const held = strip.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.focus : null;
    strip.replaceChildren(
      ...group.records.map((copy) => {
        const side = copy.id === left.id ? "Left" : copy.id === right.id ? "Right" : "";
        const planned = this.plan.files.find((file) => file.id === copy.id);
        const image = el("img", { alt: "" });
        image.addEventListener("load", () => image.classList.add("loaded"));
        showPicture(image, `${copy.thumbnail}&side=160`);
        return el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              title: copy.id,
              "aria-pressed": String(side !== ""),
              "aria-label": `${titleOf(copy)}${side && `, ${side.toLowerCase()}`}${planned ? `, ${PLANNED[planned.action]}: ${planned.reason}` : ""}`,
              "data-focus": copy.id,
              onclick: () => this.#choose(group, copy),
            },
            image,
            side && el("span", { class: "side-word", text: side }),
            planned && el("span", { class: `planned ${planned.action}`, text: PLANNED[planned.action] }),
          ),
        );
      }),
    );
    if (held) /** @type {HTMLElement|null} */ (strip.querySelector(`[data-focus="${CSS.escape(held)}"]`))?.focus();
  }

  /** Compare another one. @param {Group} group @param {Copy} copy */
  #choose(group, copy) {
    if (!this.pair) return;
    const [left, right] = this.pair;
    if (copy.id === right.id || copy.id === left.id) this.pair = [right, left];
    else this.pair = [left, copy];
    this.#draw("");
    say(`${titleOf(this.pair[0])} on the left, ${titleOf(this.pair[1])} on the right.`);
  }

  /** @param {import("./groups.js").Scan} scan */
  #drawScan({ state, stage, done, total, stale, notes }) {
    const running = state === "running";
    byId("scan").hidden = !running;
    const bar = byId("scan-bar");
    if (running && total) Object.assign(bar, { max: total, value: done });
    else bar.removeAttribute("value");
    const words = STAGES[/** @type {keyof STAGES} */ (stage)] ?? STAGES[""];
    byId("scan-told").textContent = stage && total ? `${words}: ${number(done)} of ${number(total)}` : STAGES[""];
    byId("again").hidden = running || !stale;
    byId("report-notes").hidden = !notes.length;
    byId("report-notes").replaceChildren(...notes.map((note) => el("p", { text: sentence(note) })));
  }

  /** @param {number|null} scanned where there are no duplicates */
  #drawNotice(scanned) {
    const notice = byId("notice");
    notice.hidden = scanned === null;
    if (scanned === null) return;
    const text = scanned
      ? scanned === 1 ? "There is one picture here, and it is there once." : `${number(scanned)} pictures were compared, and no two of them are ${this.relation === "exact" ? "identical" : "the same picture"}.`
      : "There are no pictures here yet.";
    notice.setAttribute("role", "status");
    const home = el("a", { class: "tool", href: "./", text: "Search instead" });
    const wider = this.relation === "exact" && el("button", { type: "button", text: "Also look for edited copies", onclick: () => relate("near_duplicate") });
    notice.replaceChildren(el("h2", { text: scanned ? "No duplicates" : "Nothing to compare" }), el("p", { text }), el("div", { class: "acts" }, wider || "", home));
  }

  /** @param {unknown} error */
  #trouble(error) {
    const status = error instanceof ApiError ? error.status : -1;
    const text = plainly(error instanceof Error ? error.message : String(error));
    const notice = byId("notice");
    byId("group").hidden = byId("plan").hidden = byId("scan").hidden = true;
    const titles = { 0: "The server cannot be reached", 401: "A key is needed", 403: "Your key does not allow this", 429: "The server is busy", 503: "Not just now" };
    notice.setAttribute("role", "alert");
    notice.replaceChildren(
      el("h2", { text: titles[/** @type {keyof titles} */ (status)] ?? "Something went wrong" }),
      el("p", { text }),
      el("div", { class: "acts" }, el("button", { type: "button", text: "Try again", onclick: () => this.refresh() })),
    );
    notice.hidden = false;
  }

  #remember() {
    const query = new URLSearchParams({ group: String(this.number + 1) });
    if (this.relation !== "near_duplicate") query.set("relation", this.relation);
    history.replaceState(null, "", `?${query}`);
  }
}

const PLANNED = { keep: "keep", move: "may go", leave: "leave" };

/** @param {string} relation */
function relate(relation) {
  byId("relation").value = relation;
  work.relation = relation;
  work.made = [];
  work.go(0);
}

/** Say why nothing can be decided here, and what to do. @param {import("../later/types.js").Info} info */
function drawLookOnly(info) {
  const text = info.read_only
    ? "You are looking only: this server takes no decisions, as it was started without keys or read-only. Decide on the command line, or start it with --api-key-file."
    : "You are looking only: deciding needs a key that writes.";
  const button = !info.read_only && el("button", { class: "tool", type: "button", text: "Enter a key", onclick: signIn });
  byId("look-only").replaceChildren(el("p", { text }), button || "");
  byId("sign-in").hidden = info.read_only;
}

async function signIn() {
  if (!(await enterKey())) return;
  work.writes = true;
  byId("sign-in").hidden = true;
  await work.refresh("You can decide now.");
}

const KEYS = /** @type {Record<string, () => void>} */ ({
  1: () => work.decide("better"),
  2: () => work.decide("worse"),
  s: () => work.decide("same"),
  a: () => work.decide("alternate"),
  n: () => work.decide("not-related"),
  u: () => work.undo(),
  ArrowLeft: () => work.number > 0 && work.go(work.number - 1),
  ArrowRight: () => work.found && work.number + 1 < work.found.total && work.go(work.number + 1),
  k: () => KEYS.ArrowLeft(),
  j: () => KEYS.ArrowRight(),
  " ": () => work.stage.turn("flip"),
  b: () => work.stage.turn("beside"),
  d: () => work.stage.turn("difference"),
  l: () => work.stage.turn("slider"),
});

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("group").hidden || document.querySelector("dialog[open]")) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest("input, select, textarea, summary")) return;
  if (event.key === " " && target.closest("button, a")) return; // it is pressed with it
  if (target.closest("pre") && event.key.startsWith("Arrow")) return; // it is scrolled with them
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || (event.repeat && !"ArrowLeft ArrowRight jk".includes(event.key) && event.key !== " ")) return;
  event.preventDefault();
  act();
}

function listen() {
  addEventListener("keydown", pressed);
  addEventListener("click", (event) => {
    // Whoever works with the mouse and the keys does not press the last button again with space.
    const button = /** @type {HTMLElement} */ (event.target).closest?.(".work button");
    if (button && event.detail > 0) /** @type {HTMLElement} */ (button).blur();
  });
  for (const button of byId("decide").querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () => work.decide(button.dataset.verdict));
  }
  byId("undo").addEventListener("click", () => work.undo());
  byId("previous").addEventListener("click", () => KEYS.ArrowLeft());
  byId("next").addEventListener("click", () => KEYS.ArrowRight());
  byId("look-again").addEventListener("click", async () => {
    await lookAgain();
    work.go(work.number);
  });
  byId("relation").addEventListener("change", () => relate(byId("relation").value));
  byId("sign-in").addEventListener("click", signIn);
  byId("theme").addEventListener("click", turnTheme);
}

async function start() {
  const first = work.refresh();
  try {
    const info = await getInfo();
    drawLookOnly(info);
    if (!info.read_only && (await mayWrite())) {
      work.writes = true;
      byId("sign-in").hidden = true;
    }
  } catch {
    // The groups have met the same trouble and say so.
  }
  await first;
  if (work.writes) await work.refresh();
}

const work = new Work();
if (!["near_duplicate", "exact", "variant"].includes(work.relation)) work.relation = "near_duplicate";
byId("relation").value = work.relation;
listen();
start();
