/** Pointers, wheel and keys on the map. */
"use strict";

const STILL = 5; // pixels that a pointer may move in a click
const BESIDE = 70; // pixels that an arrow key moves the map

class Hands {
  /** @param {MapPage} page */
  constructor(page) {
    [this.page, this.view, this.canvas] = [page, page.view, page.canvas];
    /** @type {Map<number, {x: number, y: number}>} */
    this.down = new Map();
    this.moved = 0;
    const on = (name, act, how) => this.canvas.addEventListener(name, act, how);
    on("pointerdown", (event) => this.#begin(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#end(event));
    on("pointercancel", (event) => this.#end(event, true));
    on("pointerleave", () => this.#hover(-1));
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("keydown", (event) => this.#key(event));
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  #at(event) {
    const area = this.canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  }

  #begin(event) {
    if (event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.#at(event);
    this.down.set(event.pointerId, { x, y });
    this.moved = this.down.size > 1 ? STILL + 1 : 0;
    this.view.flight = null;
    const lasso = event.shiftKey || this.canvas.classList.contains("selecting");
    this.view.marks.lasso = lasso && this.down.size === 1 ? [this.view.camera.toMap(x, y)] : null;
    this.more = event.shiftKey && this.canvas.classList.contains("selecting");
  }

  #move(event) {
    const [x, y] = this.#at(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.#hover(this.view.under(x, y), x, y);
      return;
    }
    const [right, below] = [x - before.x, y - before.y];
    this.moved += Math.hypot(right, below);
    const { camera, marks } = this.view;
    if (this.down.size === 2) {
      const [other] = [...this.down].filter(([id]) => id !== event.pointerId).map(([, one]) => one);
      const [was, is] = [Math.hypot(before.x - other.x, before.y - other.y), Math.hypot(x - other.x, y - other.y)];
      camera.move(right / 2, below / 2);
      if (was > 10) camera.zoom(is / was, (x + other.x) / 2, (y + other.y) / 2);
    } else if (marks.lasso) marks.lasso.push(camera.toMap(x, y));
    else if (this.moved > STILL) camera.move(right, below);
    this.down.set(event.pointerId, { x, y });
    this.view.soon();
  }

  #end(event, cancelled = false) {
    if (!this.down.delete(event.pointerId)) return;
    const { marks } = this.view;
    const line = marks.lasso;
    marks.lasso = null;
    this.view.soon();
    if (cancelled || this.down.size) return;
    if (this.moved <= STILL) this.#click(...this.#at(event), event.pointerType === "touch" ? 16 : 7);
    else if (line && line.length > 2) {
      this.page.select(this.page.all.inside(line), this.more);
      if (this.canvas.classList.contains("selecting")) this.page.selecting(false);
    }
  }

  #click(x, y, reach) {
    const region = this.view.labels.under(x, y);
    if (region) {
      this.page.goTo(region);
      return;
    }
    const row = this.view.under(x, y, reach);
    if (row >= 0) this.page.open(row);
    else if (this.view.marks.open >= 0) this.page.shut();
  }

  /** @param {number} row */
  #hover(row, x = -1, y = -1) {
    const region = x >= 0 ? this.view.labels.under(x, y) : null;
    this.canvas.style.cursor = region || row >= 0 ? "pointer" : "";
    const now = region ? -1 : row;
    if (now === this.view.marks.hover) return;
    this.view.marks.hover = now;
    this.view.soon();
  }

  #wheel(event) {
    event.preventDefault();
    const [x, y] = this.#at(event);
    const lines = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 400 : 1;
    this.view.flight = null;
    this.view.camera.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), x, y);
    this.view.soon();
  }

  #key(event) {
    const { camera } = this.view;
    const [x, y] = camera.middle;
    const moves = { ArrowLeft: [BESIDE, 0], ArrowRight: [-BESIDE, 0], ArrowUp: [0, BESIDE], ArrowDown: [0, -BESIDE] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) {
      this.view.flight = null;
      camera.move(...moves[event.key]);
      this.view.soon();
    } else if (event.key === "+" || event.key === "=") this.page.zoom(1.5, x, y);
    else if (event.key === "-") this.page.zoom(1 / 1.5, x, y);
    else if (event.key === "0") this.page.whole();
    else if (event.key === "Enter" || event.key === " ") {
      const { found } = this.view.marks;
      const meant = (one) => this.page.colouring.shows(one) && (!found?.size || found.has(one));
      const row = this.page.all.nearest(...camera.toMap(x, y), meant);
      if (row >= 0) this.page.open(row);
    } else return;
    event.preventDefault();
  }
}
