/** Asks the server for what the state says, page after page, and remembers answers for "back". */

import { ask, getBlob, getRandom, getRecord, getSorted } from "./api.js";
import { getPicture } from "./pictures.js";
import { isAnywhere, weightOf, writeState } from "./state.js";

/**
 * @typedef {import("./later/types.js").ImageRecord} ImageRecord
 * @typedef {import("./state.js").State} State
 *
 * @typedef {object} View what has been answered so far
 * @property {ImageRecord[]} records
 * @property {number} total pictures that were searched, or there are to pick from
 * @property {number|null} matching how many reach the smallest score, when it was asked
 * @property {string} reason why there are none, or none that is alike
 * @property {string} verdict what the best is to the picture; empty: none was asked with
 * @property {number|null} similarFrom the score from which on they are alike
 * @property {string[]} notes the words that were ignored
 * @property {boolean} done whether there are no more
 * @property {number} pages
 */

const PAGE = 48;
const MOST = 480;
const SORTED = 200; // matches that are put in the order of a field: the others are less alike
const REMEMBERED = 12;

/** A query with a picture that this browser does not have. */
export class PictureGone extends Error {}

/** @type {Map<string, View>} */
const remembered = new Map();
/** @type {Map<string, Promise<ImageRecord>>} */
const records = new Map();
/** @type {Map<string, Promise<Blob>>} */
const originals = new Map();

/** @template T @param {Map<string, Promise<T>>} known @param {string} id @param {() => Promise<T>} ask */
function once(known, id, ask) {
  const asked = known.get(id) ?? ask();
  known.set(id, asked);
  asked.catch(() => known.delete(id));
  return asked;
}

/** @param {string} id @returns {Promise<ImageRecord>} asked for once */
export const recordOf = (id) => once(records, id, () => getRecord(id));

/** @param {ImageRecord[]} some need not be asked for any more */
function learn(some) {
  for (const record of some) records.set(record.id, Promise.resolve(record));
}

/** @param {State} state @returns {string} the same for states with the same results */
const keyOf = (state) => writeState(state, false);

/** @param {State} state @returns {View|undefined} from memory, without asking */
export const rememberedView = (state) => remembered.get(keyOf(state));

/** @param {string} id was changed */
export function forgetRecord(id) {
  records.delete(id);
  originals.delete(id);
}

/** Forget all answers, to see what is new. */
export const forgetViews = () => remembered.clear();

/** @param {State} state @param {View} view @returns {View} */
function remember(state, view) {
  const key = keyOf(state);
  remembered.delete(key);
  remembered.set(key, view);
  if (remembered.size > REMEMBERED) remembered.delete([...remembered.keys()][0]);
  learn(view.records);
  return view;
}

/**
 * The next page of a view, or the first.
 * @param {State} state
 * @param {View|null} view what is there already
 * @param {AbortSignal} signal
 * @param {number} [atLeast] pictures on the first page, to come back to where one was
 * @returns {Promise<View>} with all the pictures so far
 */
export async function load(state, view, signal, atLeast = 0) {
  const limit = view ? PAGE : Math.min(MOST, Math.max(PAGE, atLeast));
  const next = state.terms.length
    ? await searched(state, view, limit, signal)
    : await picked(state, view, limit, signal);
  return remember(state, next);
}

/** @param {State} state @param {View|null} view @param {number} limit @param {AbortSignal} signal */
async function picked(state, view, limit, signal) {
  const pages = view?.pages ?? 0;
  const before = view?.records ?? [];
  const { images: found, total } = state.sort
    ? await getSorted(limit, before.length, state.sort, state.where, signal)
    : await getRandom(limit, state.seed + pages, state.where, signal);
  const known = new Set(before.map((record) => record.id));
  const fresh = found.filter((record) => !known.has(record.id));
  return {
    records: [...before, ...fresh],
    total,
    matching: null,
    reason: "",
    verdict: "",
    similarFrom: null,
    notes: [],
    done: found.length < limit || fresh.length === 0,
    pages: pages + 1,
  };
}

/** @param {State} state @param {View|null} view @param {number} limit @param {AbortSignal} signal */
async function searched(state, view, limit, signal) {
  const offset = view?.records.length ?? 0;
  const { terms, uploads } = await termsOf(state);
  const anywhere = isAnywhere(state);
  const counting = state.min !== 0 && !view && !anywhere;
  const query = {
    terms,
    where: state.where,
    limit: state.sort ? SORTED : limit,
    offset,
    ...(state.min && { min_score: state.min }),
    ...(counting && { count: true }),
    ...(anywhere && { anywhere }),
  };
  const answer = await ask("search", query, uploads, signal);
  return {
    records: state.sort ? inOrder(answer.results, state.sort) : [...(view?.records ?? []), ...answer.results],
    total: answer.total_searched,
    matching: counting ? (answer.total_matching ?? null) : (view?.matching ?? null),
    reason: view?.reason ?? answer.reason ?? "",
    verdict: view?.verdict ?? answer.verdict ?? "",
    similarFrom: answer.similar_from ?? null,
    notes: answer.notes ?? [],
    done: state.sort !== "" || answer.results.length < limit || offset + limit >= answer.total_searched,
    pages: (view?.pages ?? 0) + 1,
  };
}

/** Numbers before texts, and those without the field last, as the server does it. @param {ImageRecord[]} records @param {string} sort */
function inOrder(records, sort) {
  const name = sort.replace(/^-/, "");
  const way = sort === name ? 1 : -1;
  const keyOf = (/** @type {any} */ one) => one.fields[name] ?? one[name];
  const kind = (/** @type {any} */ key) => (key === undefined ? 9 : way * Number(typeof key === "string"));
  return [...records].sort((one, other) => {
    const [a, b] = [keyOf(one), keyOf(other)];
    if (kind(a) !== kind(b)) return kind(a) - kind(b);
    return way * (typeof a === "string" ? a.localeCompare(b) : a - b) || 0;
  });
}

/** @param {State} state @returns {Promise<{terms: object[], uploads: Blob[]}>} as the API has them */
export async function termsOf(state) {
  /** @type {Blob[]} */
  const uploads = [];
  const terms = [];
  for (const one of state.terms) {
    const weight = one.less ? -weightOf(one) : weightOf(one);
    const shared = { weight, ...(one.box && { box: one.box }) };
    if (["text", "class", "colour", "concept"].includes(one.kind)) terms.push({ [one.kind]: one.value, weight });
    else if (one.kind === "url") terms.push({ url: one.value, ...shared });
    else if (one.kind === "id" && !one.box) terms.push({ id: one.value, ...shared });
    else {
      terms.push({ upload: uploads.length, ...shared });
      uploads.push(one.kind === "id" ? await originalOf(one.value) : blobOf(one.value));
    }
  }
  return { terms, uploads };
}

/** @param {string} key @returns {Blob} */
function blobOf(key) {
  const picture = getPicture(key);
  if (!picture) throw new PictureGone(key);
  return picture.blob;
}

/** A record stands for its whole picture; a part of it is cut from the file. @param {string} id */
function originalOf(id) {
  return once(originals, id, async () => getBlob((await recordOf(id)).file));
}
