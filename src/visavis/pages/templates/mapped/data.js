/** What a map shows: all pictures in the order of their tiles, their places, fields and regions. */
"use strict";

/** @param {string} text base64 @returns {ArrayBuffer} */
function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  return bytes.buffer;
}

/** @param {string} text @returns {string} without case and accents */
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** A field of the pictures: values by their number, or the numbers themselves. */
class Field {
  /** @param {any} said */
  constructor(said) {
    this.name = said.name;
    this.numeric = said.kind === "number";
    if (this.numeric) this.numbers = new Float64Array(bytesOf(said.numbers));
    else {
      this.values = said.values;
      this.codes = new Int32Array(bytesOf(said.codes));
      this.counts = new Int32Array(said.values.length);
      for (const code of this.codes) if (code >= 0) this.counts[code] += 1;
    }
  }

  /** @param {number} row @returns {string} */
  text(row) {
    if (!this.numeric) return this.codes[row] < 0 ? "" : this.values[this.codes[row]];
    const value = this.numbers[row];
    return Number.isNaN(value) ? "" : String(value);
  }

  /** Whether colours can tell its values apart. @returns {boolean} */
  get colours() {
    if (this.numeric) return new Set(this.numbers.filter((value) => !Number.isNaN(value))).size > 1;
    const having = this.codes.filter((code) => code >= 0).length;
    return this.values.length > 1 && this.values.length <= Math.max(12, having / 4);
  }
}

/** The whole collection. Pictures are called by their row. */
class Collection {
  /** @param {any} said */
  constructor(said) {
    this.said = said;
    this.count = said.ids.length;
    this.ids = said.ids;
    this.titles = said.titles;
    const places = new Uint16Array(bytesOf(said.places));
    this.x = Float32Array.from({ length: this.count }, (_, row) => places[2 * row] / 65535);
    this.y = Float32Array.from({ length: this.count }, (_, row) => places[2 * row + 1] / 65535);
    this.levels = new Uint8Array(bytesOf(said.levels));
    this.shapes = new Uint8Array(bytesOf(said.shapes));
    this.fields = said.fields.map((field) => new Field(field));
    this.regions = said.regions.map((one) => ({ ...one, rows: new Int32Array(bytesOf(one.rows)) }));
    this.copies = said.copies;
    this.copyOf = new Map(said.copies.flatMap((rows) => rows.map((row) => [row, rows])));
    this.wide = said.neighbours ? said.wide : 0;
    this.neighbours = said.neighbours ? new Int32Array(bytesOf(said.neighbours)) : new Int32Array(0);
    this.cosines = said.cosines ? new Uint8Array(bytesOf(said.cosines)) : new Uint8Array(0);
    this.rowOf = new Map(this.ids.map((id, row) => [id, row]));
    this.apart = this.#apart();
  }

  /** @param {number} row @returns {string} what it is called */
  title(row) {
    return this.titles[row] || this.ids[row];
  }

  /** @param {number} row @returns {{row: number, score: number}[]} best first */
  similar(row) {
    return Array.from({ length: this.wide }, (_, rank) => ({
      row: this.neighbours[row * this.wide + rank],
      score: this.cosines[row * this.wide + rank] / 255,
    }));
  }

  /** Rows whose id or fields have all the words, and none of those with a minus. @param {string} text @returns {number[]} */
  find(text) {
    const words = folded(text).split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    this.texts ??= this.ids.map((id, row) => folded([id, ...this.fields.map((field) => field.text(row))].join("\n")));
    const wanted = (own, word) => (/^-\p{L}/u.test(word) ? !own.includes(word.slice(1)) : own.includes(word));
    const rows = [];
    this.texts.forEach((own, row) => words.every((word) => wanted(own, word)) && rows.push(row));
    return rows;
  }

  /** Rows of pictures inside a polygon of places on the map. @param {number[][]} corners */
  inside(corners) {
    const rows = [];
    for (let row = 0; row < this.count; row += 1) {
      const [x, y] = [this.x[row], this.y[row]];
      let within = false;
      for (let at = 0, before = corners.length - 1; at < corners.length; before = at, at += 1) {
        const [[ax, ay], [bx, by]] = [corners[at], corners[before]];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      }
      if (within) rows.push(row);
    }
    return rows;
  }

  /** @param {number} x @param {number} y @param {(row: number) => boolean} among @returns {number} -1: none */
  nearest(x, y, among) {
    let [best, least] = [-1, Infinity];
    for (let row = 0; row < this.count; row += 1) {
      const away = (this.x[row] - x) ** 2 + (this.y[row] - y) ** 2;
      if (away < least && among(row)) [best, least] = [row, away];
    }
    return best;
  }

