/** Colours by a field, and which pictures a legend lets through. */
"use strict";

/** Told apart with any kind of colour blindness (after Okabe and Ito), on light and on dark. */
const HUES = {
  light: ["#0072b2", "#c77c00", "#008f68", "#b85c92", "#3a93c4", "#c44e00", "#857900", "#6b55b0"],
  dark: ["#5ab0e8", "#f0b240", "#2fbf91", "#e09bc4", "#8fd0f5", "#f07a3c", "#d9cb4a", "#a99be8"],
};
/** From little to much: cividis, which also reads in grey. */
const SCALE = {
  light: ["#00224e", "#2a3f6d", "#575d6d", "#7d7c78", "#a59c74", "#c9b458", "#e8cf3a"],
  dark: ["#3b5c99", "#5f7196", "#828694", "#a39f8e", "#c4b77f", "#e2cd63", "#fee838"],
};

/** One line of a legend. @typedef {{label: string, count: number, hue: number, value: string|null}} Entry */

/** How pictures are coloured, and which are shown. */
class Colouring {
  /** @param {Collection} all */
  constructor(all) {
    this.all = all;
    /** @type {Field|null} */
    this.field = null;
    /** @type {Entry[]} */
    this.entries = [];
    this.entryOf = new Int16Array(all.count);
    /** @type {Set<number>} entries that are chosen; none: all */
    this.chosen = new Set();
  }

  /** @param {Field|null} field */
  by(field) {
    this.field = field;
    this.chosen = new Set();
    this.entries = [];
    this.entryOf.fill(-1);
    if (field) (field.numeric ? this.#byNumber(field) : this.#byValue(field));
  }

  /** @param {Field} field */
  #byValue(field) {
    const order = [...field.counts.keys()].sort((a, b) => field.counts[b] - field.counts[a]);
    const named = order.slice(0, order.length > 9 ? 8 : 9).filter((_, at) => at < 8);
    const at = new Map(named.map((code, number) => [code, number]));
    this.entries = named.map((code, hue) => ({ label: field.values[code], count: field.counts[code], hue, value: field.values[code] }));
    const other = named.length;
    let [others, none] = [0, 0];
    field.codes.forEach((code, row) => {
      const entry = code < 0 ? other + 1 : (at.get(code) ?? other);
      if (entry === other) others += 1;
      if (entry === other + 1) none += 1;
      this.entryOf[row] = entry;
    });
    this.#last(others, order.length - named.length, none);
  }

  /** @param {Field} field */
  #byNumber(field) {
    const sorted = field.numbers.filter((value) => !Number.isNaN(value)).sort();
    const bounds = Array.from({ length: 8 }, (_, at) => sorted[Math.round(((sorted.length - 1) * at) / 7)]);
    const edges = [...new Set(bounds)];
    const parts = Math.max(1, edges.length - 1);
    const counts = new Array(parts).fill(0);
    let none = 0;
    field.numbers.forEach((value, row) => {
      let entry = 0;
      while (entry < parts - 1 && value >= edges[entry + 1]) entry += 1;
      if (Number.isNaN(value)) [entry, none] = [parts + 1, none + 1];
      else counts[entry] += 1;
      this.entryOf[row] = entry;
    });
    const told = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2, useGrouping: sorted.some((value) => Math.abs(value) >= 10000) });
    this.entries = counts.map((count, at) => ({
      label: edges.length > 1 ? `${told.format(edges[at])} – ${told.format(edges[at + 1])}` : told.format(edges[0]),
      count,
      hue: parts === 1 ? 3 : Math.round((at * 6) / (parts - 1)),
      value: null,
    }));
    this.#last(0, 0, none);
  }

  /** @param {number} others @param {number} kinds @param {number} none */
  #last(others, kinds, none) {
    this.entries.push({ label: `${kinds} other values`, count: others, hue: -1, value: null });
    this.entries.push({ label: "without it", count: none, hue: -2, value: null });
  }

  /** @param {number} row @returns {boolean} whether the legend lets it through */
  shows(row) {
    return !this.chosen.size || this.chosen.has(this.entryOf[row]);
  }

  /** @param {number} entry @param {boolean} dark @returns {string} */
  hue(entry, dark) {
    const look = dark ? "dark" : "light";
    if (entry < 0 || !this.field) return dark ? "#8b8b94" : "#85857f";
    const { hue } = this.entries[entry];
    if (hue < 0) return dark ? "#77777f" : "#9a9a94";
    return (this.field.numeric ? SCALE : HUES)[look][hue];
  }
}
