/** How one picture lies on another. */

/**
 * Lay a picture over the whole of another one.
 * @param {HTMLElement} over which fills the box of the other
 * @param {[number, number][]} corners of it in the other, as fractions, from the left top one clockwise
 * @param {number} ratio width to height of the other
 */
export function lay(over, corners, ratio) {
  const [from, right, , down] = corners;
  const matrix = [right[0] - from[0], (right[1] - from[1]) / ratio, (down[0] - from[0]) * ratio, down[1] - from[1], 0, 0];
  over.style.transform = `translate(${100 * from[0]}%, ${100 * from[1]}%) matrix(${matrix.join(",")})`;
}
