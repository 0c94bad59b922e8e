/**
 * Texts to vectors, as the model's words do it in visavis (embedders/words/semantic.py): the same table, the
 * same plurals, accents, phrases, colours and weights.
 */

const FUNCTION_WORDS = new Set(
  (
    "a an the this that these those some any each every no of on in at to from by with without and or but as is are was were be " +
    "been being am do does did has have had its it he she they them his her their him hers theirs i me my we us our you your who " +
    "which what there here into onto over under up down out off near through while for if than then so very s t"
  ).split(" "),
);
const ABOUT_PICTURES = new Set(["photo", "photograph", "picture", "image"]);
const TOKEN = /[^\s\x1c-\x1f\x85,;:!?()[\]{}"“”…|+*/&]+/g;
const JOINTS = /[_\-'’.]+/;
const COLOURS = 1.5; // how much colours count beside words
const MOST_WORDS = 100;
const LONGEST_WORD = 40;
const LONGEST_PHRASE = 5;
const SHORTEST = 3;
const DEEPEST = 4; // aliases of aliases
const GOOD_FROM = 0.5;

/** @param {string} text */
const lettersOf = (text) => [...text].length;

/** @param {string} text @returns {string} nearly Python's casefold */
const lowered = (text) => text.toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ");

/** @param {number} bits of a half-precision number */
function halfOf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const rest = bits & 1023;
  if (exponent === 0) return sign * rest * 2 ** -24;
  return exponent === 31 ? NaN : sign * (1 + rest / 1024) * 2 ** (exponent - 15);
}

/** A table of words as `embedders/words/table.py` describes it. */
class WordTable {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const [count, dim, size, names] = [16, 24, 32, 40].map((at) => Number(view.getBigUint64(at, true)));
    const aligned = (/** @type {number} */ at) => Math.ceil(at / 64) * 64;
    const vectors = aligned(56);
    const scales = aligned(vectors + count * dim * size);
    const ends = size === 1 ? aligned(scales + 2 * count) : scales;
    const words = aligned(aligned(ends + 4 * count) + 4 * count);
    this.dim = dim;
    this.size = size;
    this.view = view;
    this.vectors = vectors;
    this.scales = scales;
    /** @type {Map<string, number>} */
    this.numbers = new Map();
    this.beginnings = new Set();
    const text = new TextDecoder();
    for (let number = 0, from = words; number < count; number++) {
      const to = words + view.getUint32(ends + 4 * number, true);
      const word = text.decode(bytes.subarray(from, to));
      this.numbers.set(word, number);
      for (let at = word.indexOf("_"); at >= 0; at = word.indexOf("_", at + 1)) this.beginnings.add(word.slice(0, at));
      from = to;
    }
    if (names < 0) throw new Error("The table of words is damaged.");
  }

  /** The vector of a word as it is kept. @param {number} number @returns {Float64Array} */
  row(number) {
    const made = new Float64Array(this.dim);
    const start = this.vectors + number * this.dim * this.size;
    const scale = this.size === 1 ? halfOf(this.view.getUint16(this.scales + 2 * number, true)) : 1;
    for (let at = 0; at < this.dim; at++) {
      if (this.size === 1) made[at] = Math.fround(this.view.getInt8(start + at) * scale);
      else if (this.size === 2) made[at] = halfOf(this.view.getUint16(start + 2 * at, true));
      else made[at] = this.view.getFloat32(start + 4 * at, true);
    }
    return made;
  }
}

/** @param {Float64Array} vector @returns {number} */
const lengthOf = (vector) => Math.sqrt(vector.reduce((sum, one) => sum + one * one, 0));

/** @param {Float64Array} vector @param {number} [length] */
function unit(vector, length = 1) {
  const own = lengthOf(vector);
  return own ? vector.map((one) => (one * length) / own) : vector;
}

class Words {
  /**
   * @param {WordTable} table @param {WordTable} colours @param {Record<string, string[]>} aliases
   * @param {{dim: number, semantic: number, share: number}} facts
   */
  constructor(table, colours, aliases, facts) {
    this.table = table;
    this.colours = colours;
    this.aliases = new Map(Object.entries(aliases));
    this.facts = facts;
  }

  /** What a text says. @param {string} text */
  read(text) {
    const tokens = (text.match(TOKEN) ?? []).map((raw) => raw.replace(/^[.'’_-]+|[.'’_-]+$/g, "")).filter(Boolean);
    const parts = tokens.flatMap((token) => this.parts(token, 0));
    const found = { words: /** @type {number[]} */ ([]), colours: /** @type {number[]} */ ([]), unknown: new Set(), cut: new Map(), more: parts.length > MOST_WORDS };
    for (const token of this.phrases(parts.slice(0, MOST_WORDS))) {
      const colour = this.colour(token);
      const written = this.asWritten(token);
      let words = colour === null ? this.word(token, 0) : written === null ? null : [written];
      if (words === null && colour === null) words = this.inTwo(token, found.cut);
      if (colour !== null) found.colours.push(colour);
      else if (words === null) found.unknown.add(token);
      found.words.push(...(words ?? []));
    }
    return found;
  }

  /** The unit vector of what was read; null where it says nothing. @param {{words: number[], colours: number[]}} found */
  vector({ words, colours }) {
    const { dim, semantic, share } = this.facts;
    const meaning = new Float64Array(semantic);
    for (const number of words) this.table.row(number).forEach((one, at) => (meaning[at] += one));
    const says = lengthOf(meaning) > 0;
    if (!says && !colours.length) return null;
    const made = new Float64Array(dim);
    if (says) made.set(unit(meaning), dim - semantic);
    if (colours.length) {
      const look = new Float64Array(dim - semantic);
      for (const number of colours) unit(this.colours.row(number)).forEach((one, at) => (look[at] += one));
      made.set(unit(look, says ? COLOURS * Math.sqrt(share / (1 - share)) : 1), 0);
    }
    return unit(made);
  }

