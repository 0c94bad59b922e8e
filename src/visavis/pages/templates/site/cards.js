/** Elements, and pictures as cards. Text only ever becomes text, never HTML. */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** @param {string} tag @param {Record<string, any>} [props] @param {...any} children @returns {any} */
function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter(Boolean));
  return element;
}

/** A field's name as people write it. @param {string} name */
function labelOf(name) {
  const words = name
    .replace(/([\p{Ll}\d])(?=\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1$2 ")
    .split(/[\s_-]+/)
    .filter(Boolean)
    .map((word) => (/^\p{Lu}[\p{Lu}\d]+$/u.test(word) ? word : word.toLowerCase()));
  const text = words.join(" ") || name;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} key @returns {Promise<string>|string} where a picture is */
function sourceOf(key) {
  if (document.documentElement.dataset.parts) return `visavis-pictures/${key.slice(0, 2)}/${key.slice(2)}.webp`;
  return load(`p${key}`).then((text) => `data:image/webp;base64,${text}`);
}

/** A picture in a box of its shape. @param {any} picture @param {boolean} eager */
function tile(picture, eager) {
  const image = el("img", { alt: "", loading: eager ? false : "lazy", decoding: "async", draggable: "false" });
  const box = el("span", { class: "tile" }, image);
  image.addEventListener("error", () => box.classList.add("broken"));
  Promise.resolve(sourceOf(picture.key)).then((source) => (image.src = source));
  return box;
}

/** @param {any} picture @param {number} at its place @param {number} [score] */
function card(picture, at, score) {
  const fill = el("i");
  if (score !== undefined) fill.style.width = `${Math.round(100 * Math.min(1, Math.max(0, score)))}%`;
  const item = el(
    "li",
    {},
    el(
      "a",
      { class: "card", href: address({ p: picture.key }), title: picture.title, draggable: "false" },
      tile(picture, at < 12),
      el(
        "span",
        { class: "about" },
        el("span", { class: "caption", dir: "auto", text: picture.title }),
        score !== undefined && el("span", { class: "vh", text: `similarity ${score.toFixed(2)}` }),
        score !== undefined && el("span", { class: "meter", "aria-hidden": "true" }, fill),
      ),
    ),
  );
  item.style.setProperty("--ratio", String(Math.min(2.4, Math.max(0.7, picture.ratio))));
  return item;
}

const FIRST = 24; // cards at once: each may need a part of its own
const FURTHER = 48;

/**
 * A grid that grows as one comes to its end.
 * @param {{number: number, score?: number}[]} found @param {string} label
 */
async function grid(found, label) {
  const list = el("ul", { class: "grid", "aria-label": label });
  const more = el("button", { class: "more", type: "button", text: "Show more", onclick: () => grow(FURTHER) });
  let shown = 0;
  /** @param {number} count */
  async function grow(count) {
    const next = found.slice(shown, shown + count);
    const from = shown;
    shown += next.length;
    more.hidden = shown >= found.length;
    const pictures = await Promise.all(next.map(({ number }) => pictureAt(number)));
    list.append(...pictures.map((picture, at) => card(picture, from + at, next[at].score)));
  }
  await grow(FIRST);
  new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && !more.hidden && grow(FURTHER).catch(failed), {
    rootMargin: "600px",
  }).observe(more);
  list.addEventListener("keydown", moved);
  return el("div", {}, list, more);
}

/** Arrows move among cards. @param {KeyboardEvent} event */
function moved(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const cards = [...byId("view").querySelectorAll(".card")];
  const at = cards.indexOf(document.activeElement);
  if (at < 0) return;
  const { left, top, width } = cards[at].getBoundingClientRect();
  const rows = (/** @type {number} */ way) => {
    const others = cards.filter((other) => way * (other.getBoundingClientRect().top - top) > 8);
    if (way < 0) others.reverse();
    const row = others.filter((other) => Math.abs(other.offsetTop - others[0].offsetTop) < 8);
    const off = (/** @type {Element} */ other) => {
      const box = other.getBoundingClientRect();
      return Math.abs(box.left + box.width / 2 - left - width / 2);
    };
    return row.sort((one, other) => off(one) - off(other))[0];
  };
  const next = {
    ArrowRight: () => cards[at + 1],
    ArrowLeft: () => cards[at - 1],
    ArrowDown: () => rows(1),
    ArrowUp: () => rows(-1),
    Home: () => cards[0],
    End: () => cards[cards.length - 1],
  }[event.key]?.();
  if (!next) return;
  event.preventDefault();
  next.focus();
}
