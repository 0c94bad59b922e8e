/** The views, by the address: chance, chosen fields, words, one picture. Back and forward just work. */

const LONGEST = 500; // letters of a question

/** Numbers that look random and are the same for one seed (mulberry32). @param {number} seed */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** @returns {string} */
const seed = () => String(1 + Math.floor(Math.random() * 999999));

/** Some pictures by chance. Pictures lie in parts by chance, so a part is a fair sample. @param {string} text */
function byChance(text) {
  const next = chance(Number(text) || 1);
  const parts = Math.ceil(site.count / site.size);
  const from = Math.floor(next() * parts);
  const numbers = [];
  for (let step = 0; step < Math.min(2, parts); step++) {
    const start = ((from + step) % parts) * site.size;
    for (let number = start; number < Math.min(start + site.size, site.count); number++) numbers.push(number);
  }
  for (let at = numbers.length - 1; at > 0; at--) {
    const other = Math.floor(next() * (at + 1));
    [numbers[at], numbers[other]] = [numbers[other], numbers[at]];
  }
  return numbers.map((number) => ({ number }));
}

/** @param {string} text @returns {string} without case and accents */
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

const UNWANTED = /(?<=\s|^)-(?=\p{L})(\S+)/gu;

/** What a question asks for, and the words with a minus before them, as visavis reads both. @param {string} text */
const spelled = (text) => ({
  wanted: text.replace(UNWANTED, " ").split(/\s+/).filter(Boolean).join(" "),
  unwanted: [...text.matchAll(UNWANTED)].map(([, word]) => word),
});

/** @param {string} text @returns {string[]} its words, folded and without the plural */
const plainWords = (text) => folded(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean).map((word) => word.replace(/(?<=..)s$/, ""));

/** Pictures whose captions have all words, and none of those with a minus. @param {string} text */
async function byCaption(text) {
  const { wanted, unwanted } = spelled(text);
  const words = folded(wanted).split(/\s+/).filter(Boolean);
  const away = unwanted.map(plainWords);
  const titles = (await load("titles")).split("\n");
  const found = [];
  for (let number = 0; number < titles.length; number++) {
    const title = folded(titles[number]);
    if (!words.every((word) => title.includes(word))) continue;
    const held = new Set(away.length ? plainWords(title) : []);
    if (!away.some((parts) => parts.length && parts.every((part) => held.has(part)))) found.push({ number });
  }
  return found;
}

/** @param {number} count @param {string} [what] */
const counted = (count, what = "picture") => `${count.toLocaleString()} ${what}${count === 1 ? "" : "s"}`;

/** @param {string} text @param {...any} more */
const heading = (text, ...more) => el("div", { class: "tools" }, el("h1", { tabindex: "-1", dir: "auto", text }), ...more);

/** @param {string} title @param {string} text @param {...any} more */
const notice = (title, text, ...more) => el("div", { class: "notice" }, el("h2", { text: title }), el("p", { text }), ...more);

/** @param {Wanted} now */
async function chanceView(now) {
  const shuffle = el("button", { class: "tool", type: "button", text: "Shuffle", onclick: () => (location.hash = address({ r: seed() })) });
  return [heading(counted(site.count), shuffle), filterBar(now), await grid(byChance(now.r ?? "1"), "Pictures by chance")];
}

/** @param {Wanted} now */
async function chosenView(now) {
  const numbers = (await passing(now.chosen)) ?? [];
  const told = [...now.chosen.values()].join(" · ");
  const rest = numbers.length ? await grid(numbers.map((number) => ({ number })), told) : nothing("No picture has all of that.");
  return [heading(`${told}: ${counted(numbers.length)}`), filterBar(now), rest];
}

/** @param {string} text */
const nothing = (text) => notice("Nothing found", text, el("a", { class: "tool", href: "#", text: "Show all" }));

/** @param {Wanted} now */
async function wordsView(now) {
  const text = (now.q ?? "").slice(0, LONGEST);
  const { found, told, notes } = await answerTo(text, await passing(now.chosen));
  const rest = found.length ? await grid(found, told) : nothing(notes.length ? notes.join(" ") : `No caption has “${text}”.`);
  const remarks = found.length ? notes.map((note) => el("p", { class: "note", text: note })) : [];
  return [heading(told), filterBar(now), ...remarks, rest];
}

/** The pictures that words ask for. @param {string} text @param {number[]|null} among */
let answerTo = async (text, among) => {
  const allowed = among && new Set(among);
  const found = (await byCaption(text)).filter(({ number }) => !allowed || allowed.has(number));
  return { found, told: `“${text}”: ${counted(found.length)}`, notes: /** @type {string[]} */ ([]) };
};

