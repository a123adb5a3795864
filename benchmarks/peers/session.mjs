/**
 * Times decode steps of a session, as a program takes them: recorded and done again by the device, and as they come (with
 * `record` taken from the device), in turns in one process. Needs a built repository.
 *
 * node session.mjs [15M|110M] [--formats f32,Q8_0,Q4_0] [--threads 1,2] [--rounds 6] [--exact]
 * node session.mjs --steps 10000 takes so many steps in a ring of 64 tokens, and says what the heap holds before and after.
 */
import { parseArgs } from 'node:util';
import { llamaShapes, matrices, matrixOf, tokenAt } from './llama.mjs';

const built = (name) => import(new URL(`../../packages/${name}/dist/index.js`, import.meta.url));
const [t, { createWasm }, { configure, multiHead, slidingWindow }, { rotary }, models] = await Promise.all(
  ['tensor', 'device-wasm', 'attention-variants', 'positional', 'models'].map(built),
);
const { block, createDecoder, createRmsNorm, createSwiglu } = models;
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    formats: { type: 'string', default: 'f32,Q8_0,Q4_0' },
    threads: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '6' },
    ms: { type: 'string', default: '120' },
    exact: { type: 'boolean', default: false },
    steps: { type: 'string' },
  },
});
const START = 124;
const TOKENS = 4;
const shape = llamaShapes.find(({ name }) => name === (positionals[0] ?? '15M'));

const nameOf = (name) => {
  const [, kind, layer] = /^([a-z]+)(\d*)$/.exec(name);
  if (kind === 'table') return 'embed';
  return `layers.${layer}.${['gate', 'up', 'down'].includes(kind) ? 'mlp' : 'attention'}.${kind}`;
};

async function decoderOf({ format, threads, record, attention = configure(multiHead) }) {
  const device = await createWasm({ threads, activations: flags.exact ? 'exact' : 'int8' });
  if (!record) Object.defineProperty(device, 'record', { value: undefined });
  const { E, H, F, V, layers, context } = shape;
  const weights = {};
  for (const [name, O, I] of matrices(shape)) {
    const rows = t.tensor(device, matrixOf(shape, name), [O, I]);
    weights[nameOf(name)] = format === 'f32' ? rows : t.packWeights(rows, format);
    if (format !== 'f32') rows.dispose();
  }
  const gain = () => t.tensor(device, new Float32Array(E).fill(1), [E]);
  for (let layer = 0; layer < layers; layer++)
    for (const norm of ['attentionNorm', 'mlpNorm']) weights[`layers.${layer}.${norm}.weight`] = gain();
  weights['norm.weight'] = gain();
  const norm = createRmsNorm();
  const decoder = createDecoder({
    device,
    weights,
    shape: { V, E, H, D: E / H, layers },
    blocks: block({ attention, position: rotary(), norm, mlp: createSwiglu({ F }) }),
    norm,
    ...(attention.variant === multiHead && { context }),
  });
  return { device, decoder };
}

async function rowOf(format, threads, record) {
  const { decoder } = await decoderOf({ format, threads, record });
  const session = decoder.start();
  session.step(Array.from({ length: START }, (_, n) => tokenAt(n, shape))).dispose();
  const turn = () => {
    session.crop(START);
    for (let n = 0; n < TOKENS; n++) session.step([tokenAt(START + n, shape)]).dispose();
  };
  return { format, threads, record, session, turn, samples: [] };
}

async function timed() {
  const rows = [];
  for (const format of flags.formats.split(','))
    for (const threads of flags.threads.split(',').map(Number))
      for (const record of [true, false]) rows.push(await rowOf(format, threads, record));
  for (const { turn } of rows) for (let n = 0; n < 10; n++) turn();
  for (let round = 0; round < Number(flags.rounds); round++)
    for (const { turn, samples } of rows) {
      // the helpers of another row have gone to sleep by now
      turn();
      for (const end = performance.now() + Number(flags.ms); performance.now() < end; ) {
        const begin = performance.now();
        turn();
        samples.push((performance.now() - begin) / TOKENS);
      }
    }
  console.log('| Llama | weights | threads | step | best ms a token | median | steps done by the device |');
  console.log('| --- | --- | ---: | --- | ---: | ---: | ---: |');
  for (const { format, threads, record, session, samples } of rows) {
    samples.sort((a, b) => a - b);
    const { replayed, decoded } = session.stats;
    const cells = [shape.name, format, threads, record ? 'recorded' : 'as it comes'];
    const times = [samples[0], samples[samples.length >> 1]].map((ms) => ms.toFixed(3));
    console.log(`| ${[...cells, ...times, `${replayed} of ${decoded}`].join(' | ')} |`);
  }
}

async function flat(steps) {
  const attention = configure(slidingWindow, { window: 64 });
  const { device, decoder } = await decoderOf({ format: 'Q4_0', threads: 2, record: true, attention });
  const session = decoder.start({ capacity: 64 });
  const step = (n) => session.step([tokenAt(n, shape)]).dispose();
  const held = () => ({ ...device.memory, rss: Math.round(process.memoryUsage.rss() / 2 ** 20) });
  for (let n = 0; n < 100; n++) step(n);
  console.log('after 100 steps', held());
  for (let n = 100; n < steps; n++) step(n);
  console.log(`after ${steps} steps`, held(), session.stats);
}

if (flags.steps) await flat(Number(flags.steps));
else await timed();
process.exit(0);
