/** Takes what other apps share with the installed page, for the page to find; all else goes to the server. */

const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method !== "POST" || !new URL(request.url).pathname.endsWith("/later/share")) return;
  event.respondWith(taken(request));
});

/** @param {Request} request */
async function taken(request) {
  const given = await request.formData();
  const cache = await caches.open("visavis.shared");
  const files = given.getAll("picture").filter((one) => typeof one !== "string");
  await Promise.all(files.map((file, at) => cache.put(`shared-${at}`, new Response(/** @type {Blob} */ (file)))));
  const text = String(given.get("url") || given.get("text") || given.get("title") || "").trim();
  const query = files.length ? "shared" : `share=${encodeURIComponent(text)}`;
  return Response.redirect(new URL(`../../?${query}`, worker.location.href).href, 303);
}
