/** What another app shared with this page, see share.js. */

/** @param {URLSearchParams} given @param {import("../asking.js").Asking} asking */
export async function take(given, asking) {
  const text = given.get("share");
  if (text) asking.text(/https?:\/\/\S+/.exec(text)?.[0] ?? text, false);
  if (!given.has("shared")) return;
  const cache = await caches.open("visavis.shared");
  const kept = await Promise.all((await cache.keys()).map((key) => cache.match(key)));
  const blobs = await Promise.all(kept.map((response) => response?.blob()));
  await caches.delete("visavis.shared");
  await asking.files(blobs.filter((blob) => blob !== undefined).map((blob) => new File([blob], "shared picture", { type: blob.type })), false);
}
