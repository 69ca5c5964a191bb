// What the peer scripts share: a session of ONNX Runtime, timed runs, and the document that is printed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import ort from 'onnxruntime-node';

export function fail(message) {
  console.error(message);
  process.exit(2);
}

export function positive(script, name, text) {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  return fail(`${script}: --${name} takes a number from 1 on, found '${text}'`);
}

// Standard normal, about what a normalised picture looks like; the same on every run.
export function randomValues(count) {
  let state = 0x2545f491;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 4294967296;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// Raw little-endian float32 from a file, or random values without one.
export function values(script, file, count) {
  if (!file) return randomValues(count);
  const bytes = readFileSync(file);
  if (bytes.length !== count * 4) fail(`${script}: ${file}: expected ${count * 4} bytes, found ${bytes.length}`);
  return new Float32Array(bytes.buffer, bytes.byteOffset, count);
}

export const tensor = (data, shape) => new ort.Tensor('float32', data, shape);

export async function open(model, threads) {
  const start = performance.now();
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  return { session, loadMs: performance.now() - start };
}

// Milliseconds of `runs` calls of `work`, after `warmup` calls that do not count.
export async function time(work, warmup, runs) {
  for (let i = 0; i < warmup; ++i) await work();
  const runsMs = [];
  for (let i = 0; i < runs; ++i) {
    const start = performance.now();
    await work();
    runsMs.push(performance.now() - start);
  }
  return runsMs;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function print(model, details, runsMs) {
  const round = (value) => Math.round(value * 1000) / 1000;
  console.log(JSON.stringify({
    peer: 'onnxruntime-node',
    version: createRequire(import.meta.url)('onnxruntime-node/package.json').version,
    model: basename(model),
    ...details,
    runs_ms: runsMs.map(round),
    median_ms: round(median(runsMs)),
    min_ms: round(Math.min(...runsMs)),
    peak_rss_bytes: process.resourceUsage().maxRSS * 1024,
  }, null, 1));
}
