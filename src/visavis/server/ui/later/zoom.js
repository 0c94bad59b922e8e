/** A picture looked at closely: zoom and pan by wheel, fingers, keys and buttons; a swipe shows the next one. */

import { el, icon } from "../dom.js";

const MOST = 8;
const STEP = 1.5;
const SWIPE = 60; // px

/** @param {number} value @param {number} most */
const within = (value, most) => Math.min(most, Math.max(-most, value));

/** One picture in its frame. */
export class Zoom {
  /** @param {HTMLElement} frame @param {HTMLElement} image @param {(way: 1|-1) => void} step */
  constructor(frame, image, step) {
    this.frame = frame;
    this.image = image;
    this.step = step;
    this.scale = 1;
    this.x = this.y = 0;
    /** @type {Map<number, PointerEvent>} */
    this.down = new Map();
    this.swipe = 0;
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.to(this.scale * Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
    });
    frame.addEventListener("dblclick", (event) => this.to(this.scale > 1 ? 1 : 2.5, event.clientX, event.clientY));
    frame.addEventListener("pointerdown", (event) => this.#pressed(event));
    frame.addEventListener("pointermove", (event) => this.#moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      frame.addEventListener(name, (event) => this.#lifted(/** @type {PointerEvent} */ (event)));
    }
  }

  /** @returns {HTMLElement} buttons for those who neither pinch nor turn a wheel */
  buttons() {
    const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ act) =>
      el("button", { class: "round", type: "button", title: label, "aria-label": label, "data-focus": label, onclick: act }, icon(name));
    return el(
      "div",
      { class: "looks", role: "group", "aria-label": "How the picture is shown" },
      button("minus", "Zoom out", () => this.to(this.scale / STEP)),
      button("plus", "Zoom in", () => this.to(this.scale * STEP)),
      document.fullscreenEnabled && button("full", "Full screen", () => this.#full()),
    );
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it was meant for the picture */
  key({ key }) {
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = /** @type {Record<string, number[]>} */ (moves)[key];
    if (key === "+" || key === "=") this.to(this.scale * STEP);
    else if (key === "-") this.to(this.scale / STEP);
    else if (key === "0") this.to(1);
    else if (move && this.scale > 1) this.#shift(60 * move[0], 60 * move[1]);
    else return false;
    return true;
  }

  /** @param {number} scale @param {number} [x] what stays where it is @param {number} [y] */
  to(scale, x, y) {
    const area = this.frame.getBoundingClientRect();
    const left = (x ?? area.left + area.width / 2) - area.left - area.width / 2 - this.x;
    const top = (y ?? area.top + area.height / 2) - area.top - area.height / 2 - this.y;
    const next = Math.min(MOST, Math.max(1, scale));
    const grown = next / this.scale;
    this.scale = next;
    this.#shift(left - left * grown, top - top * grown);
  }

  /** @param {number} dx @param {number} dy */
  #shift(dx, dy) {
    const { scale, image, frame } = this;
    this.x = within(this.x + dx, ((scale - 1) * frame.clientWidth) / 2);
    this.y = within(this.y + dy, ((scale - 1) * frame.clientHeight) / 2);
    image.style.transform = scale > 1 ? `translate(${this.x}px, ${this.y}px) scale(${scale})` : "";
    frame.classList.toggle("zoomed", scale > 1);
  }

  #full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.frame.requestFullscreen();
  }

  /** @param {PointerEvent} event */
  #pressed(event) {
    if (event.button !== 0 || /** @type {Element} */ (event.target).closest("button")) return;
    this.down.set(event.pointerId, event);
    this.swipe = event.clientX;
    if (this.scale > 1) this.frame.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    this.down.set(event.pointerId, event);
    const [one, other] = [...this.down.values()];
    if (other) {
      const still = one.pointerId === event.pointerId ? other : one;
      const apart = (/** @type {PointerEvent} */ from) => Math.hypot(from.clientX - still.clientX, from.clientY - still.clientY);
      this.to((this.scale * apart(event)) / Math.max(1, apart(before)), still.clientX, still.clientY);
      this.swipe = NaN;
    } else if (this.scale > 1) this.#shift(event.clientX - before.clientX, event.clientY - before.clientY);
  }

  /** @param {PointerEvent} event */
  #lifted(event) {
    const before = this.down.get(event.pointerId);
    this.down.delete(event.pointerId);
    const across = event.clientX - this.swipe;
    if (!before || event.type !== "pointerup" || event.pointerType === "mouse" || this.scale > 1) return;
    if (!this.down.size && Math.abs(across) > SWIPE) this.step(across < 0 ? 1 : -1);
  }
}