  /** How far the nearest other picture is, along the farther axis: so large a picture may be. */
  #apart() {
    const side = Math.max(1, Math.ceil(Math.sqrt(this.count)));
    const cells = new Map();
    const cell = (value) => Math.min(side - 1, Math.floor(value * side));
    for (let row = 0; row < this.count; row += 1) {
      const key = cell(this.x[row]) * side + cell(this.y[row]);
      if (cells.has(key)) cells.get(key).push(row);
      else cells.set(key, [row]);
    }
    return Float32Array.from({ length: this.count }, (_, row) => {
      let least = 1 / side;
      const [cx, cy] = [cell(this.x[row]), cell(this.y[row])];
      for (let ax = Math.max(0, cx - 1); ax <= Math.min(side - 1, cx + 1); ax += 1) {
        for (let ay = Math.max(0, cy - 1); ay <= Math.min(side - 1, cy + 1); ay += 1) {
          for (const other of cells.get(ax * side + ay) ?? []) {
            if (other === row) continue;
            const far = Math.max(Math.abs(this.x[other] - this.x[row]), Math.abs(this.y[other] - this.y[row]));
            if (far < least) least = far;
          }
        }
      }
      return least;
    });
  }
}

/**
 * A tile, and how many of its pictures are still to come: a server makes so many small at a time.
 * @typedef {{blob: Blob, missing: number}} Piece
 */

/** The tiles, decoded when they are shown; the longest unused ones are forgotten. */
class Tiles {
  /**
   * @param {Collection} all @param {(tile: number) => Promise<Piece>} fetch
   * @param {() => void} came @param {(why: string) => void} failed
   */
  constructor(all, fetch, came, failed) {
    [this.across, this.side] = [all.said.across, all.said.side];
    this.all = all;
    this.fetch = fetch;
    this.came = came;
    this.failed = failed;
    /** @type {Map<number, ImageBitmap|null>} */
    this.held = new Map();
    /** @type {Map<number, number>} of tiles that are not whole: how many pictures they lacked last */
    this.lacking = new Map();
    this.most = 60;
    this.under = 0;
    this.wanted = [];
  }

  /** Where a picture's pixels are; null while they come. @param {number} row */
  of(row) {
    const per = this.across ** 2;
    const tile = Math.floor(row / per);
    const bitmap = this.held.get(tile);
    if (bitmap === undefined) this.#want(tile);
    if (!bitmap) return null;
    this.held.delete(tile); // the last is the latest used
    this.held.set(tile, bitmap);
    const at = row % per;
    const [width, height] = this.size(row);
    return {
      bitmap,
      left: (at % this.across) * this.side + Math.floor((this.side - width) / 2),
      top: Math.floor(at / this.across) * this.side + Math.floor((this.side - height) / 2),
      width,
      height,
    };
  }

  /** @param {number} row @returns {[number, number]} pixels of the picture in its cell */
  size(row) {
    const [wide, high] = [this.all.shapes[2 * row], this.all.shapes[2 * row + 1]];
    return [Math.max(1, Math.round((this.side * wide) / 255)), Math.max(1, Math.round((this.side * high) / 255))];
  }

  /** @param {number} tile */
  #want(tile) {
    this.held.set(tile, null);
    this.wanted.push(tile);
    this.#next();
  }

  /** What failed is asked for again when it is next drawn. @param {number} tile */
  #again(tile) {
    if (!this.held.get(tile) || this.lacking.delete(tile)) this.held.delete(tile);
    this.came();
  }

  /** Ask again for what lacks pictures, as long as they become fewer. @param {number} tile @param {number} missing */
  #complete(tile, missing) {
    const fewer = missing > 0 && missing < (this.lacking.get(tile) ?? Infinity);
    this.lacking.set(tile, missing);
    if (!fewer) return;
    setTimeout(() => {
      if (!this.held.get(tile)) return; // forgotten meanwhile: it is asked for when it is next drawn
      this.wanted.push(tile);
      this.#next();
    }, 100);
  }

  #next() {
    while (this.under < 4 && this.wanted.length) {
      const tile = this.wanted.shift();
      this.under += 1;
      this.fetch(tile)
        .then(async ({ blob, missing }) => {
          this.held.set(tile, await createImageBitmap(blob));
          this.#complete(tile, missing);
          for (const [old, one] of this.held) {
            if (this.held.size <= this.most) break;
            if (one && old !== tile) this.held.delete(old);
          }
        })
        .catch((error) => {
          this.failed(String(error?.message ?? error));
          setTimeout(() => this.#again(tile), 4000);
        })
        .finally(() => {
          this.under -= 1;
          this.came();
          this.#next();
        });
    }
  }
}
