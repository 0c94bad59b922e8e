/** Puts the parts of the page together. */

import { getClasses, getFields, getInfo, whenKeyIsNeeded } from "./api.js";
import { Asking, wordsOf } from "./asking.js";
import { byId, debounced, el, say } from "./dom.js";
import { Filters } from "./filters.js";
import { takeIn } from "./intake.js";
import { askForKey } from "./notice.js";
import { QueryPanel } from "./query.js";
import { Showing } from "./showing.js";
import { newSeed, Page, writeState } from "./state.js";
import { Tags } from "./tags.js";
import { withBound } from "./where.js";

whenKeyIsNeeded(askForKey);
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
const tags = new Tags({
  ask: (terms) => asking.ask(asking.joined(terms)),
  narrow: (field, word) => page.go({ where: withBound(page.state.where, field, "~", word), show: null }),
});
const showing = new Showing(page, {
  ask: (terms) => asking.ask(terms),
  joined: (more) => asking.joined(more),
  over: startOver,
  choose: () => choose(true),
  again: start,
  instead: () => asking.instead(),
  tags,
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
  page.go({ terms: [], where: [], min: 0, show: null, seed: newSeed() });
}

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
  if (writeState(before, false) === writeState(page.state, false)) showing.detailed(before.show);
  else {
    const back = moved === "history" ? history.state : null;
    showing.refresh(back?.shown, back?.scroll);
  }
});

/** Buttons, the search box and the keys. */
function listen() {
  const box = byId("words");
  byId("ask").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    asking.words(box.value);
  });
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

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("visavis.theme", root.dataset.theme);
  say(`${dark ? "Light" : "Dark"} colours`);
}

/** @param {import("./api.js").Info} info @returns {boolean} whether one types names of classes here */
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

/** Learn about the server, and show the first results at the same time. */
async function start() {
  const first = showing.anew();
  try {
    const [info, fields] = await Promise.all([getInfo(), getFields()]);
    asking.learn(info);
    tags.learn(info);
    filters.setFields(fields);
    byId("filters").hidden = byId("open-filters").hidden = filters.fields.length === 0;
    if (names(info)) byId("words").setAttribute("list", "known");
    await first;
    showing.told(info.records);
  } catch {
    await first; // which has met the same trouble and says so
  }
}

listen();
placeFilters();
draw();
start();
