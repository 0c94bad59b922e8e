/** What of a record is shown, and how: its title, its labels, its values. */

import { el } from "./dom.js";

/** @typedef {import("./later/types.js").ImageRecord} ImageRecord */

const LONGEST = 40;
const DETAILS = 3;
const LINK = /^https?:\/\/\S+$/i;
const PLACE = /^\S*[/\\]\S*$/;
const NUMBERED = /(^|[^a-z])(id|sku|ean|gtin|hash|path|file|image|url|uri|link)$/i;
const PRICE = /(^| )(price|preis|prix|precio|prezzo|prijs|cena)( |$)/i;

const IN_FOLDER = /^.*\/([^/]+\.\w{2,5})$/s;

/** @param {ImageRecord} record @returns {string} its title, or else its id: of a file below folders its name */
export const titleOf = ({ title, id }) => title || (IN_FOLDER.exec(id)?.[1] ?? id);

const JOINT = /(?<=[^_/\\]{2}[_/\\]+)(?=[^_/\\]{2})/u;

/** @param {ImageRecord} record @returns {Node[]} the title, which may break at the joints of file names, not in the middle of "jpg" */
export const titleParts = (record) =>
  titleOf(record)
    .split(JOINT)
    .flatMap((part, at) => (at ? [el("wbr"), new Text(part)] : [new Text(part)]));

/** @param {string} name of a field @returns {string} as people write it: productName is "Product name" */
export function labelOf(name) {
  const words = name
    .replace(/([\p{Ll}\d])(?=\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1$2 ")
    .split(/[\s_-]+/)
    .filter(Boolean)
    .map((word) => (/^\p{Lu}[\p{Lu}\d]+$/u.test(word) ? word : word.toLowerCase()));
  const text = words.join(" ") || name;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} name @returns {string} with its words apart, to look at its last one */
const apart = (name) => labelOf(name).toLowerCase();

/** @param {any} value @returns {string} as people read it: a list without the marks of JSON */
export function valueText(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (/^\[.*\]$/s.test(value)) {
    try {
      const items = JSON.parse(value);
      if (!items.some((/** @type {any} */ one) => typeof one === "object")) return items.join(", ");
    } catch {
      // a text in brackets
    }
  }
  return String(value);
}

/** @param {ImageRecord} record @returns {string} its price, and its first short fields; or the folder it is in */
export function detailOf(record) {
  const { id, title, fields } = record;
  const entries = Object.entries(fields);
  if (!entries.length) return id.includes("/") ? id.slice(0, id.lastIndexOf("/")) : "";
  const short = entries.filter(([name, value]) => {
    const text = String(value);
    return text && text !== title && text.length <= LONGEST && !PLACE.test(text) && !NUMBERED.test(apart(name));
  });
  const prices = short.filter(([name]) => PRICE.test(apart(name)));
  return [...prices, ...short.filter((one) => !prices.includes(one))]
    .slice(0, DETAILS)
    .map(([name, value]) => (typeof value === "string" ? valueText(value) : `${labelOf(name)} ${valueText(value)}`))
    .join(" · ");
}

/** @param {any} value of a field @returns {Node} text, or a link where it is a URL */
export function shown(value) {
  const text = valueText(value);
  if (!LINK.test(text)) return document.createTextNode(text);
  const told = text.replace(/^https?:\/\/(www\.)?/i, "").replace(/\/$/, "");
  return el("a", { class: "away", href: text, target: "_blank", rel: "noopener noreferrer", dir: "ltr", text: told });
}
