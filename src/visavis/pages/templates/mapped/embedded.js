/** A map in one file: its tiles stand in the page. */
"use strict";

/** @param {number} number @returns {Promise<Piece>} */
async function tileInPage(number) {
  const element = document.getElementById(`tile-${number}`);
  if (!element) throw new Error(`the page has no tile ${number}`);
  return { blob: new Blob([bytesOf(element.textContent.trim())], { type: "image/webp" }), missing: 0 };
}

new MapPage(JSON.parse(document.getElementById("data").textContent), {
  tile: tileInPage,
  large: null,
  search: null,
  similar: null,
  opened: null,
  filtered: null,
});
