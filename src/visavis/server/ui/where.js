/** Filter expressions as the server reads them: `colour=red,blue`, `price>=10`, `title~lamp`. */

import { labelOf } from "./records.js";

const EXPRESSION = /^\s*([^=!<>~]+?)\s*(<=|>=|!=|=|<|>|~)(.*)$/s;

/** @param {string} name @returns {boolean} whether the field can be written in an expression */
export const canFilter = (name) => /^[^=!<>~\s]([^=!<>~]*[^=!<>~\s])?$/.test(name);

/** @param {string} text @returns {{field: string, operator: string, rest: string}|null} */
export function parts(text) {
  const found = EXPRESSION.exec(text);
  return found && { field: found[1], operator: found[2], rest: found[3].trim() };
}

/** @param {string} value @returns {string} quoted when it has to be */
function quoted(value) {
  return /[",\n\r]|^\s|\s$|^$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** @param {string} text values with commas between, some of them quoted @returns {string[]} */
function split(text) {
  const values = [];
  const each = /\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(,|$)/gy;
  for (let found = each.exec(text); found; found = each.exec(text)) {
    values.push(found[1] === undefined ? found[2].trim() : found[1].replaceAll('""', '"'));
    if (found[3] === "") break;
  }
  return values;
}

/** @param {string[]} where @param {string} field @param {string} operator @returns {string|null} */
function find(where, field, operator) {
  for (const text of where) {
    const found = parts(text);
    if (found?.field === field && found.operator === operator) return found.rest;
  }
  return null;
}

/** @param {string[]} where @param {string} field @param {string} operator @param {string} rest */
function put(where, field, operator, rest) {
  const others = where.filter((text) => {
    const found = parts(text);
    return found?.field !== field || found.operator !== operator;
  });
  return rest === "" ? others : [...others, `${field}${operator}${rest}`];
}

/** @param {string[]} where @param {string} field @returns {string[]} the values that are ticked */
export function chosen(where, field) {
  const rest = find(where, field, "=");
  return rest === null ? [] : split(rest);
}

/** @param {string[]} where @param {string} field @param {string[]} values @returns {string[]} */
export const withChosen = (where, field, values) => put(where, field, "=", values.map(quoted).join(","));

/** @param {string[]} where @param {string} field @param {">="|"<="|"~"} operator @returns {string} */
export const bound = (where, field, operator) => find(where, field, operator) ?? "";

/** @param {string[]} where @param {string} field @param {">="|"<="|"~"} operator @param {string} value */
export const withBound = (where, field, operator, value) => put(where, field, operator, value.trim());

/** @param {string} text @returns {string} the expression as people read it */
export function spoken(text) {
  const found = parts(text);
  if (!found) return text;
  const { operator, rest } = found;
  const field = labelOf(found.field);
  if (operator === "=") return `${field}: ${split(rest).join(", ")}`;
  if (operator === "!=") return `${field}: not ${split(rest).join(", ")}`;
  if (operator === "~") return `${field} has “${rest}”`;
  return `${field} ${{ "<=": "≤", ">=": "≥" }[operator] ?? operator} ${rest}`;
}
