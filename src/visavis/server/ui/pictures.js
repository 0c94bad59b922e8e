/**
 * The person's own pictures. They never are in the address bar: they live in memory, and a copy in
 * sessionStorage so that a reload still has them. Large ones are made smaller before they are sent.
 */

import { fileSize } from "./dom.js";

/**
 * @typedef {object} Picture
 * @property {string} key
 * @property {string} name
 * @property {Blob} blob what is sent
 * @property {string|null} url to show it; null when this browser cannot
 * @property {number} width
 * @property {number} height
 */

const PREFIX = "visavis.picture.";
const SIDE = 1600;
const KEEP_AS_IS = 800_000;

/** @type {Map<string, Picture>} */
const pictures = new Map();

/** A file that cannot be searched with; the message says why, and what to do. */
export class PictureError extends Error {}

/** @param {string} key @returns {Picture|undefined} undefined when it is gone */
export const getPicture = (key) => pictures.get(key) ?? restored(key);

/**
 * Take in a file.
 * @param {File} file
 * @param {number} limit bytes that the server accepts
 * @returns {Promise<Picture>}
 */
export async function addPicture(file, limit) {
  const name = file.name || "picture";
  if (file.size === 0) throw new PictureError(`“${name}” is empty. Choose another picture.`);
  if (file.type && !file.type.startsWith("image/")) {
    throw new PictureError(`“${name}” is no picture. Choose a JPEG, PNG, WebP or GIF file.`);
  }
  const key = [...crypto.getRandomValues(new Uint8Array(6))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  const { blob, width, height } = await prepared(file);
  if (blob.size > limit) {
    throw new PictureError(
      `“${name}” has ${fileSize(blob.size)}; this server takes ${fileSize(limit)} at most. ` +
        "Save it smaller and try again.",
    );
  }
  const url = width ? URL.createObjectURL(blob) : null;
  const picture = { key, name, blob, url, width, height };
  pictures.set(key, picture);
  await keep(picture);
  return picture;
}

/** @param {File} file @returns {Promise<{blob: Blob, width: number, height: number}>} */
async function prepared(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { blob: file, width: 0, height: 0 }; // HEIC, TIFF …: the server may still read it
  }
  const { width, height } = bitmap;
  const scale = Math.min(1, SIDE / Math.max(width, height));
  if (scale === 1 && file.size <= KEEP_AS_IS) return { blob: file, width, height };
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  paper.fillStyle = "#fff"; // JPEG has no transparency
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.imageSmoothingQuality = "high";
  paper.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return blob ? { blob, width: canvas.width, height: canvas.height } : { blob: file, width, height };
}

/** Copy a picture to sessionStorage; the oldest go when it is full. @param {Picture} picture */
async function keep(picture) {
  const data = await new Promise((done) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(String(reader.result)));
    reader.addEventListener("error", () => done(""));
    reader.readAsDataURL(picture.blob);
  });
  const { name, width, height } = picture;
  const text = JSON.stringify({ name, width, height, data, at: Date.now() });
  for (;;) {
    try {
      sessionStorage.setItem(PREFIX + picture.key, text);
      return;
    } catch {
      if (!forgetOldest()) return; // memory has it, only a reload will not
    }
  }
}

/** @returns {boolean} whether there was one */
function forgetOldest() {
  const kept = Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX));
  const ages = kept.map((name) => JSON.parse(sessionStorage.getItem(name) ?? "{}").at ?? 0);
  if (!kept.length) return false;
  sessionStorage.removeItem(kept[ages.indexOf(Math.min(...ages))]);
  return true;
}

/** @param {string} key @returns {Picture|undefined} */
function restored(key) {
  try {
    const { name, width, height, data } = JSON.parse(sessionStorage.getItem(PREFIX + key) ?? "");
    const [head, body] = data.split(",", 2);
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    const blob = new Blob([bytes], { type: head.slice(5).split(";")[0] });
    const url = width ? URL.createObjectURL(blob) : null;
    const picture = { key, name, blob, url, width, height };
    pictures.set(key, picture);
    return picture;
  } catch {
    return undefined;
  }
}
