/** For those who have a key that writes: add pictures, give a record another picture, remove records. */

import { call, getFields, segment } from "../api.js";
import { byId, counted, el, icon } from "../dom.js";
import { plainly } from "../notice.js";
import { labelOf, titleOf } from "../records.js";
import { styled } from "./styles.js";

await styled("manage.css");

/** @typedef {import("./types.js").ImageRecord} ImageRecord */

const MOST_FIELDS = 12;

/** A button that begins to teach, beside the one that selects. @param {import("../showing.js").Showing} showing */
export function teach(showing) {
  if (document.getElementById("teach")) return;
  const space = "http://www.w3.org/2000/svg";
  const [picture, symbol, path] = ["svg", "symbol", "path"].map((name) => document.createElementNS(space, name));
  Object.entries({ id: "i-yes", viewBox: "0 0 24 24" }).forEach(([name, value]) => symbol.setAttribute(name, value));
  path.setAttribute("d", "m5 12.5 4.5 4.5L19 7.5");
  symbol.append(path);
  picture.append(symbol);
  picture.setAttribute("hidden", "");
  document.body.append(picture);
  const begin = async () => (await import("./teach.js")).turn(showing);
  const props = { class: "tool", id: "teach", type: "button", "aria-pressed": "false", title: "Teach", onclick: begin };
  byId("select").after(el("button", props, icon("yes"), el("span", { text: "Teach" })));
}

/**
 * A dialog that does something and says how that went.
 * @param {string} title @param {Node[]} content @param {string} verb
 * @param {(tell: (text: string) => void) => Promise<boolean>} act whether it is done with
 * @param {() => void} changed
 */
function ask(title, content, verb, act, changed) {
  const told = el("p", { role: "status", class: "quiet" });
  const go = el("button", { class: "primary", type: "submit", text: verb });
  const stop = el("button", { type: "button", text: "Cancel", onclick: () => dialog.close() });
  const heading = el("h2", { id: "ask-heading", text: title });
  const form = el("form", {}, heading, ...content, told, el("div", { class: "acts" }, go, stop));
  const dialog = el("dialog", { class: "small", "aria-labelledby": "ask-heading" }, form);
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    go.disabled = true;
    let done = false;
    try {
      done = await act((text) => (told.textContent = text));
    } catch (error) {
      told.textContent = plainly(/** @type {Error} */ (error).message);
    }
    go.disabled = false;
    stop.textContent = "Close";
    if (done) dialog.close();
    changed();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {boolean} multiple */
const chooser = (multiple) => el("input", { id: "ask-files", type: "file", accept: "image/*", required: true, multiple });

/** @param {() => void} changed */
export async function add(changed) {
  const fields = (await getFields()).slice(0, MOST_FIELDS);
  const files = chooser(true);
  const boxes = fields.map(({ name, type }) => ({ name, type, box: el("input", { id: `ask-field-${name}`, autocomplete: "off", dir: "auto" }) }));
  const inputs = boxes.map(({ name, box }) => el("p", {}, el("label", { for: box.id, text: labelOf(name) }), box));
  const act = async (/** @type {(text: string) => void} */ tell) => {
    /** @type {Record<string, string|number>} */
    const values = {};
    for (const { name, type, box } of boxes) {
      const text = box.value.trim();
      if (text) values[name] = type === "number" && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    const failed = [];
    const chosen = [...files.files];
    for (const [at, file] of chosen.entries()) {
      tell(`Adding ${at + 1} of ${chosen.length} …`);
      try {
        await addRecord(file, values);
      } catch (error) {
        failed.push(`${file.name}: ${plainly(/** @type {Error} */ (error).message)}`);
      }
    }
    tell([`${counted(chosen.length - failed.length, "picture")} added.`, ...failed].join(" "));
    files.value = "";
    return false;
  };
  const label = el("label", { for: "ask-files", text: "Pictures" });
  ask("Add pictures", [el("p", {}, label, files), ...inputs], "Add", act, changed);
}

/** @param {ImageRecord} record @param {() => void} changed */
export function replace(record, changed) {
  const files = chooser(false);
  const content = [
    el("p", { dir: "auto", text: titleOf(record) }),
    el("p", {}, el("label", { for: "ask-files", text: "The new picture" }), files),
    el("p", { class: "quiet", text: "The record keeps its id and its fields." }),
  ];
  const act = async () => {
    await addRecord(files.files[0], null, record.id);
    return true;
  };
  ask("Replace the picture", content, "Replace", act, changed);
}

/** @param {ImageRecord[]} records @param {() => void} changed */
export function remove(records, changed) {
  const text = "Pictures that were uploaded are deleted; files that were indexed where they lie stay there.";
  const what = records.length === 1 ? `“${titleOf(records[0])}”` : counted(records.length, "picture");
  const act = async (/** @type {(text: string) => void} */ tell) => {
    for (const [at, { id }] of records.entries()) {
      tell(`Removing ${at + 1} of ${records.length} …`);
      await removeRecord(id);
    }
    return true;
  };
  ask(`Remove ${what} from the index?`, [el("p", { class: "quiet", text })], "Remove", act, changed);
}

/**
 * @param {Blob} file @param {object|null} fields null: those that the record has, hidden ones among them
 * @param {string} [id] of the record to replace
 */
async function addRecord(file, fields, id) {
  const body = new FormData();
  body.append("image", file, "picture");
  if (fields) body.append("fields", JSON.stringify(fields));
  if (id !== undefined) body.append("id", id);
  return (await call("images", { method: "POST", body })).json();
}

/** @param {string} id */
async function removeRecord(id) {
  try {
    await call(`images/${segment(id)}`, { method: "DELETE" });
  } catch (error) {
    if (/** @type {any} */ (error).status !== 404) throw error; // somebody else, or an earlier try, has removed it
  }
}
