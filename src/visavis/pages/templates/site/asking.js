/** Asking with a picture, or with words: the model runs in this browser, and nothing is sent anywhere. */

const BEST = 96; // matches

/** A file beside the page, unpacked. @param {string} name @returns {Promise<Uint8Array>} */
async function unpacked(name) {
  if (!("DecompressionStream" in globalThis)) throw new Error(TOO_OLD);
  const inside = document.getElementById(`file-${name}`);
  /** @type {ReadableStream} */
  let packed;
  if (inside) {
    packed = streamOf(bytesOf(inside.textContent ?? ""));
  } else {
    const answer = await fetch(`${document.documentElement.dataset.parts}${name}.bin`).catch(() => null);
    if (!answer?.ok || !answer.body) throw new Error("What searching needs could not be loaded. Check the connection, and try again.");
    packed = answer.body;
  }
  const bytes = new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  inside?.remove(); // its text takes more memory than all the rest
  return bytes;
}

/** Made once; made again when it failed. @template T @param {() => Promise<T>} make @returns {() => Promise<T>} */
function once(make) {
  /** @type {Promise<T>|null} */
  let made = null;
  return () => {
    made ??= make().catch((error) => {
      made = null;
      throw error;
    });
    return made;
  };
}

/** ONNX Runtime Web, a script that sets `ort`. @returns {Promise<any>} */
const loader = () =>
  new Promise((resolve, reject) => {
    const ready = () => resolve(/** @type {any} */ (globalThis).ort);
    if ("ort" in globalThis) return ready();
    const script = el("script", { src: `${document.documentElement.dataset.parts}ort.js`, onload: ready });
    script.addEventListener("error", () => reject(new Error("What searching needs could not be loaded. Check the connection, and try again.")));
    document.head.append(script);
  });

const model = once(async () => {
  if (!("WebAssembly" in globalThis)) throw new Error("This browser has no WebAssembly, or it is switched off: the model cannot run. Browse instead, or try another browser.");
  const [ort, runtime, network] = await Promise.all([loader(), unpacked("ort-wasm"), unpacked("model")]);
  ort.env.wasm.numThreads = 1; // more need headers that few hosts send
  ort.env.wasm.wasmBinary = runtime.buffer;
  const session = await ort.InferenceSession.create(network, { executionProviders: ["wasm"] }).catch((/** @type {any} */ error) => {
    throw new Error(`The model cannot run in this browser (${String(error?.message ?? error).slice(0, 200)}). Browse instead, or try another browser.`);
  });
  ort.env.wasm.wasmBinary = undefined;
  return { ort, session };
});

/** The vectors of all pictures, a column after the other, as `pages/site/rounding.py` makes them. */
const gallery = once(async () => {
  const bytes = await unpacked("vectors");
  const count = site.count * site.search.dim;
  return { columns: new Int8Array(bytes.buffer, 0, count), factors: new Float32Array(bytes.buffer.slice(count, count + 4 * site.count)) };
});

const words = once(async () => {
  const [table, colours, aliases] = await Promise.all([unpacked("words"), unpacked("colours"), load("aliases")]);
  return new Words(new WordTable(table), new WordTable(colours), aliases, site.search);
});

/** A picture's unit vector. @param {{width: number, height: number, data: any}} picture */
async function vectorOf(picture) {
  const { ort, session } = await model();
  const { size, mean, std } = site.search;
  const pixels = resized(picture, size);
  const area = size * size;
  const input = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    const scale = Math.fround(1 / (255 * std[channel]));
    const shift = Math.fround(-mean[channel] / std[channel]);
    for (let at = 0; at < area; at++) input[channel * area + at] = Math.fround(pixels[3 * at + channel] * scale) + shift;
  }
  const answer = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", input, [1, 3, size, size]) });
  return unit(Float64Array.from(answer[session.outputNames[0]].data));
}

/** The best matches. @param {Float64Array} vector @param {number} reach @param {number[]|null} among */
async function matches(vector, reach, among) {
  const { columns, factors } = await gallery();
  const { dim, semantic, steps } = site.search;
  const scores = new Float64Array(site.count);
  const add = (/** @type {number} */ at, /** @type {number} */ weight) => {
    if (!weight) return; // words leave a part of the vector empty
    for (let number = 0, from = at * site.count; number < scores.length; number++) scores[number] += weight * columns[from + number];
  };
  for (let at = 0; at < dim - semantic; at++) add(at, vector[at] / steps[0]);
  factors.forEach((factor, number) => (scores[number] *= factor));
  for (let at = dim - semantic; at < dim; at++) add(at, vector[at] / steps[1]);
  const numbers = among ?? Array.from({ length: site.count }, (_, number) => number);
  const found = numbers.map((number) => ({ number, score: scores[number] / reach }));
  found.sort((one, other) => other.score - one.score || one.number - other.number);
  return found.slice(0, BEST);
}

/** The highest score that a picture can have: 1 for pictures, less for words alone. @param {Float64Array} vector */
function reachOf(vector) {
  const { dim, semantic, share } = site.search;
  return Math.sqrt(1 - share) * lengthOf(vector.subarray(0, dim - semantic)) + Math.sqrt(share) * lengthOf(vector.subarray(dim - semantic));
}

/** Whether what searching needs can be had: a page opened from a file may not fetch it. */
const within = () => location.protocol !== "file:" || !document.documentElement.dataset.parts;

const FROM_FILE =
  "Browsers let no page that was opened from a file load the model beside it. Put this folder on a web server (python -m http.server will do), or ask for the form in one file: visavis site --single.";

const captionsOnly = answerTo;

