/** Files made in the browser: a table as CSV (RFC 4180), several files as a ZIP. */

/** @typedef {import("./types.js").ImageRecord} ImageRecord */

const CRC = Uint32Array.from({ length: 256 }, (_, at) => {
  let value = at;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {ImageRecord[]} records @returns {string} with the columns of the catalogue in its order */
export function csv(records) {
  const columns = [...new Set(records.flatMap((record) => Object.keys(record.fields)))];
  const scored = records.some((record) => record.score !== undefined);
  const head = ["id", ...(scored ? ["score"] : []), ...columns, "file"];
  const rows = records.map((record) => [
    record.id,
    ...(scored ? [record.score] : []),
    ...columns.map((name) => record.fields[name]),
    new URL(record.uri, location.href).href,
  ]);
  return `\ufeff${[head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** @param {any} value @returns {string} as a spreadsheet shows and never computes it */
function cell(value) {
  let text = value === undefined || value === null ? "" : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Pictures are compressed already, so they are only put together. @param {{name: string, data: Blob}[]} files @returns {Promise<Blob>} */
export async function zip(files) {
  const taken = new Set();
  const parts = [];
  const index = [];
  let at = 0;
  for (const { name, data } of files) {
    const bytes = new Uint8Array(await data.arrayBuffer());
    const path = new TextEncoder().encode(unique(name, taken));
    // version 2.0, names in UTF-8, stored, 1 January 1980, sums and sizes
    const facts = [2, 20, 2, 0x0800, 2, 0, 2, 0, 2, 0x21, 4, sum(bytes), 4, bytes.length, 4, bytes.length, 2, path.length, 2, 0];
    const head = packed([4, 0x04034b50, ...facts]);
    parts.push(head, path, bytes);
    index.push(packed([4, 0x02014b50, 2, 20, ...facts, 2, 0, 2, 0, 2, 0, 4, 0, 4, at]), path);
    at += head.length + path.length + bytes.length;
  }
  const size = index.reduce((all, part) => all + part.length, 0);
  const count = files.length;
  const end = packed([4, 0x06054b50, 2, 0, 2, 0, 2, count, 2, count, 4, size, 4, at, 2, 0]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}

/** @param {string} name @param {Set<string>} taken @returns {string} */
function unique(name, taken) {
  const [, start, ending] = /^(.*?)(\.[^.]*)?$/s.exec(name) ?? [];
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${start}-${number}${ending ?? ""}`;
  taken.add(free);
  return free;
}

/** @param {number[]} fields pairs of a width in bytes and a value @returns {Uint8Array} little-endian */
function packed(fields) {
  const bytes = [];
  for (let at = 0; at < fields.length; at += 2) {
    for (let byte = 0; byte < fields[at]; byte++) bytes.push((fields[at + 1] >>> (8 * byte)) & 255);
  }
  return Uint8Array.from(bytes);
}

/** @param {Uint8Array} bytes @returns {number} CRC-32 */
function sum(bytes) {
  let value = ~0;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}
