/** The map itself: a camera over the collection, drawn with Canvas 2D. */
"use strict";

const COARSEST = 1 / 8; // as flows/mapping/levels.py has it: how far pictures of level 0 are apart
const LEVEL_STEP = Math.SQRT2;
const ROOM = 0.94; // of its place that a picture fills
const LARGEST = 190; // pixels of a picture that has room
const FAR = 1 << 17;

/** Where one looks: the middle, and pixels for the width of the whole map. */
class Camera {
  constructor() {
    [this.x, this.y, this.scale] = [0.5, 0.5, 1];
    [this.width, this.height, this.fit] = [1, 1, 1];
    /** @type {{left: number, top: number, right: number, bottom: number}} what panels cover */
    this.covered = { left: 0, top: 0, right: 0, bottom: 0 };
  }

  /** @param {number} x @param {number} y @returns {[number, number]} pixels */
  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.middle[0], (y - this.y) * this.scale + this.middle[1]];
  }

  /** @param {number} left @param {number} top @returns {[number, number]} a place on the map */
  toMap(left, top) {
    return [(left - this.middle[0]) / this.scale + this.x, (top - this.middle[1]) / this.scale + this.y];
  }

  /** @returns {[number, number]} of what is not covered */
  get middle() {
    const { left, top, right, bottom } = this.covered;
    return [(left + this.width - right) / 2, (top + this.height - bottom) / 2];
  }

  /** @returns {[number, number]} */
  get open() {
    const { left, top, right, bottom } = this.covered;
    return [Math.max(120, this.width - left - right), Math.max(120, this.height - top - bottom)];
  }

  /** How the whole map, or a part, is seen. @param {number[]} box left, top, right, bottom on the map */
  framing(box) {
    const [wide, high] = this.open;
    const scale = Math.min(wide / Math.max(1e-4, box[2] - box[0]), high / Math.max(1e-4, box[3] - box[1])) * 0.9;
    return { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2, scale: Math.min(scale, FAR) };
  }

  /** Zoom about a point of the screen. @param {number} by @param {number} left @param {number} top */
  zoom(by, left, top) {
    const [x, y] = this.toMap(left, top);
    this.scale = Math.min(FAR, Math.max(this.fit * 0.5, this.scale * by));
    const [nowX, nowY] = this.toMap(left, top);
    this.x += x - nowX;
    this.y += y - nowY;
    this.hold();
  }

  /** @param {number} right @param {number} down pixels */
  move(right, down) {
    this.x -= right / this.scale;
    this.y -= down / this.scale;
    this.hold();
  }

  hold() {
    this.x = Math.min(1.1, Math.max(-0.1, this.x));
    this.y = Math.min(1.1, Math.max(-0.1, this.y));
  }
}

/** What is drawn apart from the collection. */
class Marks {
  constructor() {
    /** @type {Set<number>} */
    this.selected = new Set();
    /** @type {Set<number>|null} what was looked for; null: nothing */
    this.found = null;
    /** @type {number} the row that is looked at closely, or -1 */
    this.open = -1;
    this.hover = -1;
    this.copies = false;
    /** @type {number[][]|null} the line being drawn around pictures, on the map */
    this.lasso = null;
  }
}

/** Draws a collection. */
class View {
  /** @param {HTMLCanvasElement} canvas @param {Collection} all @param {Colouring} colouring @param {Tiles} tiles */
  constructor(canvas, all, colouring, tiles) {
    [this.canvas, this.all, this.colouring, this.tiles] = [canvas, all, colouring, tiles];
    this.context = canvas.getContext("2d", { alpha: false });
    this.camera = new Camera();
    this.marks = new Marks();
    this.land = new Land(all, colouring);
    this.labels = new Labels(all);
    /** @type {{row: number, left: number, top: number, width: number, height: number}[]} */
    this.drawn = [];
    this.waiting = false;
    this.restyle();
  }

  /** Read colours from the page again. */
  restyle() {
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.dark = colour("--dark") === "1";
    this.ink = Object.fromEntries(["page", "card", "ink", "muted", "accent", "tile"].map((name) => [name, colour(`--map-${name}`)]));
    this.land.paint(this.dark);
    this.soon();
  }

