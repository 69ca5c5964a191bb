// Times ONNX Runtime on an image encoder and prints one JSON document:
//   node encode.mjs MODEL.onnx [--threads 2] [--warmup 2] [--runs 7] [--input FILE.f32] [--output FILE.f32]
// The input is random unless --input gives its values, raw little-endian float32 in the shape the model asks for;
// --output keeps the first output in the same form. Peak memory is that of the whole process.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import ort from 'onnxruntime-node';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '2' },
    warmup: { type: 'string', default: '2' },
    runs: { type: 'string', default: '7' },
    input: { type: 'string' },
    output: { type: 'string' },
  },
});

function positive(name) {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`encode.mjs: --${name} takes a number from 1 on, found '${options[name]}'`);
  process.exit(2);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Standard normal, about what a normalised picture looks like; the same on every run.
function randomValues(count) {
  let state = 0x2545f491;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 4294967296;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

function inputValues(count) {
  if (!options.input) return randomValues(count);
  const bytes = readFileSync(options.input);
  if (bytes.length !== count * 4) {
    console.error(`encode.mjs: ${options.input}: expected ${count * 4} bytes, found ${bytes.length}`);
    process.exit(2);
  }
  return new Float32Array(bytes.buffer, bytes.byteOffset, count);
}

if (positionals.length !== 1) {
  console.error('usage: node encode.mjs MODEL.onnx [--threads N] [--warmup N] [--runs N] [--input FILE] [--output FILE]');
  process.exit(2);
}
const [model] = positionals;
const threads = positive('threads');
const warmup = positive('warmup');
const runs = positive('runs');

const loadStart = performance.now();
const session = await ort.InferenceSession.create(model, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
});
const loadMs = performance.now() - loadStart;

const [input] = session.inputMetadata;
// A dimension without a number is a batch of one or a side of the model's 1024 x 1024 square.
const shape = input.shape.map((size, axis) => (typeof size === 'number' && size > 0 ? size : axis === 0 ? 1 : 1024));
const feeds = { [input.name]: new ort.Tensor('float32', inputValues(shape.reduce((a, b) => a * b, 1)), shape) };

let outputs;
for (let i = 0; i < warmup; ++i) outputs = await session.run(feeds);
const runsMs = [];
for (let i = 0; i < runs; ++i) {
  const start = performance.now();
  outputs = await session.run(feeds);
  runsMs.push(performance.now() - start);
}
if (options.output) writeFileSync(options.output, Buffer.from(outputs[session.outputNames[0]].data.buffer));

const round = (value) => Math.round(value * 1000) / 1000;
console.log(JSON.stringify({
  peer: 'onnxruntime-node',
  version: createRequire(import.meta.url)('onnxruntime-node/package.json').version,
  model: basename(model),
  input_shape: shape,
  threads,
  warmup,
  load_ms: round(loadMs),
  runs_ms: runsMs.map(round),
  median_ms: round(median(runsMs)),
  min_ms: round(Math.min(...runsMs)),
  peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
}, null, 1));
