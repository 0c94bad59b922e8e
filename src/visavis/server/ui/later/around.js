/** What else was taken on the same day, and near the same place: asked for when somebody looks. */

import { getSorted, showPicture } from "../api.js";
import { el, number } from "../dom.js";
import { titleOf } from "../records.js";
import { styled } from "./styles.js";

/**
 * @typedef {import("./types.js").ImageRecord} ImageRecord
 * @typedef {(change: {show: string|null, where?: string[], terms?: never[], sort?: string}) => void} Go
 */

const SHOWN = 8;
const FAR = "1km";
const SETTLED = 150; // ms that one looks at a record before others are asked for
const EARTH_KM = 6371.0088;

/** @type {Promise<void>|null} */
let style = null;

/** @param {ImageRecord} record @param {Go} go @returns {HTMLElement|null} filled in when they are known */
export function around(record, go) {
  const { taken, latitude, longitude } = record.fields;
  const day = /^\d{4}-\d\d-\d\d/.exec(String(taken))?.[0];
  const placed = typeof latitude === "number" && typeof longitude === "number";
  if (!day && !placed) return null;
  const place = el("section", { class: "around" });
  setTimeout(async () => {
    if (!place.isConnected) return;
    await (style ??= styled("around.css"));
    if (day) await add(place, record, go, "That day", `taken=${day}`, "taken");
    if (placed) await add(place, record, go, "Nearby", `nearby=${latitude},${longitude},${FAR}`, "nearby");
  }, SETTLED);
  return place;
}

/** A row of pictures, and a button that shows them all; nothing where there are no others.
 * @param {HTMLElement} place @param {ImageRecord} record @param {Go} go @param {string} name @param {string} filter @param {string} sort */
async function add(place, record, go, name, filter, sort) {
  const stop = new AbortController();
  const found = await getSorted(SHOWN + 1, 0, sort, [filter], stop.signal).catch(() => null); // hidden, or away
  const others = found?.images.filter(({ id }) => id !== record.id).slice(0, SHOWN) ?? [];
  if (!found || !others.length || !place.isConnected) return;
  const all = { type: "button", class: "plain", onclick: () => go({ show: null, where: [filter], terms: [], sort: "" }) };
  const count = number(found.total);
  place.append(
    el(
      "div",
      { class: "around-head" },
      el("h3", { text: name }),
      el("button", { ...all, "aria-label": `${name}: show all ${count}`, text: `Show all ${count}` }),
    ),
    el("ul", { "aria-label": name }, ...others.map((other) => el("li", {}, thumbnail(record, other, sort, go)))),
  );
}

/** @param {ImageRecord} record @param {ImageRecord} other @param {string} sort @param {Go} go */
function thumbnail(record, other, sort, go) {
  const told = sort === "nearby" ? distance(record, other) : timeOf(other);
  const title = titleOf(other);
  const image = el("img", { alt: "", width: 96, height: 96 });
  showPicture(image, `${other.thumbnail}&side=160`);
  const props = { type: "button", title, "aria-label": told ? `${title}, ${told}` : title };
  return el("button", { ...props, onclick: () => go({ show: other.id }) }, image, el("span", { text: told }));
}

/** @param {ImageRecord} record @returns {string} the time of the day, if the camera's clock had one */
const timeOf = ({ fields }) => /T(\d\d:\d\d)/.exec(String(fields.taken))?.[1] ?? "";

/** How far apart two places are: the haversine formula, as filters have it.
 * @param {ImageRecord} one @param {ImageRecord} other @returns {string} */
function distance(one, other) {
  const at = [one, other].map(({ fields }) =>
    [fields.latitude, fields.longitude].map((degrees) => (Number(degrees) * Math.PI) / 180),
  );
  const [up, along] = [0, 1].map((axis) => Math.sin((at[1][axis] - at[0][axis]) / 2) ** 2);
  const km = 2 * EARTH_KM * Math.asin(Math.sqrt(up + Math.cos(at[0][0]) * Math.cos(at[1][0]) * along));
  return km < 1 ? `${Math.round(km * 1000)} m` : `${km.toFixed(1)} km`;
}
