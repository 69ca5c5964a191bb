// Times ONNX Runtime on SAM's prompt encoder and mask decoder, an export of the reference's SamOnnxModel, and prints one
// JSON document:
//   node decode.mjs MODEL.onnx [--prompt click|box] [--size 534x800] [--threads 2] [--warmup 5] [--runs 50]
//                   [--embedding FILE.f32]
// A run is one prompt on one embedding to one mask of the picture's size (--size HEIGHTxWIDTH). The embedding is random
// unless --embedding gives it: what `encode.mjs --output` wrote.
import { parseArgs } from 'node:util';
import { fail, open, positive, print, tensor, time, values } from './measure.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', default: 'click' },
    size: { type: 'string', default: '534x800' },
    threads: { type: 'string', default: '2' },
    warmup: { type: 'string', default: '5' },
    runs: { type: 'string', default: '50' },
    embedding: { type: 'string' },
  },
});
const size = options.size.split('x').map(Number);
const prompts = {
  click: { points: [400, 300, 0, 0], labels: [1, -1] },  // the click, and what stands for "no box"
  box: { points: [200, 150, 300, 240], labels: [2, 3] },
};
const prompt = prompts[options.prompt];
if (positionals.length !== 1 || !prompt || size.length !== 2 || !size.every((side) => side > 0)) {
  fail('usage: node decode.mjs MODEL.onnx [--prompt click|box] [--size HEIGHTxWIDTH] [--threads N] [--warmup N] [--runs N] [--embedding FILE]');
}
const [model] = positionals;
const [threads, warmup, runs] = ['threads', 'warmup', 'runs'].map((name) => positive('decode.mjs', name, options[name]));

const { session, loadMs } = await open(model, threads);
const scale = 1024 / Math.max(...size);
const feeds = {
  image_embeddings: tensor(values('decode.mjs', options.embedding, 256 * 64 * 64), [1, 256, 64, 64]),
  point_coords: tensor(Float32Array.from(prompt.points, (at) => at * scale), [1, 2, 2]),
  point_labels: tensor(Float32Array.from(prompt.labels), [1, 2]),
  mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
  has_mask_input: tensor(new Float32Array(1), [1]),
  orig_im_size: tensor(Float32Array.from(size), [2]),
};
const runsMs = await time(() => session.run(feeds), warmup, runs);
print(model, { prompt: options.prompt, size, threads, warmup, load_ms: Math.round(loadMs * 1000) / 1000 }, runsMs);
