/**
 * One row (or some) times a stored weight, warm and cold: the same weight again and again, and copies of it in turn that no cache
 * holds, as decoding walks through a model. Interleaved; best times.
 *
 * node cold.mjs [--shape 768,2048] [--rows 1] [--threads 1] [--mebibytes 70] [--rounds 12] [--simd relaxed] [--only Q4_0]
 */
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    shape: { type: 'string', default: '2048,768' },
    rows: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    mebibytes: { type: 'string', default: '70' },
    rounds: { type: 'string', default: '12' },
    simd: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const { linear, packWeights, tensor } = await import('../../packages/tensor/dist/index.js');
const { createWasm } = await import('../../packages/device-wasm/dist/index.js');

const [O, I] = flags.shape.split(',').map(Number);
const M = Number(flags.rows);
const bytesOf = { f32: 4, Q8_0: 34 / 32, Q4_0: 18 / 32, Q4_1: 20 / 32 };
const numbers = (length) => Float32Array.from({ length }, (_, n) => Math.sin(n * 12.9898));

const works = [];
for (const activations of ['exact', 'int8'])
  for (const format of activations === 'exact' ? Object.keys(bytesOf) : ['Q8_0', 'Q4_0', 'Q4_1']) {
    if (!`${format} ${activations}`.includes(flags.only)) continue;
    const device = await createWasm({ activations, threads: Number(flags.threads), simd: flags.simd });
    const copies = Math.ceil((Number(flags.mebibytes) * 2 ** 20) / (O * I * bytesOf[format]));
    const weights = Array.from({ length: copies }, () => {
      const plain = tensor(device, numbers(O * I), [O, I]);
      const packed = format === 'f32' ? plain : packWeights(plain, format);
      if (packed !== plain) plain.dispose();
      return packed;
    });
    const x = tensor(device, numbers(M * I), [M, I]);
    const once = (weight) => linear(x, weight).dispose();
    weights.forEach(once);
    works.push({ name: `${format} ${activations}`, format, weights, once, warm: Infinity, cold: Infinity });
  }
for (let round = 0; round < Number(flags.rounds); round++)
  for (const work of works) {
    const { weights, once } = work;
    for (const weight of weights) once(weight);
    const began = performance.now();
    for (const weight of weights) once(weight);
    work.cold = Math.min(work.cold, (performance.now() - began) / weights.length);
    for (let turn = 0; turn < 4; turn++) {
      const start = performance.now();
      for (let n = 0; n < weights.length / 4; n++) once(weights[0]);
      work.warm = Math.min(work.warm, (performance.now() - start) / Math.ceil(weights.length / 4));
    }
  }
for (const { name, format, warm, cold } of works) {
  const rate = (ms) =>
    `${((M * O * I) / ms / 1e6).toFixed(1)} products/ns, ${((O * I * bytesOf[format]) / ms / 1e6).toFixed(1)} GB/s`;
  console.log(
    `${name.padEnd(12)} warm ${rate(warm)}; cold ${rate(cold)}; cold/warm ${(cold / warm).toFixed(2)}`,
  );
}
process.exit();
