/** A picture as the model sees it: pixels as `visavis` has them, resized as Pillow resizes. */

const BITS = 22; // Pillow's whole numbers: 32 - 8 - 2
const HALF = 1 << (BITS - 1);

/** Keys' cubic with a = -0.5, as in Pillow's Resample.c. @param {number} x */
function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** Which pixels make each new one, and how much of each. @param {number} from @param {number} to */
function weightsOf(from, to) {
  const scale = from / to;
  const wide = Math.max(scale, 1);
  const support = 2 * wide;
  return Array.from({ length: to }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const shares = [];
    let sum = 0;
    for (let x = first; x < end; x++) {
      const share = bicubic((x - centre + 0.5) * (1 / wide));
      shares.push(share);
      sum += share;
    }
    const whole = shares.map((share) => {
      const part = (sum === 0 ? share : share * (1 / sum)) * (1 << BITS);
      return Math.trunc(part < 0 ? part - 0.5 : part + 0.5);
    });
    return { first, whole: Int32Array.from(whole) };
  });
}

/** @param {number} sum @returns {number} 0…255 */
const clipped = (sum) => Math.min(255, Math.max(0, sum >> BITS));

/** @typedef {{width: number, height: number, data: Uint8Array|Uint8ClampedArray}} Pixels three channels */

/** Rows to `size` pixels. @param {Pixels} picture @param {number} size @returns {Pixels} */
function widthTo({ width, height, data }, size) {
  if (width === size) return { width, height, data };
  const weights = weightsOf(width, size);
  const made = new Uint8Array(3 * size * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const { first, whole } = weights[x];
      let [red, green, blue] = [HALF, HALF, HALF];
      for (let k = 0, at = 3 * (y * width + first); k < whole.length; k++, at += 3) {
        red += data[at] * whole[k];
        green += data[at + 1] * whole[k];
        blue += data[at + 2] * whole[k];
      }
      made[to++] = clipped(red);
      made[to++] = clipped(green);
      made[to++] = clipped(blue);
    }
  }
  return { width: size, height, data: made };
}

/** Columns to `size` pixels. @param {Pixels} picture @param {number} size @returns {Pixels} */
function heightTo({ width, height, data }, size) {
  if (height === size) return { width, height, data };
  const weights = weightsOf(height, size);
  const line = 3 * width;
  const made = new Uint8Array(line * size);
  for (let y = 0, to = 0; y < size; y++) {
    const { first, whole } = weights[y];
    for (let x = 0; x < line; x++) {
      let sum = HALF;
      for (let k = 0, at = first * line + x; k < whole.length; k++, at += line) sum += data[at] * whole[k];
      made[to++] = clipped(sum);
    }
  }
  return { width, height: size, data: made };
}

/**
 * To size × size, shape not kept: Pillow's `resize(…, BICUBIC)`, bit for bit. What is between its two steps is
 * rounded, so their order counts: Pillow 13 begins with the height where that leaves clearly less to do.
 * @param {Pixels} picture @param {number} size
 */
function resized(picture, size) {
  const { width, height } = picture;
  const upright = height > size && height - size > 2 * (width - size);
  return (upright ? widthTo(heightTo(picture, size), size) : heightTo(widthTo(picture, size), size)).data;
}

/**
 * Blocks of factor × factor pixels as their mean: Pillow's `reduce`, and about what a JPEG decoder gives
 * that is asked for a smaller picture. @param {any} picture @param {number} factor
 */
function reduced({ width, height, data }, factor) {
  const [wide, high] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const made = new Uint8Array(3 * wide * high);
  for (let y = 0; y < high; y++) {
    const bottom = Math.min(height, (y + 1) * factor);
    for (let x = 0; x < wide; x++) {
      const right = Math.min(width, (x + 1) * factor);
      let [red, green, blue] = [0, 0, 0];
      for (let v = y * factor; v < bottom; v++) {
        for (let u = x * factor, at = 3 * (v * width + u); u < right; u++, at += 3) {
          red += data[at];
          green += data[at + 1];
          blue += data[at + 2];
        }
      }
      const count = (bottom - y * factor) * (right - x * factor);
      const to = 3 * (y * wide + x);
      made[to] = red / count + 0.5;
      made[to + 1] = green / count + 0.5;
      made[to + 2] = blue / count + 0.5;
    }
  }
  return { width: wide, height: high, data: made };
}

const NEARLY_WHITE = 224;

/** Four channels as three, on white, or on black where white would hide what there is. @param {ImageData} image */
function onGround({ width, height, data }) {
  let seen = 0;
  let dark = 0;
  for (let at = 0; at < data.length; at += 4) {
    seen += data[at + 3];
    if (Math.min(data[at], data[at + 1], data[at + 2]) < NEARLY_WHITE) dark += data[at + 3];
  }
  const opaque = seen === 255 * width * height;
  const ground = !opaque && seen > 0 && seen - dark >= 0.98 * seen ? 0 : 255;
  const made = new Uint8Array(3 * width * height);
  for (let at = 0, to = 0; at < data.length; at += 4) {
    const share = data[at + 3] / 255;
    for (let channel = 0; channel < 3; channel++, to++) {
      made[to] = share === 1 ? data[at + channel] : data[at + channel] * share + ground * (1 - share) + 0.5;
    }
  }
  return { width, height, data: made };
}

const LARGEST = 16_000_000; // pixels of a canvas that every browser can make

/**
 * A file's picture as the browser decodes it: upright, in sRGB; a large one made smaller as `visavis` does.
 * @param {Blob} file @param {number} side
 */
async function pixelsOf(file, side) {
  const head = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    if (bitmap.width * bitmap.height > LARGEST) {
      const factor = Math.sqrt(LARGEST / (bitmap.width * bitmap.height));
      const size = { resizeWidth: Math.max(1, Math.floor(bitmap.width * factor)), resizeHeight: Math.max(1, Math.floor(bitmap.height * factor)) };
      bitmap = await createImageBitmap(bitmap, { ...size, resizeQuality: "high" });
    }
  } catch {
    throw new Error("This browser cannot read that file as a picture. JPEG, PNG and WebP always work.");
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  if (!paper) throw new Error("This browser gives no room to read the picture. Close other tabs, and try again.");
  paper.drawImage(bitmap, 0, 0);
  const picture = onGround(paper.getImageData(0, 0, bitmap.width, bitmap.height));
  bitmap.close();
  const shorter = Math.min(picture.width, picture.height);
  const jpeg = head[0] === 0xff && head[1] === 0xd8;
  const factor = jpeg ? [8, 4, 2].find((one) => Math.floor(shorter / side) >= one) : Math.floor(shorter / (2 * side));
  return factor && factor > 1 ? reduced(picture, factor) : picture;
}

/** Whether pixels come back as they were drawn: settings against tracking may add noise to them. */
function readsBack() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [16, 16];
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  if (!paper) return false;
  const drawn = paper.createImageData(16, 16);
  drawn.data.forEach((_, at) => (drawn.data[at] = at % 4 === 3 ? 255 : (at * 37) % 256));
  paper.putImageData(drawn, 0, 0);
  return paper.getImageData(0, 0, 16, 16).data.every((value, at) => value === drawn.data[at]);
}
