"use strict";
/** The data, a part at a time. Parts are scripts, since a page opened from a file may not fetch. */

/** @type {Map<string, {promise: Promise<any>, done: (value: any) => void}>} */
const asked = new Map();

const TOO_OLD = "This browser is too old for this site: it cannot unpack data, which all browsers can since 2023.";

/** Called by each part's script. @param {string} name @param {string} packed base64 */
globalThis.part = (name, packed) => slot(name).done(opened(packed));

/** @param {string} packed base64 of zlib's format @returns {Promise<any>} what its JSON says */
async function opened(packed) {
  if (!("DecompressionStream" in globalThis)) throw new Error(TOO_OLD);
  return new Response(streamOf(bytesOf(packed)).pipeThrough(new DecompressionStream("deflate"))).json();
}

/** @param {string} name */
function slot(name) {
  let found = asked.get(name);
  if (!found) {
    let done = (/** @type {any} */ _) => {};
    const promise = new Promise((resolve) => (done = resolve));
    asked.set(name, (found = { promise, done }));
  }
  return found;
}

/** A part, loaded when it is first asked for. @param {string} name @returns {Promise<any>} */
function load(name) {
  if (asked.has(name)) return slot(name).promise;
  const found = slot(name);
  const inside = document.getElementById(`part-${name}`);
  if (inside) {
    found.done(JSON.parse(inside.textContent));
    return found.promise;
  }
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.onerror = () => {
      asked.delete(name);
      script.remove();
      reject(new Error("A part of this site could not be loaded. Check the connection, and load the page again."));
    };
    script.src = `${document.documentElement.dataset.parts}${name}.js`;
    found.promise.then(resolve, reject);
    document.head.append(script);
  });
}

/** @param {string} text base64 @returns {Uint8Array} */
function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Within this page: the stream of a Blob asks another process, which for two dozen parts takes a tenth of a second. @param {Uint8Array} bytes */
const streamOf = (bytes) => /** @type {ReadableStream} */ (new Response(bytes).body);

/** Whole numbers of one, two or four bytes. @param {string} text base64 @param {number} size bytes of each */
function numbersOf(text, size) {
  const { buffer } = bytesOf(text);
  return size === 1 ? new Uint8Array(buffer) : size === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

/** What the page has to know at once. @type {any} */
let site = null;

const KEY = 10; // letters of a key
const PREFIX = 4; // of which the manifest has so many for the first picture of each part

/** @param {number} number of a picture */
async function pictureAt(number) {
  const { keys, titles, shapes } = await load(`r${Math.floor(number / site.size)}`);
  const at = number % site.size;
  return { number, key: keys.substr(at * KEY, KEY), title: titles[at], ratio: shapes[at] / 100 };
}

/** @param {number} number @returns {Promise<{fields: (string|null)[], near: {number: number, score: number}[]}>} */
async function detailsAt(number) {
  const { fields, near, falls } = await load(`n${Math.floor(number / site.size)}`);
  const at = number % site.size;
  const own = (/** @type {any} */ numbers) => [...numbers.subarray(at * site.near, (at + 1) * site.near)];
  let percent = 0;
  const scores = own(bytesOf(falls)).map((fall, rank) => (percent = rank ? percent - fall : fall) / 100);
  return {
    fields: fields[at].map((/** @type {string|number|null} */ value, /** @type {number} */ field) => (typeof value === "number" ? site.fields[field].values[value - 1][0] : value)),
    near: own(numbersOf(near, site.count < 65536 ? 2 : 4)).map((other, rank) => ({ number: other, score: scores[rank] })),
  };
}

/** The number of the picture with a key; -1 where there is none. @param {string} key */
async function numberOf(key) {
  const parts = site.firsts.length / PREFIX;
  const first = (/** @type {number} */ at) => site.firsts.substr(at * PREFIX, PREFIX);
  const begin = key.slice(0, PREFIX);
  let [low, high] = [0, parts]; // of parts that begin before the key, or like it, the last is low - 1
  while (low < high) {
    const middle = (low + high) >> 1;
    if (first(middle) <= begin) low = middle + 1;
    else high = middle;
  }
  for (let at = low - 1; at >= 0; at--) {
    const { keys } = await load(`r${at}`);
    for (let place = 0; place < keys.length; place += KEY) {
      if (keys.substr(place, KEY) === key) return at * site.size + place / KEY;
    }
    if (first(at) < begin) break; // the key would be in this part
  }
  return -1;
}

/** Each picture's value of a field, by number. @param {number} field */
async function codesOf(field) {
  return numbersOf(await load(`f${field}`), site.fields[field].values.length < 256 ? 1 : 2);
}
