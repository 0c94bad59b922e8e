/** Ways for a picture to get in: dropped anywhere, pasted, chosen, photographed. */

import { byId } from "./dom.js";

/**
 * @typedef {object} Takers
 * @property {(files: File[], add: boolean) => void} files add: to the query that is there
 * @property {(text: string, add: boolean) => void} text pasted or dropped words, or a URL
 * @property {() => boolean} asking whether there is a query to add to
 */

/** @param {Takers} takers @returns {(add: boolean, camera?: boolean) => void} opens the file chooser */
export function takeIn(takers) {
  dropping(takers);
  pasting(takers);
  let adding = false;
  for (const name of ["file", "camera"]) {
    const input = byId(name);
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length) takers.files(files, adding);
    });
  }
  return (add, camera = false) => {
    adding = add;
    byId(camera ? "camera" : "file").click();
  };
}

/** @param {Takers} takers */
function dropping(takers) {
  const overlay = byId("drop");
  const places = [...overlay.querySelectorAll(".drop-place")];
  const takes = (/** @type {DragEvent} */ event) =>
    ["Files", "text/uri-list"].some((type) => event.dataTransfer?.types.includes(type));
  let depth = 0;
  const leave = () => {
    depth = 0;
    overlay.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!takes(event) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    depth += 1;
    overlay.hidden = false;
    overlay.classList.toggle("two", takers.asking());
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) leave();
  });
  addEventListener("dragover", (event) => {
    if (overlay.hidden) return;
    event.preventDefault();
    const under = /** @type {Element} */ (event.target).closest?.(".drop-place");
    for (const place of places) place.classList.toggle("over", place === under);
  });
  addEventListener("dragend", leave);
  addEventListener("drop", (event) => {
    if (overlay.hidden) return;
    event.preventDefault();
    const add = Boolean(/** @type {Element} */ (event.target).closest?.("#drop-add")) && takers.asking();
    leave();
    taken(/** @type {DataTransfer} */ (event.dataTransfer), add, takers);
  });
}

/** @param {DataTransfer} data @param {boolean} add @param {Takers} takers */
function taken(data, add, takers) {
  const address = data.getData("text/uri-list").split(/\r?\n/).find((line) => line && !line.startsWith("#"));
  if (data.files.length) takers.files([...data.files], add);
  else if (address) takers.text(address, add);
}

/** @param {Takers} takers */
function pasting(takers) {
  addEventListener("paste", (event) => {
    const data = event.clipboardData;
    if (!data || document.querySelector("dialog[open]")) return;
    if (data.files.length) {
      event.preventDefault();
      takers.files([...data.files], false);
      return;
    }
    if (/** @type {Element} */ (event.target).closest?.("input, textarea")) return;
    const text = data.getData("text/plain").trim();
    if (text) takers.text(text, false);
  });
}
