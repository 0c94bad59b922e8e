/** The map of a server: data, tiles and answers come from it. */
"use strict";

const MOST_FOUND = 100;
const MOST_OPENED = 150; // ids in an address

/** @param {string} path @param {RequestInit} [options] @returns {Promise<Response>} a successful one */
async function call(path, options = {}) {
  const key = sessionStorage.getItem("visavis.key");
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  let message = `The server answered with status ${response.status}.`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // from a proxy perhaps
  }
  if (response.status === 401) message = "This server asks for a key: give it on the page of the search, then come back.";
  throw new Error(message);
}

/** An id as a part of a path, as api.js has it. @param {string} id */
function segment(id) {
  if (!/^(\.{0,2}|random|~.*)$/s.test(id)) return encodeURIComponent(id);
  const bytes = String.fromCharCode(...new TextEncoder().encode(id));
  return `~${btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

const quotedValue = (text) => (/[",\n\r]|^\s|\s$|^$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Wait until the map is made. @param {(part: string) => void} told */
async function readMap(told) {
  for (;;) {
    const response = await call("map/data");
    const version = response.headers.get("X-Map-Version");
    const said = await response.json();
    if (version !== null) return { said, version };
    const part = said.total ? ` ${Math.round((100 * said.done) / said.total)} %` : "";
    told(`The map is being made …${part}`);
    await new Promise((go) => setTimeout(go, 700));
  }
}

/** @param {any} said @param {string} version @returns {Home} */
function homeOf(said, version) {
  return {
    tile: async (number) => {
      const response = await call(`map/tiles/${version}/${number}`);
      return { blob: await response.blob(), missing: Number(response.headers.get("X-Missing") ?? 0) };
    },
    large: async (row) => URL.createObjectURL(await (await call(`v1/images/${segment(said.ids[row])}/thumbnail?side=640`)).blob()),
    search: async (asked) => {
      const query = { limit: MOST_FOUND, min_score: "auto" };
      let body;
      if (typeof asked === "string") body = JSON.stringify({ limit: MOST_FOUND, terms: [{ text: asked }] });
      else {
        body = new FormData();
        body.append("query", JSON.stringify({ ...query, terms: [{ upload: 0 }] }));
        body.append("image", asked, "picture");
      }
      const headers = typeof asked === "string" ? { "Content-Type": "application/json" } : {};
      const found = await (await call("v1/search", { method: "POST", headers, body })).json();
      return found.results.map((one) => one.id);
    },
    similar: async (row) => (await (await call(`v1/images/${segment(said.ids[row])}/similar?limit=12`)).json()).results,
    opened: (ids, asked = false) => {
      if (asked) return `./?q=${encodeURIComponent(`id:${ids[0]}`)}`;
      return ids.length > MOST_OPENED ? null : `./?where=${encodeURIComponent(`id=${ids.map(quotedValue).join(",")}`)}`;
    },
    filtered: (field, value) => (/[=!<>~]|^\s|\s$/.test(field) ? null : `./?where=${encodeURIComponent(`${field}=${quotedValue(value)}`)}`),
  };
}

(async () => {
  const loading = byId("loading");
  try {
    const { said, version } = await readMap((text) => (loading.textContent = text));
    new MapPage(said, homeOf(said, version));
  } catch (error) {
    loading.textContent = String(error?.message ?? error);
    loading.classList.add("wrong");
  }
})();