/** @param {Wanted} now */
async function pictureView(now) {
  const number = await numberOf(now.p ?? "");
  if (number < 0) return [notice("This picture is not here any more", "It may have left the collection since the link was made.", el("a", { class: "tool", href: "#", text: "Show others" }))];
  const [picture, { fields, near }] = await Promise.all([pictureAt(number), detailsAt(number)]);
  const facts = fields.flatMap((value, at) => (value === null ? [] : [el("dt", { text: labelOf(site.fields[at].name) }), el("dd", { dir: "auto" }, ...valueLinks(at, value))]));
  const large = el("div", { class: "large" }, tile(picture, true));
  large.style.setProperty("--ratio", String(picture.ratio));
  large.querySelector("img").alt = picture.title;
  const one = el("div", { class: "one" }, large, el("div", { class: "facts" }, el("h1", { tabindex: "-1", dir: "auto", text: picture.title }), facts.length > 0 && el("dl", {}, ...facts)));
  document.title = `${picture.title} · ${site.title}`;
  const like = near.length ? [heading2("More like this"), await grid(near, "More like this")] : [];
  return [one, ...like];
}

/** @param {string} text */
const heading2 = (text) => el("div", { class: "tools" }, el("h2", { text }));

/** A value, or those of a list with commas between. @param {number} at @param {string} value */
function valueLinks(at, value) {
  if (!site.fields[at].lists) return [valueLink(at, value)];
  return value.split(", ").flatMap((item, place) => (place ? [", ", valueLink(at, item)] : [valueLink(at, item)]));
}

/** A value, as a link to all that have it where one can choose it. @param {number} at @param {string} value */
function valueLink(at, value) {
  const { name, values } = site.fields[at];
  if (!values.some((/** @type {any} */ one) => one[0] === value)) return document.createTextNode(value);
  return el("a", { href: address({ chosen: new Map([[name, value]]) }), text: value });
}

/** Views that other scripts add: by what the address has. @type {[string, (now: Wanted) => Promise<any[]>][]} */
const otherViews = [];

let turn = 0;

/** Show what an address says, also where the window has it already: then browsers tell nobody. @param {string} to */
function go(to) {
  if (location.hash === to) show();
  else location.hash = to;
}

async function show() {
  const now = wanted();
  if (!location.hash.slice(1)) {
    history.replaceState(history.state, "", address({ r: seed() }));
    return show();
  }
  if (location.hash === "#pictures") return byId("pictures").focus();
  const mine = ++turn;
  byId("view").setAttribute("aria-busy", "true");
  try {
    const other = otherViews.find(([name]) => now[/** @type {"a"} */ (name)] !== undefined);
    document.title = site.title;
    const view = other ? other[1] : now.p !== undefined ? pictureView : now.q ? wordsView : now.chosen.size ? chosenView : chanceView;
    const made = await view(now);
    if (mine !== turn) return;
    byId("words").value = now.q ?? "";
    arrive(made);
  } catch (error) {
    if (mine === turn) failed(error);
  }
  if (mine === turn) byId("view").removeAttribute("aria-busy");
}

/** Where the window stood at each entry of the history, as browsers know it of pages of their own. */
const places = new Map();
let here = 0;
let newest = 0;

/** Show a view from its beginning, or from where one left it; the focus goes along. @param {any[]} made */
function arrive(made) {
  const view = byId("view");
  const held = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.focus : undefined;
  const first = !view.hasChildNodes();
  view.replaceChildren(...made);
  const known = history.state?.at;
  here = known ?? ++newest;
  newest = Math.max(newest, here);
  if (known === undefined) history.replaceState({ at: here }, "");
  scrollTo(0, places.get(here) ?? 0);
  const heading = view.querySelector("h1, h2");
  byId("live").textContent = heading?.textContent ?? "";
  if (!first) (held && [...view.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === held) || heading)?.focus({ preventScroll: true });
}

/** @param {any} error */
function failed(error) {
  byId("view").replaceChildren(notice("That did not work", error instanceof Error ? error.message : String(error), el("button", { class: "tool", type: "button", text: "Try again", onclick: show })));
  byId("view").removeAttribute("aria-busy");
}

async function begin() {
  history.scrollRestoration = "manual";
  addEventListener("scroll", () => places.set(here, scrollY), { passive: true });
  addEventListener("hashchange", show);
  byId("skip").addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    byId("pictures").focus();
  });
  byId("ask").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    const q = byId("words").value.trim().slice(0, LONGEST);
    go(q ? address({ q, chosen: wanted().chosen }) : address({}));
  });
  addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    byId("words").focus();
  });
  try {
    site = await load("site");
    for (const ready of whenReady) ready();
    await show();
  } catch (error) {
    failed(error);
  }
}

/** Called when the page knows what there is. @type {(() => void)[]} */
const whenReady = [];

addEventListener("DOMContentLoaded", begin);