  /** The canvas takes the size of its box. */
  resize() {
    const ratio = Math.min(3, devicePixelRatio || 1);
    const area = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(area.width * ratio));
    this.canvas.height = Math.max(1, Math.round(area.height * ratio));
    this.ratio = ratio;
    const { camera } = this;
    [camera.width, camera.height] = [area.width, area.height];
    const whole = camera.framing(this.bounds);
    const untouched = camera.fit === 1 || Math.abs(camera.scale / camera.fit - 1) < 0.02;
    camera.fit = whole.scale;
    if (untouched) Object.assign(camera, whole);
    this.soon();
  }

  /** @returns {number[]} of the whole map, with room for the pictures at its edge */
  get bounds() {
    return this.boxOf(Array.from({ length: this.all.count }, (_, row) => row), 0.03);
  }

  /** Around pictures, which are as large as there is room for. @param {Iterable<number>} rows @param {number} around at least @returns {number[]} */
  boxOf(rows, around) {
    const box = [1, 1, 0, 0];
    for (const row of rows) {
      const half = Math.max(around, this.all.apart[row] / 2);
      box[0] = Math.min(box[0], this.all.x[row] - half);
      box[1] = Math.min(box[1], this.all.y[row] - half);
      box[2] = Math.max(box[2], this.all.x[row] + half);
      box[3] = Math.max(box[3], this.all.y[row] + half);
    }
    return box;
  }

  /** Draw with the next frame. */
  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  /** Go somewhere, in steps that can be followed. @param {{x: number, y: number, scale: number}} to */
  fly(to) {
    const { camera } = this;
    const from = { x: camera.x, y: camera.y, scale: camera.scale };
    const began = performance.now();
    const lasts = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 380;
    const flight = (this.flight = {});
    const step = (now) => {
      if (this.flight !== flight) return;
      const part = lasts ? Math.min(1, Math.max(0, (now - began) / lasts)) : 1;
      const eased = part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
      camera.scale = from.scale * (to.scale / from.scale) ** eased;
      camera.x = from.x + (to.x - from.x) * eased;
      camera.y = from.y + (to.y - from.y) * eased;
      this.soon();
      if (part < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** How likely a picture is seen: 1, or little where something else is meant. @param {number} row */
  #faint(row) {
    const { marks, colouring } = this;
    if (!colouring.shows(row)) return true;
    if (marks.copies && !this.all.copyOf.has(row)) return true;
    return marks.found !== null && !marks.found.has(row);
  }

  draw() {
    const { context: pen, camera, ratio } = this;
    if (!ratio) return;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = this.ink.page;
    pen.fillRect(0, 0, camera.width, camera.height);
    this.land.draw(pen, camera);
    const visible = this.#visible();
    const { shown, dots } = this.#sorted(visible);
    this.#dots(dots);
    this.drawn = shown.map((row) => this.#rect(row));
    if (this.marks.copies) this.#bonds();
    this.#rings(false);
    const { level } = this.level;
    const beside = (one) => this.all.levels[one.row] <= level; // none of these covers another
    this.#pictures(this.drawn.filter(beside));
    for (const one of this.drawn) if (!beside(one)) this.#pictures([one]);
    this.#rings(true);
    this.labels.draw(pen, camera, this.ink, this.drawn);
    this.#closer();
    this.#lasso();
  }

  /** Rows that lie in the window, or near it. */
  #visible() {
    const { all, camera } = this;
    const around = (LARGEST / 2 + 4) / camera.scale;
    const [left, top] = camera.toMap(0, 0);
    const [right, bottom] = camera.toMap(camera.width, camera.height);
    const rows = [];
    for (let row = 0; row < all.count; row += 1) {
      const [x, y] = [all.x[row], all.y[row]];
      if (x > left - around && x < right + around && y > top - around && y < bottom + around) rows.push(row);
    }
    return rows;
  }

  /** The level that is shown, and how large a picture of it is. */
  get level() {
    const nearer = Math.min(2.2, Math.max(1, this.camera.scale / this.camera.fit) ** 0.4);
    const usual = Math.max(28, Math.min(54, 640 / Math.sqrt(this.all.count)));
    const least = usual * nearer * (this.camera.width < 600 ? 0.8 : 1); // from near, fewer and larger ones
    const level = Math.floor(Math.log(Math.max(1e-9, (this.camera.scale * COARSEST) / least)) / Math.log(LEVEL_STEP));
    return { level, size: (this.camera.scale * COARSEST * ROOM) / LEVEL_STEP ** Math.max(0, level) };
  }

  /** @param {number[]} visible @returns {{shown: number[], dots: number[]}} */
  #sorted(visible) {
    const { level } = this.level;
    const { marks } = this;
    const meant = marks.found !== null || marks.copies || this.colouring.chosen.size > 0;
    const [shown, dots, extra] = [[], [], []];
    for (const row of visible) {
      const faint = this.#faint(row);
      if (meant ? !faint && this.all.levels[row] <= level : this.all.levels[row] <= level) shown.push(row);
      else if (meant && !faint) extra.push(row);
      else dots.push(row);
    }
    // Of what is meant, pictures stand for themselves where they are few.
    if (extra.length && extra.length <= 150) shown.push(...extra);
    else dots.push(...extra);
    return { shown, dots };
  }

  /** @param {number} row */
  #rect(row, most = LARGEST) {
    const { all, camera } = this;
    const { size } = this.level;
    const side = Math.max(Math.min(size, 110), Math.min(all.apart[row] * camera.scale * ROOM, most));
    return this.#placed(row, side);
  }

  /** @param {number} row @param {number} side */
  #placed(row, side) {
    const [wide, high] = [this.all.shapes[2 * row] / 255, this.all.shapes[2 * row + 1] / 255];
    const [x, y] = this.camera.toScreen(this.all.x[row], this.all.y[row]);
    const [width, height] = [Math.max(3, side * wide), Math.max(3, side * high)];
    return { row, left: x - width / 2, top: y - height / 2, width, height };
  }

  /** @param {number[]} rows */
  #dots(rows) {
    const { context: pen, camera } = this;
    const radius = Math.min(4.5, Math.max(1.3, Math.sqrt(camera.scale / camera.fit) * Math.max(1.3, 60 / Math.sqrt(this.all.count))));
    const parts = new Map();
    for (const row of rows) {
      const key = this.#faint(row) ? "faint" : this.colouring.hue(this.colouring.entryOf[row], this.dark);
      if (!parts.has(key)) parts.set(key, []);
      parts.get(key).push(row);
    }
    for (const [key, some] of parts) {
      pen.globalAlpha = key === "faint" ? 0.22 : 0.85;
      pen.fillStyle = key === "faint" ? this.ink.muted : key;
      pen.beginPath();
      for (const row of some) {
        const [x, y] = camera.toScreen(this.all.x[row], this.all.y[row]);
        pen.moveTo(x + radius, y);
        pen.arc(x, y, radius, 0, 7);
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  /** @param {{row: number, left: number, top: number, width: number, height: number}[]} places */
  #pictures(places) {
    const { context: pen } = this;
    const round = (one) => Math.min(6, Math.min(one.width, one.height) * 0.12);
    pen.save();
    pen.beginPath();
    for (const one of places) pen.roundRect(one.left, one.top, one.width, one.height, round(one));
    pen.clip();
    pen.fillStyle = this.ink.tile;
    pen.imageSmoothingQuality = "high";
    for (const one of places) {
      const cell = this.tiles.of(one.row);
      if (cell) pen.drawImage(cell.bitmap, cell.left, cell.top, cell.width, cell.height, one.left, one.top, one.width, one.height);
      else pen.fillRect(one.left, one.top, one.width, one.height);
    }
    pen.restore();
    const parts = new Map();
    for (const one of places) {
      const hue = this.colouring.hue(this.colouring.entryOf[one.row], this.dark);
      if (!parts.has(hue)) parts.set(hue, []);
      parts.get(hue).push(one);
    }
    pen.lineWidth = this.colouring.field ? 2 : 1;
    for (const [hue, some] of parts) {
      pen.strokeStyle = this.colouring.field ? hue : this.dark ? "rgb(255 255 255 / 16%)" : "rgb(0 0 0 / 14%)";
      pen.beginPath();
      for (const one of some) pen.roundRect(one.left, one.top, one.width, one.height, round(one));
      pen.stroke();
    }
  }

  /** Lines between copies. */
  #bonds() {
    const { context: pen, camera, all } = this;
    pen.strokeStyle = this.ink.accent;
    pen.lineWidth = 2;
    pen.beginPath();
    for (const rows of all.copies) {
      for (const row of rows.slice(1)) {
        pen.moveTo(...camera.toScreen(all.x[rows[0]], all.y[rows[0]]));
        pen.lineTo(...camera.toScreen(all.x[row], all.y[row]));
      }
    }
    pen.stroke();
  }

  /** What is selected stands out. @param {boolean} shown whether as a picture, rather than a dot */
  #rings(shown) {
    const { context: pen, camera, all, marks } = this;
    if (!marks.selected.size) return;
    const pictures = new Map(this.drawn.map((one) => [one.row, one]));
    pen.strokeStyle = this.ink.accent;
    pen.lineWidth = 3;
    pen.beginPath();
    for (const row of marks.selected) {
      const one = pictures.get(row);
      if (Boolean(one) !== shown) continue;
      if (one) pen.roundRect(one.left - 1.5, one.top - 1.5, one.width + 3, one.height + 3, 7);
      else {
        const [x, y] = camera.toScreen(all.x[row], all.y[row]);
        pen.moveTo(x + 3.5, y);
        pen.arc(x, y, 3.5, 0, 7);
      }
    }
    pen.stroke();
  }

  /** The picture under the pointer, and the one whose details are shown, lie on top. */
  #closer() {
    const { context: pen, marks } = this;
    for (const row of new Set([marks.open, marks.hover])) {
      if (row < 0) continue;
      const small = this.drawn.find((one) => one.row === row);
      const side = Math.max(row === marks.hover ? 118 : 72, small ? Math.max(small.width, small.height) * 1.06 : 0);
      const one = this.#placed(row, side);
      pen.save();
      pen.shadowColor = "rgb(0 0 0 / 45%)";
      pen.shadowBlur = 18;
      pen.shadowOffsetY = 5;
      pen.fillStyle = this.ink.tile;
      pen.beginPath();
      pen.roundRect(one.left, one.top, one.width, one.height, 8);
      pen.fill();
      pen.restore();
      pen.save();
      pen.beginPath();
      pen.roundRect(one.left, one.top, one.width, one.height, 8);
      pen.clip();
      const cell = this.tiles.of(row);
      if (cell) pen.drawImage(cell.bitmap, cell.left, cell.top, cell.width, cell.height, one.left, one.top, one.width, one.height);
      pen.restore();
      pen.lineWidth = 3;
      pen.strokeStyle = row === marks.open ? this.ink.accent : this.ink.card;
      pen.beginPath();
      pen.roundRect(one.left, one.top, one.width, one.height, 8);
      pen.stroke();
    }
  }

  #lasso() {
    const { context: pen, camera, marks } = this;
    if (!marks.lasso) return;
    pen.beginPath();
    for (const [x, y] of marks.lasso) pen.lineTo(...camera.toScreen(x, y));
    pen.closePath();
    pen.fillStyle = this.ink.accent;
    pen.globalAlpha = 0.14;
    pen.fill();
    pen.globalAlpha = 1;
    pen.setLineDash([6, 4]);
    pen.lineWidth = 2;
    pen.strokeStyle = this.ink.accent;
    pen.stroke();
    pen.setLineDash([]);
  }

  /** What lies under a point of the screen. @returns {number} a row, or -1 */
  under(left, top, reach = 7) {
    for (let at = this.drawn.length - 1; at >= 0; at -= 1) {
      const one = this.drawn[at];
      if (left >= one.left && left <= one.left + one.width && top >= one.top && top <= one.top + one.height) return one.row;
    }
    const [x, y] = this.camera.toMap(left, top);
    const row = this.all.nearest(x, y, () => true);
    if (row < 0) return -1;
    const [atX, atY] = this.camera.toScreen(this.all.x[row], this.all.y[row]);
    return Math.hypot(atX - left, atY - top) <= reach ? row : -1;
  }
}
