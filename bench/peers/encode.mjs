// Times ONNX Runtime on an image encoder and prints one JSON document:
//   node encode.mjs MODEL.onnx [--threads 2] [--warmup 2] [--runs 7] [--input FILE.f32] [--output FILE.f32]
// The input is random unless --input gives its values, raw little-endian float32 in the shape the model asks for;
// --output keeps the first output in the same form. Peak memory is that of the whole process.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fail, open, positive, print, tensor, time, values } from './measure.mjs';

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
if (positionals.length !== 1) {
  fail('usage: node encode.mjs MODEL.onnx [--threads N] [--warmup N] [--runs N] [--input FILE] [--output FILE]');
}
const [model] = positionals;
const [threads, warmup, runs] = ['threads', 'warmup', 'runs'].map((name) => positive('encode.mjs', name, options[name]));

const { session, loadMs } = await open(model, threads);
const [input] = session.inputMetadata;
// A dimension without a number is a batch of one or a side of the model's 1024 x 1024 square.
const shape = input.shape.map((size, axis) => (typeof size === 'number' && size > 0 ? size : axis === 0 ? 1 : 1024));
const feeds = { [input.name]: tensor(values('encode.mjs', options.input, shape.reduce((a, b) => a * b, 1)), shape) };

let outputs;
const runsMs = await time(async () => { outputs = await session.run(feeds); }, warmup, runs);
if (options.output) writeFileSync(options.output, Buffer.from(outputs[session.outputNames[0]].data.buffer));
print(model, { input_shape: shape, threads, warmup, load_ms: Math.round(loadMs * 1000) / 1000 }, runsMs);
