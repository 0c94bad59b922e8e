/** Small helpers to build the page. Text only ever becomes text, never HTML. */

/** @param {string} id @returns {any} the element with that id, which index.html is sure to have */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param {string} tag
 * @param {Record<string, any>} [props] `class`, `text`, `onclick` and the like, or attributes;
 *   false, null and undefined leave an attribute out, true writes it without a value
 * @param {...(Node|string|null|false|undefined)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** @param {string} name of a symbol in index.html @returns {SVGElement} hidden from screen readers */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Draw something anew and keep the focus where it was: elements are known by `data-focus`.
 * @param {Element} root
 * @param {() => void} draw
 */
export function keepingFocus(root, draw) {
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  const name = held instanceof HTMLElement ? held.dataset.focus : undefined;
  draw();
  if (name === undefined) return;
  const again = root.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/** Say something to screen readers. @param {string} text */
export function say(text) {
  const live = byId("live");
  if (live.textContent !== text) live.textContent = text;
}

export function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("visavis.theme", root.dataset.theme);
  say(`${dark ? "Light" : "Dark"} colours`);
}

/** @template {any[]} A @param {(...a: A) => void} act @param {number} ms @returns {(...a: A) => void} */
export function debounced(act, ms) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), ms);
  };
}

const WHOLE = new Intl.NumberFormat();

/** @param {number} value @returns {string} with separators: 12,345 */
export const number = (value) => WHOLE.format(value);

/** @param {number} count @param {string} one @param {string} [many] @returns {string} "1 picture" */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number} bytes @returns {string} */
export function fileSize(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} KB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
