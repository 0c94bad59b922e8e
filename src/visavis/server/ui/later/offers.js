/** What else the picture of a query can be asked for: loaded after the first answer. */

/**
 * @param {import("./types.js").Info} info
 * @param {import("../query.js").QueryPanel} query
 * @param {import("../asking.js").Asking} asking
 * @param {import("../grid.js").Grid} grid
 */
export async function offer(info, query, asking, grid) {
  if (info.colours) (await import("./colours.js")).offer(query, asking);
  (await import("./within.js")).offer(query, grid);
  if (info.subjects) (await import("./subjects.js")).offer(query);
}
