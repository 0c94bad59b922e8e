/** Land under the pictures: where they are many, in the colours that they have there. */
"use strict";

const LAND = 288; // cells of a side
const AROUND = 0.12; // of the map's width beyond each of its edges

class Land {
  /** @param {Collection} all @param {Colouring} colouring */
  constructor(all, colouring) {
    [this.all, this.colouring] = [all, colouring];
    this.sheet = document.createElement("canvas");
    this.sheet.width = this.sheet.height = LAND;
  }

  /** @param {boolean} dark */
  paint(dark) {
    const { all, colouring } = this;
    const cells = new Int32Array(all.count);
    const cell = (value) => Math.min(LAND - 1, Math.max(0, Math.floor(((value + AROUND) / (1 + 2 * AROUND)) * LAND)));
    const parts = new Map();
    for (let row = 0; row < all.count; row += 1) {
      cells[row] = cell(all.y[row]) * LAND + cell(all.x[row]);
      const hue = colouring.shows(row) ? colouring.hue(colouring.entryOf[row], dark) : "none";
      if (!parts.has(hue)) parts.set(hue, new Float32Array(LAND * LAND));
      parts.get(hue)[cells[row]] += 1;
    }
    const radius = Math.max(3, Math.min(9, Math.round((1.1 * LAND) / Math.sqrt(all.count) / 1.6)));
    const whole = new Float32Array(LAND * LAND);
    const mixed = new Float32Array(3 * LAND * LAND);
    for (const [hue, counts] of parts) {
      const soft = blurred(counts, radius);
      const rgb = hue === "none" ? (dark ? [58, 58, 64] : [214, 211, 204]) : [1, 3, 5].map((at) => Number.parseInt(hue.slice(at, at + 2), 16));
      for (let at = 0; at < soft.length; at += 1) {
        whole[at] += soft[at];
        for (let part = 0; part < 3; part += 1) mixed[3 * at + part] += soft[at] * rgb[part];
      }
    }
    const usual = Float32Array.from(cells, (at) => whole[at]).sort()[all.count >> 1] || 1;
    const image = new ImageData(LAND, LAND);
    const strength = colouring.field ? (dark ? 0.3 : 0.2) : dark ? 0.2 : 0.13;
    for (let at = 0; at < whole.length; at += 1) {
      const high = whole[at] / usual;
      if (high < 0.01) continue;
      const rise = (from, to) => Math.min(1, Math.max(0, (high - from) / (to - from)));
      const shore = Math.exp(-(((high - 0.16) / 0.07) ** 2)) * 0.35;
      const tint = strength * (0.55 * rise(0.1, 0.2) + 0.3 * rise(0.5, 0.62) + 0.25 * rise(1.1, 1.25) + shore);
      for (let part = 0; part < 3; part += 1) image.data[4 * at + part] = mixed[3 * at + part] / whole[at];
      image.data[4 * at + 3] = 255 * Math.min(1, tint);
    }
    this.sheet.getContext("2d").putImageData(image, 0, 0);
  }

  /** @param {CanvasRenderingContext2D} pen @param {Camera} camera */
  draw(pen, camera) {
    const [left, top] = camera.toScreen(-AROUND, -AROUND);
    const side = camera.scale * (1 + 2 * AROUND);
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.sheet, left, top, side, side);
  }
}

/** Three box blurs, which are as good as a Gaussian one. @param {Float32Array} counts @param {number} radius */
function blurred(counts, radius) {
  let [from, to] = [counts.slice(), new Float32Array(counts.length)];
  for (let pass = 0; pass < 3; pass += 1) {
    for (const [step, line] of [[1, LAND], [LAND, 1]]) {
      for (let number = 0; number < LAND; number += 1) {
        let sum = 0;
        const start = number * line;
        for (let at = -radius; at < LAND; at += 1) {
          if (at + radius < LAND) sum += from[start + (at + radius) * step];
          if (at - radius - 1 >= 0) sum -= from[start + (at - radius - 1) * step];
          if (at >= 0) to[start + at * step] = sum / (2 * radius + 1);
        }
      }
      [from, to] = [to, from];
    }
  }
  return from;
}

