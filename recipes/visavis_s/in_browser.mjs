// What a model gives where browsers run it: ONNX Runtime's WebAssembly, one thread.
//
//   node in_browser.mjs MODULES MODEL IMAGES COUNT SIDE OUT
//
// IMAGES holds COUNT × 3 × SIDE × SIDE float32, OUT gets the embeddings; prints the least
// milliseconds that an image took. MODULES is a folder with onnxruntime-web in it.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, model, images, count, side, out] = process.argv.slice(2);
const found = join(resolve(modules), "node_modules", "onnxruntime-web", "dist");
const ort = await import(pathToFileURL(join(found, "ort.wasm.bundle.min.mjs")));
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = readFileSync(join(found, "ort-wasm-simd-threaded.wasm"));

const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(model)));
const pixels = new Float32Array(new Uint8Array(readFileSync(images)).buffer);
const size = 3 * side * side;
const rows = [];
let least = Infinity;
for (let place = 0; place < Number(count); place++) {
  const image = pixels.subarray(place * size, (place + 1) * size);
  const input = new ort.Tensor("float32", image, [1, 3, Number(side), Number(side)]);
  const started = performance.now();
  const { embedding } = await session.run({ input }, ["embedding"]);
  least = Math.min(least, performance.now() - started);
  rows.push(Buffer.from(new Uint8Array(embedding.data.buffer, embedding.data.byteOffset, embedding.data.byteLength)));
}
writeFileSync(out, Buffer.concat(rows));
console.log(least.toFixed(1));
