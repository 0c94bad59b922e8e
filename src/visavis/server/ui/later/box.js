/** A rectangle on the query picture: drawn, moved and resized with mouse, touch and keys. */

import { el } from "../dom.js";
import { styled } from "./styles.js";

await styled("box.css");

/** @typedef {import("../state.js").Box} Box */

const SMALLEST = 0.06;
const STEP = 0.02;
const HANDLES = ["nw", "ne", "sw", "se"];
const ARROWS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
]);
const HELP =
  "Arrow keys move the part, with Shift they change its size, Delete searches by the whole picture.";

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Box} box @returns {string} for screen readers */
export function placeOf([left, top, right, bottom]) {
  const share = (/** @type {number} */ part) => `${Math.round(part * 100)} %`;
  return (
    `${share(left)} from the left, ${share(top)} from the top, ` +
    `${share(right - left)} wide, ${share(bottom - top)} high`
  );
}

/** The rectangle on one picture. */
export class PartBox {
  /**
   * @param {HTMLElement} frame lies exactly over the picture
   * @param {Box|null} box
   * @param {(box: Box|null) => void} changed called when a gesture or key press is done
   */
  constructor(frame, box, changed) {
    this.frame = frame;
    this.changed = changed;
    /** @type {Box|null} */
    this.box = box;
    /** @type {((x: number, y: number) => void)|null} what a pointer that is down does */
    this.drag = null;
    /** @type {[number, number]|null} where a finger came down on an untouched picture */
    this.tap = null;
    this.element = el("div", {
      class: "part",
      role: "group",
      tabindex: "0",
      "data-focus": "part",
      "aria-describedby": "part-help",
    });
    for (const corner of HANDLES) this.element.append(el("i", { class: `handle ${corner}` }));
    frame.append(this.element, el("p", { id: "part-help", class: "vh", text: HELP }));
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    frame.addEventListener("pointerup", () => this.#up());
    frame.addEventListener("pointercancel", () => this.#cancel());
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.draw();
  }

  /** Put a rectangle in the middle and focus it, for those who do not drag. */
  begin() {
    this.set([0.2, 0.2, 0.8, 0.8]);
    this.element.focus();
    this.changed(this.box);
  }

  /** @param {Box|null} box */
  set(box) {
    this.box = box;
    this.draw();
  }

  draw() {
    this.frame.classList.toggle("parted", this.box !== null);
    this.element.hidden = this.box === null;
    if (!this.box) return;
    const [left, top, right, bottom] = this.box;
    this.element.setAttribute("aria-label", `Part of the picture: ${placeOf(this.box)}`);
    Object.assign(this.element.style, {
      left: `${left * 100}%`,
      top: `${top * 100}%`,
      width: `${(right - left) * 100}%`,
      height: `${(bottom - top) * 100}%`,
    });
  }

  /** @param {PointerEvent} event @returns {[number, number]} as fractions of the picture */
  #at(event) {
    const area = this.frame.getBoundingClientRect();
    return [
      clamp((event.clientX - area.left) / area.width, 0, 1),
      clamp((event.clientY - area.top) / area.height, 0, 1),
    ];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || this.drag) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const [x, y] = this.#at(event);
    this.before = this.box;
    if (target.classList.contains("handle")) this.#resizing(target.classList[1]);
    else if (this.element.contains(target)) this.#moving(x, y);
    else this.#drawing(x, y);
    this.tap = event.pointerType === "touch" && !this.box ? [x, y] : null;
    event.preventDefault();
    this.frame.setPointerCapture(event.pointerId);
  }

  /** @param {string} corner */
  #resizing(corner) {
    const [left, top, right, bottom] = /** @type {Box} */ (this.box);
    const still = [corner.includes("w") ? right : left, corner.includes("n") ? bottom : top];
    this.drag = (x, y) => this.#span(still, [x, y]);
  }

  /** @param {number} fromX @param {number} fromY */
  #moving(fromX, fromY) {
    const [left, top, right, bottom] = /** @type {Box} */ (this.box);
    this.drag = (x, y) => {
      const dx = clamp(x - fromX, -left, 1 - right);
      const dy = clamp(y - fromY, -top, 1 - bottom);
      this.set([left + dx, top + dy, right + dx, bottom + dy]);
    };
  }

  /** @param {number} fromX @param {number} fromY */
  #drawing(fromX, fromY) {
    this.drag = (x, y) => {
      if (Math.hypot(x - fromX, y - fromY) > 0.03) this.#span([fromX, fromY], [x, y]);
    };
  }

  /** @param {number[]} one @param {number[]} other opposite corners */
  #span(one, other) {
    const [left, right] = spread(one[0], other[0]);
    const [top, bottom] = spread(one[1], other[1]);
    this.set([left, top, right, bottom]);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.drag?.(...this.#at(event));
  }

  #up() {
    if (!this.drag) return;
    this.drag = null;
    if (this.box !== this.before) this.changed(this.box);
    else if (this.tap) this.#around(...this.tap);
  }

  /** The browser has taken the gesture over, to scroll. */
  #cancel() {
    if (!this.drag) return;
    this.drag = null;
    this.set(this.before ?? null);
  }

  /** A tap names the middle of a new part. @param {number} x @param {number} y */
  #around(x, y) {
    const left = clamp(x - 0.25, 0, 0.5);
    const top = clamp(y - 0.25, 0, 0.5);
    this.set([left, top, left + 0.5, top + 0.5]);
    this.changed(this.box);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.box) return;
    const arrow = ARROWS.get(event.key);
    if (arrow) {
      const [left, top, right, bottom] = this.box;
      const [dx, dy] = arrow.map((step) => step * STEP);
      if (event.shiftKey) {
        this.set([left, top, clamp(right + dx, left + SMALLEST, 1), clamp(bottom + dy, top + SMALLEST, 1)]);
      } else {
        const x = clamp(dx, -left, 1 - right);
        const y = clamp(dy, -top, 1 - bottom);
        this.set([left + x, top + y, right + x, bottom + y]);
      }
    } else if (["Delete", "Backspace", "Escape"].includes(event.key)) this.set(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.changed(this.box);
  }
}

/** @param {number} one @param {number} other @returns {[number, number]} in order, not too near */
function spread(one, other) {
  let [low, high] = [Math.min(one, other), Math.max(one, other)];
  if (high - low < SMALLEST) {
    high = Math.min(1, low + SMALLEST);
    low = Math.max(0, high - SMALLEST);
  }
  return [low, high];
}