const EDGE = 6; // pixels between a name and the edge of the window
const BESIDES = [-2, -1, 0, 1, 2].flatMap((down) => [-2, -1, 0, 1, 2].map((right) => [right, down]));

/** Names of regions, none over another. */
class Labels {
  /** @param {Collection} all */
  constructor(all) {
    this.all = all;
    /** @type {{region: any, left: number, top: number, width: number, height: number}[]} */
    this.drawn = [];
  }

  /** @param {CanvasRenderingContext2D} pen @param {Camera} camera @param {any} ink @param {any[]} pictures that are drawn */
  draw(pen, camera, ink, pictures) {
    const near = camera.scale / camera.fit;
    this.drawn = [];
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    for (const region of this.all.regions) {
      if (!region.name || (region.fine ? near < 1.9 : near > 6)) continue;
      if (camera.scale < 460 && region.rows.length < this.all.count * 0.045) continue; // too crowded
      const [x, y] = camera.toScreen(...region.place);
      if (x < -80 || y < -20 || x > camera.width + 80 || y > camera.height + 20) continue;
      const size = region.fine ? 12.5 : Math.min(17, 13 + region.rows.length / this.all.count * 14);
      pen.font = `600 ${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif`;
      const text = region.name.length > 34 ? `${region.name.slice(0, 33)}…` : region.name;
      const [width, height] = [pen.measureText(text).width + 20, size + 13];
      const reach = Math.max(0.45, Math.min(1, camera.scale / 720)); // on a small map, not far away
      const one = this.#placed({ region, text, width, height }, x, y, pictures, reach, camera.width);
      if (!one) continue;
      this.drawn.push(one);
      pen.globalAlpha = 0.9;
      pen.fillStyle = ink.card;
      pen.beginPath();
      pen.roundRect(one.left, one.top, width, height, height / 2);
      pen.fill();
      pen.globalAlpha = 1;
      pen.fillStyle = ink.ink;
      pen.fillText(text, one.left + width / 2, one.top + height / 2 + 0.5);
    }
  }

  /** Beside its place, where it hides the least of pictures. @returns {any} null: there is no room */
  #placed(label, x, y, pictures, reach, across) {
    const rightmost = across - label.width - EDGE;
    const within = (/** @type {number} */ left) => (x < 0 || x > across ? left : Math.max(EDGE, Math.min(rightmost, left))); // names of what is in view are not cut off
    const near = pictures.filter((one) => Math.abs(one.left + one.width / 2 - x) < 190 && Math.abs(one.top + one.height / 2 - y) < 130);
    let [best, least] = [null, Infinity];
    for (const [right, down] of BESIDES) {
      const one = { ...label, left: within(x - label.width / 2 + right * 34 * reach), top: y - label.height / 2 + down * 26 * reach };
      if (this.#taken(one)) continue;
      let hidden = 40 * Math.hypot(right, down);
      for (const other of near) {
        const wide = Math.min(one.left + one.width, other.left + other.width) - Math.max(one.left, other.left);
        const high = Math.min(one.top + one.height, other.top + other.height) - Math.max(one.top, other.top);
        if (wide > 0 && high > 0) hidden += wide * high;
      }
      if (hidden < least) [best, least] = [one, hidden];
    }
    return best;
  }

  /** @param {any} one @returns {boolean} */
  #taken(one) {
    return this.drawn.some((other) => {
      const gap = other.text === one.text ? 90 : 6;
      return (
        one.left < other.left + other.width + gap &&
        other.left < one.left + one.width + gap &&
        one.top < other.top + other.height + gap &&
        other.top < one.top + one.height + gap
      );
    });
  }

  /** @param {number} left @param {number} top @returns {any} the region whose name is there, or null */
  under(left, top) {
    const found = this.drawn.find((one) => left >= one.left && left <= one.left + one.width && top >= one.top && top <= one.top + one.height);
    return found ? found.region : null;
  }
}
