/** The service worker: keeps what was loaded, so that the site works without a connection. */

const OWN = `visavis ${self.registration.scope} `;
const NAME = OWN + "{{ digest }}";

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll({{ first }})));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith(OWN) && name !== NAME).map((name) => caches.delete(name))));
  event.waitUntil(Promise.all([old, self.clients.claim()]));
});

/** What a page had loaded before there was this worker. */
self.addEventListener("message", (event) => {
  const inside = event.data.filter((/** @type {string} */ address) => address.startsWith(self.registration.scope));
  event.waitUntil(caches.open(NAME).then((cache) => Promise.all(inside.map(async (/** @type {string} */ address) => (await cache.match(address)) || cache.add(address).catch(() => {})))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(request.mode === "navigate" ? newest(request) : kept(request));
});

/** The page itself: from the web, so that a new build is seen, or else as it was. */
async function newest(request) {
  const cache = await caches.open(NAME);
  try {
    const answer = await fetch(request);
    if (answer.ok) cache.put(request, answer.clone());
    return answer;
  } catch (error) {
    const found = (await cache.match(request, { ignoreSearch: true })) ?? (await cache.match("./"));
    if (found) return found;
    throw error;
  }
}

/** Parts and pictures: a new build has other names for them. */
async function kept(request) {
  const cache = await caches.open(NAME);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) cache.put(request, answer.clone());
  return answer;
}
