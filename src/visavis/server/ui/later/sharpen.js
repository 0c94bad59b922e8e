/** The file itself in place of its smaller picture. */

import { getBlob } from "../api.js";

const SHOWN_BY_BROWSERS = /^image\/(jpeg|png|webp|gif|avif|bmp|svg)/;

/** Show the file itself once it is there. @param {HTMLImageElement} image @param {string} file its address */
export async function sharpen(image, file) {
  try {
    const blob = await getBlob(file);
    if (!image.isConnected || !SHOWN_BY_BROWSERS.test(blob.type)) return;
    const large = new Image();
    large.src = URL.createObjectURL(blob);
    await large.decode();
    image.src = large.src;
    image.addEventListener("load", () => URL.revokeObjectURL(large.src), { once: true });
  } catch {
    // The smaller picture stays.
  }
}