answerTo = async (text, among) => {
  if (!site.search) return captionsOnly(text, among);
  if (!within()) {
    const answer = await captionsOnly(text, among);
    return { ...answer, notes: [`Only captions were looked at. ${FROM_FILE}`] };
  }
  const table = await words();
  const { wanted, unwanted } = spelled(text);
  const parts = [...(wanted ? [{ words: wanted, sign: 1 }] : []), ...unwanted.map((word) => ({ words: word, sign: -1 }))];
  const read = parts.map(({ words, sign }) => ({ ...table.read(words), sign }));
  const notes = read.flatMap(({ cut }) => [...cut].map(([word, as]) => `“${word}” was read as ${as}.`));
  const unknown = read.flatMap((one) => [...one.unknown]);
  if (unknown.length) notes.push(`Unknown and ignored: ${unknown.map((word) => `“${word}”`).join(", ")}.`);
  if (read.some(({ more }) => more)) notes.push(`Only the first ${MOST_WORDS} words were read.`);
  const named = await captionsOnly(text, among);
  const vectors = read.map((one) => ({ vector: table.vector(one), sign: one.sign }));
  if (vectors.every(({ vector, sign }) => !vector || (wanted && sign < 0))) return { ...named, notes: [`The model knows none of the words of “${text}”.`] };
  const vector = summed(vectors);
  if (!vector) return { ...named, notes: [...notes, "The words cancel each other out."] };
  const found = await matches(vector, reachOf(vector), among);
  keepForLater();
  const judged = !unwanted.length && !read[0].colours.length;
  if (judged && found.length && found[0].score < GOOD_FROM) notes.push(`Few good matches: the best scores ${found[0].score.toFixed(2)}.`);
  const titled = new Set(wanted ? named.found.map(({ number }) => number) : []);
  const first = found.filter(({ number }) => titled.has(number));
  const others = found.filter(({ number }) => !titled.has(number));
  return { found: [...first, ...others], told: `“${text}”`, notes };
};

/** Wanted words less the unwanted ones, as visavis sums the terms of a question; null where nothing is left. @param {{vector: Float64Array|null, sign: number}[]} terms */
function summed(terms) {
  const total = new Float64Array(site.search.dim);
  for (const { vector, sign } of terms) {
    const weight = vector ? sign / reachOf(vector) : 0;
    vector?.forEach((one, at) => (total[at] += weight * one));
  }
  return lengthOf(total) < 1e-6 ? null : unit(total);
}

/** Pictures that were asked with, while the page is open. @type {{url: string, name: string, vector: Float64Array, exact: boolean}[]} */
const questions = [];

/** Ask with a file. @param {Blob|null|undefined} file */
async function askWith(file) {
  if (!file) return;
  const view = byId("view");
  view.setAttribute("aria-busy", "true");
  const wait = notice("Looking at your picture …", `The first time, the browser loads the model and the collection's vectors, ${site.search.megabytes} MB. Your picture stays here.`);
  const told = setTimeout(() => view.replaceChildren(wait), 250);
  try {
    if (!within()) throw new Error(FROM_FILE);
    const [picture] = await Promise.all([pixelsOf(file, site.search.size), model(), gallery()]);
    const vector = await vectorOf(picture);
    keepForLater();
    questions.push({ url: URL.createObjectURL(file), name: file instanceof File ? file.name : "", vector, exact: readsBack() });
    clearTimeout(told);
    go(address({ a: String(questions.length) }));
  } catch (error) {
    clearTimeout(told);
    failed(error);
  }
}

otherViews.push([
  "a",
  async (now) => {
    const asked = questions[Number(now.a) - 1];
    if (!asked) return [notice("Choose the picture again", "It was never sent anywhere, so this page forgot it when it was closed.", el("button", { class: "tool", type: "button", text: "Choose a picture", onclick: () => byId("file").click() }))];
    const found = await matches(asked.vector, 1, await passing(now.chosen));
    const picture = el("div", { class: "asked" }, el("img", { src: asked.url, alt: "The picture you asked with" }), el("h1", { tabindex: "-1", text: "Looks like your picture" }));
    const noise = asked.exact ? [] : [el("p", { class: "note", text: "This browser adds noise to pictures that a page reads, a setting against tracking: what is found may be off." })];
    return [picture, filterBar(now), ...noise, found.length ? await grid(found, "Looks like your picture") : nothing("No picture passes these filters.")];
  },
]);

/** @param {DataTransfer|null} data @returns {File|null|undefined} */
const pictureIn = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? data?.files[0];

whenReady.push(() => {
  if (!site.search) return;
  for (const [button, input] of [["browse", "file"], ["shoot", "camera"]]) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", (/** @type {any} */ event) => {
      askWith(event.target.files[0]);
      event.target.value = "";
    });
  }
  addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (file) event.preventDefault();
    askWith(file);
  });
  let depth = 0;
  const mark = (/** @type {number} */ now) => (byId("drop").hidden = (depth = now) <= 0);
  addEventListener("dragenter", (event) => event.dataTransfer?.types.includes("Files") && mark(depth + 1));
  addEventListener("dragleave", (event) => event.dataTransfer?.types.includes("Files") && mark(depth - 1));
  addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return; // words for the search box
    event.preventDefault();
    mark(0);
    askWith(pictureIn(event.dataTransfer));
  });
  keepForLater();
});

/** Let the browser keep what was loaded by now, where it may: then the page works without a connection. */
async function keepForLater() {
  if (!("serviceWorker" in navigator) || !document.documentElement.dataset.parts || location.protocol === "file:") return;
  try {
    await navigator.serviceWorker.register("keep.js");
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    active?.postMessage([location.href.split("#")[0], ...loaded]);
  } catch {
    // an origin that allows none: the page works all the same
  }
}
