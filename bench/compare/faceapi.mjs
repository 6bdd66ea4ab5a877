// A recognition by @vladmandic/face-api with its own models, on the WebAssembly backend. Reads lines of JSON
// {"picture": path, "times": n} and answers each with {"ms": [...], "faces": n, "descriptor": [...]}.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
// Said by the library itself on standard output; the answers alone belong there.
console.log = console.info = console.warn = () => {};
const image = require('@canvas/image');
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');

const folder = (name) => path.dirname(require.resolve(name));
wasm.setWasmPaths(folder('@tensorflow/tfjs-backend-wasm') + path.sep);
wasm.setThreadsCount(1);
await tf.setBackend('wasm');
await tf.ready();
const models = path.join(folder('@vladmandic/face-api'), '..', 'model');
await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
await faceapi.nets.faceLandmark68Net.loadFromDisk(models);
await faceapi.nets.faceRecognitionNet.loadFromDisk(models);
const options = new faceapi.SsdMobilenetv1Options();

async function recognise(file) {
  const canvas = await image.imageFromBuffer(fs.readFileSync(file));
  const { data, width, height } = image.getImageData(canvas);
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from]; rgb[to + 1] = data[from + 1]; rgb[to + 2] = data[from + 2];
  }
  const tensor = tf.tensor3d(rgb, [height, width, 3], 'int32');
  const found = await faceapi.detectSingleFace(tensor, options).withFaceLandmarks().withFaceDescriptor();
  tensor.dispose();
  return found;
}

process.stdout.write(`${JSON.stringify({ backend: tf.getBackend(), version: faceapi.version.faceapi ?? faceapi.version })}\n`);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { picture, times } = JSON.parse(line);
  const ms = [];
  let found;
  for (let i = 0; i < times; i += 1) {
    const begun = performance.now();
    found = await recognise(picture);
    ms.push(performance.now() - begun);
  }
  process.stdout.write(`${JSON.stringify({ ms, faces: found ? 1 : 0, descriptor: found ? [...found.descriptor] : [] })}\n`);
}