  /** A token as it is where it is known, or else what its joints join. @param {string} token @param {number} depth @returns {string[]} */
  parts(token, depth) {
    const parts = token.split(JOINTS).filter(Boolean);
    return parts.length > 1 && this.word(token, depth) === null ? parts : [token];
  }

  /** @param {string[]} parts @returns {string[]} those that say something; several as one where the table has a phrase */
  phrases(parts) {
    const told = [];
    for (let at = 0; at < parts.length; ) {
      let most = Math.min(LONGEST_PHRASE, parts.length - at);
      if (most > 1 && !this.table.beginnings.has(lowered(parts[at]))) most = 1;
      let count = most;
      while (count > 1 && this.asWritten(parts.slice(at, at + count).join("_")) === null) count--;
      const word = lowered(parts[at]);
      if (count > 1) told.push(parts.slice(at, at + count).join("_"));
      else if (!FUNCTION_WORDS.has(word) && !ABOUT_PICTURES.has(word.replace(/s$/, ""))) told.push(parts[at]);
      at += count;
    }
    return told;
  }

  /** @param {string} token @returns {number|null} */
  colour(token) {
    const name = lowered(token);
    const own = this.colours.numbers.get(name);
    if (own !== undefined) return own;
    if (this.asWritten(token) !== null) return null;
    for (const other of this.aliases.get(name) ?? []) {
      const number = this.colours.numbers.get(other);
      if (number !== undefined) return number;
    }
    return null;
  }

  /** The number of a word in lower case, without its accents if need be. @param {string} token @returns {number|null} */
  asWritten(token) {
    const name = lowered(token);
    const plain = /^[\x00-\x7f]*$/.test(name) ? [name] : [name.normalize("NFKD").normalize("NFC"), name, name.normalize("NFKD").replace(/\p{Mn}/gu, "")];
    for (const form of plain) {
      const number = this.table.numbers.get(form);
      if (number !== undefined) return number;
    }
    return null;
  }

  /** @param {string} token @param {number} depth @returns {number[]|null} */
  word(token, depth) {
    return this.plainWord(token, depth) ?? (depth === 0 && lettersOf(token) <= LONGEST_WORD ? this.firstOf(stems(lowered(token)), depth) : null);
  }

  /** A word as it is, by its aliases, or in the singular. @param {string} token @param {number} depth @returns {number[]|null} */
  plainWord(token, depth) {
    const found = this.single(token, depth);
    if (found !== null || lettersOf(token) <= SHORTEST || !lowered(token).endsWith("s")) return found;
    return this.firstOf(singulars(token), depth);
  }

  /** @param {string[]} forms @param {number} depth @returns {number[]|null} */
  firstOf(forms, depth) {
    for (const form of forms) {
      const found = this.single(form, depth);
      if (found !== null) return found;
    }
    return null;
  }

  /** @param {string} token @param {number} depth @returns {number[]|null} */
  single(token, depth) {
    const number = this.asWritten(token);
    if (number !== null) return [number];
    if (depth >= DEEPEST) return null;
    for (const choice of this.aliases.get(lowered(token)) ?? []) {
      const parts = choice.split(/\s+/).filter(Boolean).flatMap((word) => this.parts(word, depth + 1));
      const each = parts.map((part) => this.word(part, depth + 1));
      if (!each.includes(null)) return each.flatMap((one) => one ?? []);
    }
    return null;
  }

  /** Two known words that make up an unknown one, as near to its middle as can be. @param {string} token @param {Map<string, string>} cut */
  inTwo(token, cut) {
    const letters = [...token];
    if (letters.length < 2 * SHORTEST || letters.length > LONGEST_WORD || !/^\p{L}+$/u.test(token)) return null;
    const places = [];
    for (let at = SHORTEST; at <= letters.length - SHORTEST; at++) places.push(at);
    places.sort((one, other) => Math.abs(2 * one - letters.length) - Math.abs(2 * other - letters.length));
    for (const at of places) {
      const [first, second] = [letters.slice(0, at).join(""), letters.slice(at).join("")];
      const before = this.plainWord(first, 1);
      const after = before && this.plainWord(second, 1);
      if (before && after) {
        cut.set(token, `“${first}” and “${second}”`);
        return [...before, ...after];
      }
    }
    return null;
  }
}

/** @param {string} token @returns {string[]} what it may be the plural of */
function singulars(token) {
  const ending = lowered(token).slice(-3);
  if (ending.endsWith("ss")) return [];
  const found = [token.slice(0, -1)];
  if (ending === "ies") found.push(`${token.slice(0, -3)}y`);
  else if (ending.endsWith("es")) found.push(token.slice(0, -2));
  return found;
}

/** @param {string} word @returns {string[]} what -ed and -ing may have been added to */
function stems(word) {
  const found = [];
  for (const ending of ["ed", "ing"]) {
    if (!word.endsWith(ending)) continue;
    const stem = word.slice(0, -ending.length);
    if (lettersOf(stem) < SHORTEST || !/[aeiouy]/.test(stem)) continue;
    const [last, before] = [stem.at(-1) ?? "", stem.at(-2)];
    if (last === before && !"aeiou".includes(last)) found.push(stem.slice(0, -1));
    found.push(stem, `${stem}e`);
    if (ending === "ed" && last === "i") found.push(`${stem.slice(0, -1)}y`);
  }
  return found;
}
