/** Two pictures: side by side, or one over the other to flicker, subtract or slide. */

import { ask, showPicture } from "../api.js";
import { byId, counted, el, say } from "../dom.js";
import { lay } from "../later/lay.js";
import { sharpen } from "../later/sharpen.js";
import { titleOf } from "../records.js";

/** @typedef {import("./groups.js").Copy} Copy @typedef {"beside"|"flip"|"difference"|"slider"} Look */

const WHOLE = /** @type {[number, number][]} */ ([[0, 0], [1, 0], [1, 1], [0, 1]]);

/** The two pictures of a pair. */
export class Stage {
  constructor() {
    this.pair = byId("pair");
    this.over = byId("over");
    /** @type {Look} */
    this.look = "beside";
    this.flipped = false;
    /** @type {[Copy, Copy]|null} */
    this.copies = null;
    for (const button of byId("looks").querySelectorAll("button")) {
      button.addEventListener("click", () => this.turn(button.dataset.look));
    }
    byId("slider").addEventListener("input", () => this.#slide());
    this.turn("beside");
  }

  /** @param {Copy} left @param {Copy} right @param {string} best the content that is the best so far */
  show(left, right, best) {
    const same = this.copies?.[0].sha256 === left.sha256 && this.copies?.[1].sha256 === right.sha256;
    this.copies = [left, right];
    for (const [side, copy] of /** @type {[string, Copy][]} */ ([["left", left], ["right", right]])) {
      if (!same || !byId(side).firstChild) byId(side).replaceChildren(picture(copy, "640"));
      byId(`${side}-name`).replaceChildren(
        el("span", { class: "side-word", text: side === "left" ? "Left" : "Right" }),
        el("bdi", { text: titleOf(copy), title: copy.id }),
        copy.sha256 === best && left.sha256 !== right.sha256 ? el("span", { class: "best", text: "best so far" }) : "",
      );
    }
    const ratios = [left, right].map(({ width, height }) => width / height || 1);
    this.pair.style.setProperty("--narrow", String(Math.min(...ratios)));
    if (same) return;
    this.flipped = false;
    this.over.replaceChildren();
    this.turn(this.look);
  }

  /** @param {Look} look */
  turn(look) {
    if (look === "flip" && this.look === "flip" && this.over.firstChild) this.flipped = !this.flipped;
    this.look = look;
    this.pair.dataset.look = look;
    for (const button of byId("looks").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.look === look));
    }
    const laid = look !== "beside";
    this.over.hidden = byId("over-told").hidden = !laid;
    byId("ruler").hidden = look !== "slider";
    if (!laid || !this.copies) return;
    if (!this.over.firstChild) this.#lay(...this.copies);
    this.#flip();
  }

  #flip() {
    const layer = this.over.querySelector(".layer");
    if (!layer) return;
    layer.classList.toggle("away", this.look === "flip" && !this.flipped);
    const tag = this.over.querySelector(".tag-side");
    tag.textContent = this.flipped ? "Right" : "Left";
    tag.hidden = this.look !== "flip";
    if (this.look === "flip") say(this.flipped ? "Right picture" : "Left picture");
    this.#slide();
  }

  #slide() {
    this.over.querySelector(".layer")?.style.setProperty("--at", `${byId("slider").value}%`);
  }

  /** Lay the right one over the left one, where it fits. @param {Copy} left @param {Copy} right */
  async #lay(left, right) {
    const top = picture(right, "640");
    const layer = el("div", { class: "layer" }, top);
    this.over.replaceChildren(picture(left, "640"), layer, el("span", { class: "tag-side" }));
    this.over.style.setProperty("--ratio", String(left.width / left.height || 1));
    const told = byId("over-told");
    told.textContent = "Finding out how they lie …";
    lay(top, WHOLE, 1);
    let text = "Laid over one another as they are.";
    if (left.sha256 !== right.sha256) {
      try {
        const found = await ask("explain", { id: left.id, term: { id: right.id } }, []);
        if (!layer.isConnected) return;
        if (found.corners.length) lay(top, found.corners, left.width / left.height || 1);
        text = laidText(found);
      } catch {
        // One of them has gone: they lie on one another as they are.
      }
    }
    if (layer.isConnected) told.textContent = text;
  }
}

/** @param {{corners: number[][], form: number|null, inliers: number|null, mirrored: boolean}} found */
function laidText({ corners, form, inliers, mirrored }) {
  if (!corners.length) return "No place was found where they fit: laid over one another as they are.";
  const parts = [
    form !== null && form > 0.5 ? `${Math.round(100 * form)} % of the outlines agree` : "The right one is laid where it fits",
    inliers ? `${counted(inliers, "point")} on one place` : "",
    mirrored ? "one is mirrored" : "",
  ];
  return `${parts.filter(Boolean).join("; ")}.`;
}

/** A picture of the server, the file itself once it is there. @param {Copy} copy @param {string} side */
function picture(copy, side) {
  const image = el("img", { alt: titleOf(copy), draggable: "false", width: copy.width || null, height: copy.height || null });
  const frame = el("span", { class: "picture" }, image);
  image.addEventListener("load", () => image.classList.add("loaded"));
  image.addEventListener("error", () => frame.classList.add("gone"));
  showPicture(image, `${copy.thumbnail}&side=${side}`);
  if (!/^https?:/.test(copy.uri)) sharpen(image, copy.file);
  return frame;
}

