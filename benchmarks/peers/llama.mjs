/**
 * Tokens a second of a Llama shape with random weights on the wasm device, end to end: embedding, layers with rotary
 * positions and a cache, output projection. One run interleaves thread counts and weight formats.
 *
 * node llama.mjs [15M | 110M] [--tokens 24] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import { randomArray } from './work.mjs';

const built = (name) => import(new URL(`../../packages/${name}/dist/index.js`, import.meta.url).href);
const t = await built('tensor');
const { createWasm, packWeights } = await built('device-wasm');

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: 'string', default: '24' }, rounds: { type: 'string', default: '5' } },
});
const shapes = {
  '15M': { E: 288, layers: 6, H: 6, F: 768, V: 32000, context: 256 },
  '110M': { E: 768, layers: 12, H: 12, F: 2048, V: 32000, context: 256 },
};
const name = positionals[0] ?? '15M';
const { E, layers, H, F, V, context } = shapes[name];
const D = E / H;

const formats = [undefined, 'Q8_0', 'Q4_0'];
const rows = [];
for (const threads of [1, 2]) {
  const device = await createWasm({ threads });
  for (const format of formats)
    rows.push({ threads, format: format ?? 'f32', step: modelOn(device, format), best: Infinity });
}
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const row of rows) {
    for (let position = 0; position < Number(flags.tokens); position++) {
      const start = performance.now();
      row.step((position * 37) % V, position);
      row.best = Math.min(row.best, performance.now() - start);
    }
  }
}
const weights = layers * (4 * E * E + 3 * E * F) + E * V;
console.log(`### Llama ${name}: ${(weights / 1e6).toFixed(1)} M weights read a token\n`);
console.log(
  '| weights | threads | best ms a token | tokens / s | f32 GB/s |\n| --- | --- | --- | --- | --- |',
);
for (const { threads, format, best } of rows) {
  const rate = format === 'f32' ? ((weights * 4) / best / 1e6).toFixed(1) : '';
  console.log(`| ${format} | ${threads} | ${best.toFixed(2)} | ${(1000 / best).toFixed(0)} | ${rate} |`);
}

function modelOn(device, format) {
  let seed = 1;
  const matrix = (O, I) => {
    const values = randomArray(O * I, seed++).map((x) => x / Math.sqrt(I));
    const plain = t.tensor(device, values, [O, I]);
    if (!format) return plain;
    const packed = packWeights(plain, format);
    plain.dispose();
    return packed;
  };
  const ones = () => t.tensor(device, new Float32Array(E).fill(1), [E]);
  const blocks = Array.from({ length: layers }, () => ({
    norm: ones(),
    q: matrix(E, E),
    k: matrix(E, E),
    v: matrix(E, E),
    o: matrix(E, E),
    norm2: ones(),
    gate: matrix(F, E),
    up: matrix(F, E),
    down: matrix(E, F),
    keys: t.zeros(device, [1, context, H, D]),
    values: t.zeros(device, [1, context, H, D]),
  }));
  const [table, norm] = [matrix(V, E), ones()];
  const angles = (f) =>
    Float32Array.from({ length: (context * D) / 2 }, (_, n) =>
      f(Math.floor(n / (D / 2)) / 1e4 ** ((2 * (n % (D / 2))) / D)),
    );
  const tables = {
    cos: t.tensor(device, angles(Math.cos), [context, D / 2]),
    sin: t.tensor(device, angles(Math.sin), [context, D / 2]),
  };
  const heads = (x) => x.reshape([1, 1, H, D]);

  return (id, position) =>
    t.scope(() => {
      const at = t.tensor(device, Int32Array.of(position), [1, 1]);
      let x = t.gather(table, t.tensor(device, Int32Array.of(id), [1, 1]));
      for (const block of blocks) {
        const y = t.rmsNorm(x, block.norm);
        const q = t.rotary(heads(t.linear(y, block.q)), tables, at);
        block.keys.write(position * E, t.rotary(heads(t.linear(y, block.k)), tables, at));
        block.values.write(position * E, t.linear(y, block.v));
        const attended = t.attention(
          { q, k: block.keys, v: block.values },
          { causal: { offset: position }, valid: position + 1 },
        );
        x = t.add(x, t.linear(attended.reshape([1, 1, E]), block.o));
        const z = t.rmsNorm(x, block.norm2);
        x = t.add(x, t.linear(t.swiglu(t.linear(z, block.gate), t.linear(z, block.up)), block.down));
      }
      t.argmax(t.linear(t.rmsNorm(x, norm), table));
    });
}
