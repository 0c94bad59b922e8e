/** The last searches of this browser, to repeat; pictures of one's own are never among them. */

import { byId, el } from "./dom.js";
import { writeState } from "./state.js";

const KEY = "visavis.recent";
const MOST = 6;

/** @typedef {{address: string, label: string}} Recent */

/** @returns {Recent[]} the newest first */
export function recents() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {Recent[]} list */
function keep(list) {
  localStorage.setItem(KEY, JSON.stringify(list));
  drawRecents();
}

/** @param {import("./state.js").State} state that was answered @param {string} label */
export function remember(state, label) {
  if (!state.terms.length || !label || state.terms.some((one) => one.kind === "up")) return;
  const address = writeState({ ...state, min: 0, sort: "" }, false);
  keep([{ address, label }, ...recents().filter((one) => one.label !== label)].slice(0, MOST));
}

export function drawRecents() {
  const list = recents();
  byId("recent").hidden = !list.length;
  byId("recent-list").replaceChildren(
    ...list.map(({ address, label }) => el("li", {}, el("a", { class: "pill", href: address }, el("span", { dir: "auto", text: label })))),
    el("li", {}, el("button", { class: "plain", type: "button", text: "Forget them", onclick: () => keep([]) })),
  );
}
