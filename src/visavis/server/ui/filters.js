/** Filters from the fields that the records have: check lists, ranges, words within. */

import { counted, debounced, el, icon, keepingFocus, number } from "./dom.js";
import { labelOf } from "./records.js";
import { bound, canFilter, chosen, spoken, withBound, withChosen } from "./where.js";

/**
 * @typedef {import("./later/types.js").Field} Field
 * @typedef {(where: string[]) => void} Changed
 */

const FEW = 8;
const OPEN = 4;

/** The panel of filters, and the list of those in force. */
export class Filters {
  /** @param {HTMLElement} root @param {HTMLElement} active @param {Changed} changed */
  constructor(root, active, changed) {
    this.root = root;
    this.active = active;
    this.changed = changed;
    /** @type {Field[]} */
    this.fields = [];
    /** @type {Map<string, Field>|null} what the filters in force leave; null: they leave all */
    this.left = null;
    /** @type {string[]} */
    this.where = [];
    /** @type {Map<string, boolean>} groups that were opened or closed by hand */
    this.opened = new Map();
    /** @type {Set<string>} lists that are shown to the end */
    this.whole = new Set();
    /** @type {Map<string, HTMLInputElement>} kept when the panel is drawn anew, for the cursor's sake */
    this.inputs = new Map();
  }

  /** @param {Field[]} fields */
  setFields(fields) {
    const some = fields.filter((field) => canFilter(field.name) && kindOf(field) !== null);
    const last = some.filter(mostlyDiffers); // titles and the like: nobody begins with them
    this.fields = [...some.filter((field) => !last.includes(field)), ...last];
    this.draw(this.where);
  }

  /** What the filters in force leave of the fields. @param {Field[]|null} fields null: all */
  setLeft(fields) {
    this.left = fields && new Map(fields.map((field) => [field.name, field]));
    this.draw(this.where);
  }

  /** @param {string[]} where */
  draw(where) {
    this.where = where;
    keepingFocus(this.root, () => {
      let open = 0;
      const groups = this.fields.map((field) => {
        const inviting = field.distinct <= 24 || kindOf(field) === "range";
        return this.#group(field, inviting && open++ < OPEN);
      });
      this.root.replaceChildren(...groups);
    });
    keepingFocus(this.active, () => this.active.replaceChildren(...this.#chips()));
    this.active.hidden = where.length === 0;
  }

  #chips() {
    const chips = this.where.map((expression, at) =>
      el(
        "li",
        {},
        el(
          "button",
          {
            class: "pill",
            type: "button",
            "data-focus": `filter ${at}`,
            "aria-label": `Remove the filter ${spoken(expression)}`,
            onclick: () => this.changed(this.where.filter((_, other) => other !== at)),
          },
          el("span", { text: spoken(expression) }),
          icon("close"),
        ),
      ),
    );
    if (chips.length < 2) return chips;
    const clear = { class: "plain", type: "button", text: "Clear all", onclick: () => this.changed([]) };
    return [...chips, el("li", {}, el("button", clear))];
  }

  /** @param {Field} field @param {boolean} inviting */
  #group(field, inviting) {
    const count = this.#inForce(field.name);
    const group = el(
      "details",
      { class: "field", open: this.opened.get(field.name) ?? (inviting || count > 0) },
      el(
        "summary",
        { "data-focus": `field ${field.name}` },
        el("span", { text: labelOf(field.name), dir: "auto" }),
        count > 0 && el("span", { class: "badge", text: String(count) }),
        icon("down"),
      ),
      { checks: () => this.#checks(field), range: () => this.#range(field), words: () => this.#words(field) }[
        kindOf(field) ?? "words"
      ](),
    );
    group.querySelector("summary").addEventListener("click", () => this.opened.set(field.name, !group.open));
    return group;
  }

