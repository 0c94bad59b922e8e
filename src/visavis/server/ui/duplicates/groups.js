/** Groups of duplicates as the server has them, and what is decided on them. */

import { get, post } from "../api.js";

/**
 * @typedef {import("../later/types.js").ImageRecord & {sha256: string, format: string|null, lossless: boolean, quality: number|null, trouble: string|null}} Copy
 * @typedef {"better"|"worse"|"same"|"alternate"|"not-related"|"undecided"} Verdict
 * @typedef {{one: string, other: string}} Pair of contents, by their digests
 *
 * @typedef {object} Group
 * @property {number} number from 0
 * @property {string} relation
 * @property {Copy[]} records
 * @property {number} more records that are not shown
 * @property {{sha256: string[], relation: string, by: string, strength: number, plain: boolean}[]} links
 * @property {number} kept_apart
 * @property {(Pair & {verdict: Verdict})[]} decisions
 * @property {Pair[]} open
 * @property {string} best
 *
 * @typedef {{state: "running"|"done", stage: string, done: number, total: number, version: string|null, stale: boolean, scanned: number, seconds: number, notes: string[]}} Scan
 * @typedef {{scan: Scan, groups: Group[], total: number, open: number, next_open: number|null, previous_open: number|null}} Found
 */

/** @param {string} relation @param {number} number @returns {Promise<Found>} one group, and how many there are */
export const getGroup = (relation, number) =>
  get("duplicates", [["relation", relation], ["limit", "1"], ["offset", String(number)]]);

/** @returns {Promise<Scan>} */
export const lookAgain = async () => (await post("duplicates/scan", {})).scan;

/**
 * @param {Copy} one @param {Copy} other @param {Verdict} verdict @param {Verdict} before
 * @returns {Promise<{verdict: Verdict, before: Verdict}>}
 */
export const decide = (one, other, verdict, before) =>
  post("duplicates/decisions", { one: one.id, other: other.id, verdict, before, sha256: [one.sha256, other.sha256] });

/** @param {Group} group @returns {string[]} its contents, each once */
export const contentsOf = (group) => [...new Set(group.records.map((record) => record.sha256))];

/** @param {Group} group @param {string} content @returns {Copy} */
export const copyOf = (group, content) =>
  /** @type {Copy} */ (group.records.find((record) => record.sha256 === content));

/** @param {Group} group @returns {[Copy, Copy]} the two to look at first */
export function firstPair(group) {
  const [pair] = group.open;
  if (pair) return [copyOf(group, pair.one), copyOf(group, pair.other)];
  const left = copyOf(group, group.best);
  return [left, group.records.find((record) => record.sha256 !== left.sha256) ?? group.records.find((record) => record !== left) ?? left];
}

/** @param {Group} group @param {Copy} left @param {Copy} right @returns {Verdict} what was decided of just these two */
export function decidedOf(group, left, right) {
  for (const { one, other, verdict } of group.decisions) {
    if (one === left.sha256 && other === right.sha256) return verdict;
    if (one === right.sha256 && other === left.sha256) return verdict === "better" ? "worse" : verdict;
  }
  return "undecided";
}

/** @param {Group} group @param {Copy} left @param {Copy} right */
export const linkOf = (group, left, right) =>
  group.links.find(({ sha256 }) => sha256.includes(left.sha256) && sha256.includes(right.sha256) && left.sha256 !== right.sha256);
