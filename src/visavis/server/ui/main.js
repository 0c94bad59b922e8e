/** Puts the parts of the page together. */

import { getClasses, getFields, getInfo, key } from "./api.js";
import { Asking, wordsOf } from "./asking.js";
import { byId, debounced, el, say, turnTheme } from "./dom.js";
import { Filters } from "./filters.js";
import { takeIn } from "./intake.js";
import { drawRecents } from "./recent.js";
import { QueryPanel } from "./query.js";
import { Showing } from "./showing.js";
import { newSeed, Page, term, writeState } from "./state.js";
import { withBound } from "./where.js";

const given = new URLSearchParams(location.search); // by other apps, see later/share.js
const page = new Page();
const asking = new Asking(page);
const choose = takeIn({
  files: async (files, add) => {
    showing.busy(true); // large pictures take a moment to be made smaller
    await asking.files(files, add);
    if (!showing.loading) showing.busy(false);
  },
  text: (text, add) => asking.text(text, add),
  asking: () => page.state.terms.length > 0,
});
/** @type {(info: import("./later/types.js").Info) => void} */
let learn;
const learnt = new Promise((done) => (learn = done));

/** @returns {Promise<import("./later/tags.js").Tags>} when details are looked at */
async function tags() {
  const { Tags } = await import("./later/tags.js");
  const made = new Tags({
    ask: (terms) => asking.ask(asking.joined(terms)),
    narrow: (field, word) => page.go({ where: withBound(page.state.where, field, "~", word), show: null }),
  });
  learnt.then(made.learn);
  return made;
}

const showing = new Showing(page, {
  ask: (terms) => asking.ask(terms),
  joined: (more) => asking.joined(more),
  over: startOver,
  choose: () => choose(true),
  again: start,
  instead: () => asking.instead(),
  tags,
  taught: concepts,
});
const query = new QueryPanel(
  {
    stage: byId("stage"),
    hint: byId("stage-hint"),
    part: byId("part"),
    whole: byId("whole"),
    chips: byId("chips"),
  },
  (terms, how) => page.go({ terms, show: null }, how),
);
const filters = new Filters(byId("fields"), byId("active"), (where) => page.go({ where }));

function startOver() {
  page.go({ terms: [], where: [], min: 0, show: null, sort: "", seed: newSeed() });
}

/** @returns {boolean} whether there is an error in place of results: asking the same again makes sense */
const failed = () => document.documentElement.classList.contains("failed");

/** Draw all that depends on the state alone. */
function draw() {
  const { state } = page;
  const words = wordsOf(state, asking.info?.text);
  const asked = state.terms.length > 0;
  document.documentElement.classList.toggle("asking", asked);
  document.title = asked ? `${words || "Pictures like this"} – visavis` : "visavis";
  if (document.activeElement !== byId("words")) byId("words").value = words;
  query.draw(state);
  filters.draw(state.where);
  showing.toolbar.draw(state);
  byId("filter-count").textContent = state.where.length ? String(state.where.length) : "";
}

page.addEventListener("change", (event) => {
  const { before, moved } = /** @type {CustomEvent} */ (event).detail;
  draw();
  if (JSON.stringify(before.where) !== JSON.stringify(page.state.where)) count();
  const same = writeState(before, false) === writeState(page.state, false);
  if (same && !failed()) showing.detailed(before.show);
  else {
    const back = moved === "history" ? history.state : null;
    showing.refresh(back?.shown, back?.scroll);
  }
});

/** Let the counts beside the filters follow the filters. */
async function count() {
  const { where } = page.state;
  try {
    const left = where.length ? await getFields(where) : null;
    if (where === page.state.where) filters.setLeft(left);
  } catch {
    filters.setLeft(null); // the results have met the same trouble and say so
  }
}