  /** @param {string} name @returns {number} how many filters of the field are in force */
  #inForce(name) {
    const bounds = [">=", "<=", "~"].filter((operator) => bound(this.where, name, /** @type {any} */ (operator)));
    return chosen(this.where, name).length + bounds.length;
  }

  /** @param {Field} field */
  #checks(field) {
    const ticked = chosen(this.where, field.name);
    const values = this.#values(field, ticked);
    const listed = this.whole.has(field.name)
      ? values
      : values.filter((one, at) => at < FEW || ticked.includes(String(one.value)));
    const list = el("fieldset", { class: "checks" }, el("legend", { class: "vh", text: labelOf(field.name) }));
    for (const { value, count } of listed) list.append(this.#check(field.name, String(value), count, ticked));
    if (values.length > FEW) list.append(this.#all(field, values.length));
    return list;
  }

  /** The values that lead somewhere, each where it always stands. @param {Field} field @param {string[]} ticked */
  #values(field, ticked) {
    const all = field.values ?? [];
    const left = this.left?.get(field.name)?.values;
    if (!left) return all;
    const counts = new Map(left.map(({ value, count }) => [value, count]));
    const known = new Set(all.map(({ value }) => value));
    return [...all, ...left.filter(({ value }) => !known.has(value))]
      .map(({ value }) => ({ value, count: counts.get(value) ?? 0 }))
      .filter(({ value, count }) => count > 0 || ticked.includes(String(value)));
  }

  /** @param {string} name @param {string} value @param {number} count @param {string[]} ticked */
  #check(name, value, count, ticked) {
    const box = el("input", { type: "checkbox", "data-focus": `check ${name} ${value}` });
    box.checked = ticked.includes(value);
    box.addEventListener("change", () => {
      const values = box.checked ? [...ticked, value] : ticked.filter((other) => other !== value);
      this.changed(withChosen(this.where, name, values));
    });
    return el(
      "label",
      { class: "check" },
      box,
      el("span", { class: "check-value", dir: "auto", text: value === "" ? "(empty)" : value }),
      el("span", { class: "count", text: number(count) }),
      el("span", { class: "vh", text: count === 1 ? "picture" : "pictures" }),
    );
  }

  /** @param {Field} field @param {number} count */
  #all(field, count) {
    const shown = this.whole.has(field.name);
    const capped = !this.left && field.distinct > count;
    const more = capped ? `the ${count} commonest` : `all ${count}`;
    const turn = () => {
      if (shown) this.whole.delete(field.name);
      else this.whole.add(field.name);
      this.draw(this.where);
    };
    return el("button", {
      class: "plain",
      type: "button",
      "data-focus": `all ${field.name}`,
      "aria-expanded": String(shown),
      text: shown ? "Show fewer" : `Show ${more}`,
      onclick: turn,
    });
  }

  /** @param {Field} field */
  #range(field) {
    const { min, max } = this.left?.get(field.name) ?? field;
    const low = this.#input(field.name, ">=", "from", { type: "number", placeholder: min ?? "" });
    const high = this.#input(field.name, "<=", "to", { type: "number", placeholder: max ?? "" });
    return el(
      "div",
      { class: "range" },
      el("label", {}, el("span", { text: "from" }), low),
      el("label", {}, el("span", { text: "to" }), high),
    );
  }

  /** @param {Field} field */
  #words(field) {
    const given = { type: "search", placeholder: "contains …" };
    return el("div", { class: "within" }, this.#input(field.name, "~", "contains", given));
  }

  /**
   * @param {string} name of the field @param {">="|"<="|"~"} operator @param {string} word
   * @param {Record<string, any>} given
   */
  #input(name, operator, word, given) {
    const key = `${operator} ${name}`;
    const kept = this.inputs.get(key);
    const value = bound(this.where, name, operator);
    if (kept) {
      kept.placeholder = given.placeholder;
      if (kept !== document.activeElement) kept.value = value;
      return kept;
    }
    const label = { "aria-label": `${labelOf(name)} ${word}`, "data-focus": key };
    const box = el("input", { ...given, ...label, value, step: "any", autocomplete: "off" });
    const typed = debounced(() => {
      if (box.validity.valid) this.changed(withBound(this.where, name, operator, box.value));
    }, 350);
    box.addEventListener("input", typed);
    this.inputs.set(key, box);
    return box;
  }
}

/** @param {Field} field @returns {boolean} */
const mostlyDiffers = (field) => kindOf(field) !== "range" && 4 * field.distinct > field.count && field.distinct > FEW;

/** @param {Field} field @returns {"checks"|"range"|"words"|null} null: nothing to choose from */
function kindOf(field) {
  if (field.distinct < 2) return null;
  if (field.type === "number" && (field.distinct > FEW || !field.values)) return "range";
  return field.values?.length ? "checks" : "words";
}
