/** What the address says, and choosing by fields. */

/** @typedef {{p?: string, q?: string, r?: string, a?: string, chosen: Map<string, string>}} Wanted */

/** @returns {Wanted} */
function wanted() {
  const given = new URLSearchParams(location.hash.slice(1));
  const chosen = new Map();
  for (const [name, value] of given) if (name.startsWith("f.")) chosen.set(name.slice(2), value);
  const [p, q, r, a] = ["p", "q", "r", "a"].map((name) => given.get(name) ?? undefined);
  return { p, q, r, a, chosen };
}

/** @param {Partial<Wanted>} what @returns {string} */
function address({ p, q, r, a, chosen }) {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries({ p, q, r, a })) if (value) text.set(name, value);
  for (const [name, value] of chosen ?? []) text.set(`f.${name}`, value);
  return `#${text}`;
}

/** @param {Map<string, string>} chosen @param {string} name @param {string} value "" for any */
function choosing(chosen, name, value) {
  const next = new Map(chosen);
  if (value) next.set(name, value);
  else next.delete(name);
  return next;
}

/** The numbers of the pictures that have what was chosen; null where nothing was. @param {Map<string, string>} chosen */
async function passing(chosen) {
  /** @type {number[]|null} */
  let numbers = null;
  for (const [name, value] of chosen) {
    const field = site.fields.findIndex((/** @type {any} */ one) => one.name === name);
    const code = field < 0 ? -1 : site.fields[field].values.findIndex((/** @type {any} */ one) => one[0] === value) + 1;
    if (code < 1) return [];
    const having = numbersWith(code, await codesOf(field), site.fields[field].lists);
    numbers = numbers ? numbers.filter((number) => having.has(number)) : [...having];
  }
  return numbers;
}

/**
 * The numbers of the pictures that have a value, in their order. Of lists, a 0 ends the codes of each picture.
 * @param {number} code @param {ArrayLike<number>} codes @param {boolean} lists @returns {Set<number>}
 */
function numbersWith(code, codes, lists) {
  const having = new Set();
  for (let at = 0, number = 0; at < codes.length; at++) {
    if (codes[at] === code) having.add(number);
    if (!lists || codes[at] === 0) number++;
  }
  return having;
}

const PILLS = 16;

/** The values of the category as links, and the other fields to choose from. @param {Wanted} now */
function filterBar(now) {
  const category = site.category ? site.fields[0] : null;
  const box = el("div");
  if (category) box.append(pills(category, now));
  const others = site.fields.filter((/** @type {any} */ one) => one.values.length > 1 && (one !== category || one.values.length > PILLS));
  if (others.length) {
    box.append(el("div", { class: "filters", role: "group", "aria-label": "Filters" }, ...others.map((/** @type {any} */ one) => chooser(one, now))));
  }
  return box;
}

/** @param {any} category @param {Wanted} now */
function pills(category, now) {
  const current = now.chosen.get(category.name);
  const link = (/** @type {string} */ text, /** @type {string} */ value, /** @type {number|null} */ count) =>
    el(
      "li",
      {},
      el(
        "a",
        { class: "pill", href: address({ q: now.q, a: now.a, chosen: choosing(now.chosen, category.name, value) }), "aria-current": (current ?? "") === value && "true" },
        el("span", { dir: "auto", text }),
        count !== null && el("small", { text: count.toLocaleString() }),
      ),
    );
  const some = [...category.values].sort((one, other) => other[1] - one[1]).slice(0, PILLS);
  const label = labelOf(category.name);
  return el("ul", { class: "pills", "aria-label": label }, link("All", "", null), ...some.map((/** @type {any} */ [value, count]) => link(value, value, count)));
}

/** @param {any} field @param {Wanted} now */
function chooser(field, now) {
  const current = now.chosen.get(field.name) ?? "";
  const option = (/** @type {string} */ value, /** @type {string} */ text) => el("option", { value, text, selected: value === current });
  return el(
    "label",
    {},
    labelOf(field.name),
    el(
      "select",
      {
        class: current && "on",
        "data-focus": field.name,
        onchange: (/** @type {any} */ event) => {
          location.hash = address({ q: now.q, a: now.a, chosen: choosing(now.chosen, field.name, event.target.value) });
        },
      },
      option("", "Any"),
      ...field.values.map((/** @type {any} */ [value, count]) => option(value, `${value} (${count.toLocaleString()})`)),
    ),
  );
}