/** Buttons, the search box and the keys. */
function listen() {
  const box = byId("words");
  byId("ask").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    asking.words(box.value);
    if (failed() && !asking.info) start(); // the words wait for what that learns
  });
  addEventListener("online", () => failed() && start());
  box.addEventListener("search", () => {
    if (!box.value && wordsOf(page.state, asking.info?.text)) asking.words("");
  });
  box.addEventListener("input", debounced(suggest, 120));
  for (const id of ["browse", "welcome-browse"]) byId(id).addEventListener("click", () => choose(false));
  for (const id of ["shoot", "welcome-shoot"]) byId(id).addEventListener("click", () => choose(false, true));
  byId("add").addEventListener("click", () => choose(true));
  byId("clear").addEventListener("click", () => asking.ask([]));
  byId("theme").addEventListener("click", turnTheme);
  byId("brand").addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    startOver();
  });
  addEventListener("keydown", (event) => {
    const taken = /** @type {Element} */ (event.target).closest?.("input, textarea, dialog");
    if (event.key !== "/" || taken || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}

/** @param {import("./later/types.js").Info} info @returns {boolean} whether one types names of classes here */
const names = (info) => info.class_search && !info.text;

/** While the name of a class is typed, those that it may be. */
async function suggest() {
  const typed = byId("words").value.trim();
  if (!asking.info || !names(asking.info) || !typed || typed.startsWith("id:")) return;
  try {
    const found = await getClasses(typed.slice(0, 200), 8);
    byId("known").replaceChildren(...found.map((name) => el("option", { value: name })));
  } catch {
    // It can be typed to the end without.
  }
}

/** On a phone the filters are a sheet; elsewhere they stand at the side. */
function placeFilters() {
  const narrow = matchMedia("(max-width: 819px)");
  const sheet = byId("sheet");
  const place = () => {
    if (sheet.open) sheet.close();
    byId(narrow.matches ? "sheet-body" : "side").append(byId("filters"));
  };
  narrow.addEventListener("change", place);
  byId("open-filters").addEventListener("click", () => sheet.showModal());
  for (const id of ["close-filters", "dismiss-filters"]) byId(id).addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (/** @type {Event} */ event) => event.target === sheet && sheet.close());
  place();
}

let managed = false;

/** Learn about the server, and show the first results at the same time. */
async function start() {
  const first = showing.anew();
  try {
    const [info, fields] = await Promise.all([getInfo(), getFields()]);
    asking.learn(info);
    learn(info);
    filters.setFields(fields);
    showing.toolbar.setFields(fields);
    showing.toolbar.orders(page.state); // not the slider: somebody may be moving it
    if (page.state.where.length) count();
    const bare = filters.fields.length === 0;
    document.documentElement.classList.toggle("bare", bare);
    localStorage.setItem("visavis.bare", bare ? "yes" : "");
    byId("filters").hidden = byId("open-filters").hidden = filters.fields.length === 0;
    if (names(info)) byId("words").setAttribute("list", "known");
    await first;
    showing.told(info.records);
    byId("colours").hidden = !info.colours; // its room is kept until they come
    setTimeout(async () => (await import("./later/offers.js")).offer(info, query, asking, showing.grid), page.state.terms.length ? 0 : 3e3);
    if (info.concepts) concepts();
    if (!managed) manage(info);
    managed = true;
  } catch {
    await first; // which has met the same trouble and says so
  }
}

async function concepts() {
  (await import("./later/concepts.js")).offer((name) => asking.ask([term("concept", name)]));
}

/** Of another app. */
async function takeShared() {
  navigator.serviceWorker?.register("ui/later/share.js").catch(() => {});
  if (given.has("share") || given.has("shared")) (await import("./later/shared.js")).take(given, asking);
}

/** Let those who have a key that writes add, replace and remove. @param {import("./later/types.js").Info} info */
async function manage(info) {
  if (info.read_only) return;
  const changed = () => start();
  const allowed = async () => {
    byId("sign-in").hidden = true;
    byId("add-pictures").hidden = false;
    await showing.manage(changed);
  };
  byId("add-pictures").onclick = async () => (await import("./later/manage.js")).add(changed);
  const keys = () => import("./later/keys.js");
  byId("sign-in").onclick = async () => (await (await keys()).enterKey()) && allowed();
  if (key() && (await (await keys()).mayWrite())) await allowed();
  else byId("sign-in").hidden = false;
}

listen();
placeFilters();
drawRecents();
draw();
start().then(takeShared);
