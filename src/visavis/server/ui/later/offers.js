/** What else the picture of a query can be asked for: loaded after the first answer. */

/**
 * @param {import("../api.js").Info & {subjects: boolean}} info
 * @param {import("../query.js").QueryPanel} query
 * @param {import("../asking.js").Asking} asking
 */
export async function offer(info, query, asking) {
  if (info.colours) (await import("./colours.js")).offer(query, asking);
  if (info.subjects) (await import("./subjects.js")).offer(query);
}
