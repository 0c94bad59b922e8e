/** The concepts of the index on the first page, to ask for. */

import { get } from "../api.js";
import { byId, el } from "../dom.js";
import { styled } from "./styles.js";

await styled("concepts.css");

const MOST = 12;

/** @param {(name: string) => void} ask */
export async function offer(ask) {
  /** @type {{name: string, yes: number}[]} */
  let found = [];
  try {
    found = (await get("concepts")).concepts;
  } catch {
    // The results meet the same trouble and say so.
  }
  const known = found.filter(({ yes }) => yes).slice(0, MOST);
  document.getElementById("concepts")?.remove();
  if (!known.length) return;
  const pills = known.map(({ name }) =>
    el("li", {}, el("button", { class: "pill", type: "button", onclick: () => ask(name) }, el("span", { dir: "auto", text: name }))),
  );
  byId("recent").after(el("div", { class: "recent concepts", id: "concepts" }, el("h2", { text: "Concepts" }), el("ul", { class: "pills" }, ...pills)));
}
