/** The HTTP API of visavis, as the page uses it. */

/**
 * @typedef {import("./later/types.js").ImageRecord} ImageRecord
 * @typedef {import("./later/types.js").Info} Info
 * @typedef {import("./later/types.js").Field} Field
 */

export const BASE = new URL("../v1/", import.meta.url);
export const KEY = "visavis.key";

/** An answer of the server that is no success; status 0: there was no answer. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {number} [retryAfter] seconds */
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** @returns {string|null} the key of this tab */
export const key = () => sessionStorage.getItem(KEY);

/**
 * @param {string|URL} path below /v1, or a URL the server gave
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} a successful one; raises ApiError otherwise
 */
export async function call(path, options = {}) {
  for (;;) {
    const used = key();
    const headers = { ...options.headers, ...(used && { Authorization: `Bearer ${used}` }) };
    let response;
    try {
      response = await fetch(new URL(path, BASE), { ...options, headers });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError(0, "The server does not answer.");
    }
    if (response.ok) return response;
    if (response.status === 401) {
      const given = key() === used ? await (await import("./later/keys.js")).askForKey(used !== null) : key();
      if (given) {
        sessionStorage.setItem(KEY, given);
        continue;
      }
      sessionStorage.removeItem(KEY);
    }
    throw await failure(response);
  }
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function failure(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  let message = `The server answered with status ${response.status}.`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // Not our server's JSON, from a proxy perhaps: the status has to do.
  }
  return new ApiError(response.status, message, retryAfter);
}

/**
 * Whole numbers that JavaScript would round are texts, with all their digits.
 * @param {Response} response @returns {Promise<any>} its JSON
 */
async function exact(response) {
  const text = await response.text();
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  /** @type {(name: string, value: any, context?: {source: string}) => any} */
  const whole = (_, value, context) => (Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value);
  return JSON.parse(text, whole);
}

/** @param {string} path @param {[string, string][]} query @param {AbortSignal} [signal] */
export async function get(path, query = [], signal = undefined) {
  const asked = query.length ? `?${new URLSearchParams(query)}` : "";
  return exact(await call(path + asked, { signal }));
}

/** @param {string} path @param {object} given @param {AbortSignal} [signal] */
export async function post(path, given, signal = undefined) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(given);
  return exact(await call(path, { method: "POST", headers, body, signal }));
}

/** An id as a part of a path; those that no path can name as a key, as in the links of records.
 * @param {string} id */
export function segment(id) {
  if (!/^(\.{0,2}|random|~.*)$/s.test(id)) return encodeURIComponent(id);
  const bytes = String.fromCharCode(...new TextEncoder().encode(id));
  return `~${btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** @returns {Promise<Info>} */
export const getInfo = () => get("info");

/** @param {string[]} [where] filters in force; they count in all fields but their own @returns {Promise<Field[]>} */
export const getFields = async (where = []) =>
  (await get("fields", where.map((expression) => ["where", expression]))).fields;

/** @param {string} like @param {number} limit @returns {Promise<string[]>} names of classes, best first */
export const getClasses = async (like, limit) =>
  (await get("classes", [["like", like], ["limit", String(limit)]])).classes;

/** @param {string} id @returns {Promise<ImageRecord>} */
export const getRecord = (id) => get(`images/${segment(id)}`);

/**
 * @typedef {{images: ImageRecord[], total: number}} Some
 * @param {number} limit @param {number} seed @param {string[]} where @param {AbortSignal} [signal]
 * @returns {Promise<Some>} the same pictures for the same seed
 */
export const getRandom = (limit, seed, where, signal) =>
  get("images/random", listing({ limit, seed }, where), signal);

/** @param {number} limit @param {number} offset @param {string} sort @param {string[]} where @param {AbortSignal} signal
 * @returns {Promise<Some>} in the order of a field */
export const getSorted = (limit, offset, sort, where, signal) =>
  get("images", listing({ limit, offset, sort }, where), signal);

/** @param {Record<string, any>} given @param {string[]} where @returns {[string, string][]} */
const listing = (given, where) => [
  ...Object.entries(given).map(([name, value]) => /** @type {[string, string]} */ ([name, String(value)])),
  ...where.map((expression) => /** @type {[string, string]} */ (["where", expression])),
];

/**
 * @param {"search"|"explain"|"subjects"} path
 * @param {object} query the JSON of it
 * @param {Blob[]} uploads the files that its terms point to with `upload`
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} an Answer, or what later/why.js shows
 */
export async function ask(path, query, uploads, signal) {
  if (!uploads.length) return post(path, query, signal);
  const body = new FormData();
  body.append("query", JSON.stringify(query));
  uploads.forEach((file, at) => body.append("image", file, `picture-${at}`));
  return exact(await call(path, { method: "POST", body, signal }));
}

/** @param {string} address @returns {Promise<Blob>} */
export const getBlob = async (address) => (await call(address)).blob();

/** Fetches pictures that need a key when they come near the window. */
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const image = /** @type {HTMLImageElement} */ (target);
      getBlob(image.dataset.source ?? "").then(
        (blob) => (image.src = URL.createObjectURL(blob)),
        () => image.dispatchEvent(new Event("error")),
      );
    }
  },
  { rootMargin: "600px" },
);

/**
 * Show a picture of the server. Without a key the browser fetches it itself; an <img> cannot send a
 * key, so with one it is fetched by us and freed when it has been drawn.
 * @param {HTMLImageElement} image @param {string} address
 */
export function showPicture(image, address) {
  if (!key()) {
    image.src = address;
    return;
  }
  image.dataset.source = address;
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  near.observe(image);
}
