import { createDevice } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { createModel, modelParameters, readConfig } from '../family.ts';
import { transformer } from './transformer.ts';

const json = {
  model_type: 'transformer',
  vocab_size: 14,
  hidden_size: 12,
  num_attention_heads: 3,
  intermediate_size: 20,
  encoder_layers: 2,
  decoder_layers: 2,
};

type Rows = number[][];

/** Section 3 of the paper in plain arrays of float64, one text at a time. */
function byHand(numbers: (name: string) => Float32Array, source: number[], text: number[]): Rows {
  const [E, H] = [12, 3];
  const D = E / H;
  const linear = (x: Rows, name: string): Rows => {
    const w = numbers(name);
    return x.map((row) =>
      Array.from({ length: w.length / row.length }, (_, o) =>
        row.reduce((sum, value, i) => sum + value * w[o * row.length + i]!, 0),
      ),
    );
  };
  const biased = (x: Rows, name: string): Rows =>
    linear(x, name).map((row) => row.map((value, o) => value + numbers(`${name}.bias`)[o]!));
  const norm = (x: Rows, name: string): Rows =>
    x.map((row) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / E;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / E;
      return row.map(
        (value, e) =>
          ((value - mean) / Math.sqrt(variance + 1e-6)) * numbers(`${name}.weight`)[e]! +
          numbers(`${name}.bias`)[e]!,
      );
    });
  const plus = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((value, e) => value + b[i]![e]!));
  const attention = (x: Rows, from: Rows, name: string, causal: boolean): Rows => {
    const [q, k, v] = [linear(x, `${name}.q`), linear(from, `${name}.k`), linear(from, `${name}.v`)];
    const out = q.map((row, i) =>
      Array.from({ length: H }, (_, h) => {
        const at = (of: number[]): number[] => of.slice(h * D, (h + 1) * D);
        const scores = k.map((key, j) =>
          causal && j > i
            ? 0
            : Math.exp(at(row).reduce((sum, value, d) => sum + value * at(key)[d]!, 0) / Math.sqrt(D)),
        );
        const all = scores.reduce((sum, score) => sum + score, 0);
        return Array.from({ length: D }, (_, d) =>
          v.reduce((sum, value, j) => sum + (scores[j]! / all) * at(value)[d]!, 0),
        );
      }).flat(),
    );
    return linear(out, `${name}.o`);
  };
  const embed = (ids: number[]): Rows =>
    ids.map((id, p) =>
      Array.from({ length: E }, (_, e) => {
        const angle = p / 10000 ** ((2 * Math.floor(e / 2)) / E);
        return (
          Math.sqrt(E) * numbers('encoder.embed')[id * E + e]! + (e % 2 ? Math.cos(angle) : Math.sin(angle))
        );
      }),
    );
  const mlp = (x: Rows, name: string): Rows =>
    biased(
      biased(x, `${name}.up`).map((row) => row.map((value) => Math.max(value, 0))),
      `${name}.down`,
    );
  let read = embed(source);
  for (const l of [0, 1]) {
    const name = `encoder.layers.${l}`;
    read = norm(plus(read, attention(read, read, `${name}.attention`, false)), `${name}.attentionNorm`);
    read = norm(plus(read, mlp(read, `${name}.mlp`)), `${name}.mlpNorm`);
  }
  let y = embed(text);
  for (const l of [0, 1]) {
    const name = `decoder.layers.${l}`;
    y = norm(plus(y, attention(y, y, `${name}.attention`, true)), `${name}.attentionNorm`);
    y = norm(plus(y, attention(y, read, `${name}.cross`, false)), `${name}.crossNorm`);
    y = norm(plus(y, mlp(y, `${name}.mlp`)), `${name}.mlpNorm`);
  }
  return linear(y, 'encoder.embed');
}

it.each(['reference', 'wasm', 'gpujs:webasm'])('is the paper’s section 3 on %s', async (name) => {
  const shapes = modelParameters(readConfig(transformer, json).model);
  const tensors = new Map(
    Object.entries(shapes).map(([key, shape], i) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      return [key, { dtype: 'F32' as const, shape, data: Float32Array.from(seededValues(size, i)) }];
    }),
  );
  const loaded = createModel(await createDevice(name), transformer, json, tensors);
  if (loaded.kind !== 'encoder-decoder') throw new Error('no encoder-decoder');
  const [sources, texts] = [
    [
      [3, 1, 4, 1, 5, 9],
      [2, 6, 5],
    ],
    [
      [0, 8, 9, 7],
      [0, 9, 3, 2],
    ],
  ];
  using session = loaded.model.start(sources!, { capacity: 8 });
  using logits = session.forward(texts!);
  const numbers = (key: string): Float32Array => tensors.get(key)!.data;
  const want = sources!.flatMap((source, b) => byHand(numbers, source, texts![b]!).flat());
  assertClose(await logits.data(), want, { atol: 1e-4, rtol: 1e-4 });
  // and token by token
  using steps = loaded.model.start(sources!, { capacity: 8 });
  for (const i of [0, 1, 2, 3]) {
    using step = steps.step(texts!.map((text) => [text[i]!]));
    const rows = [0, 1].flatMap((b) => want.slice((b * 4 + i) * 14, (b * 4 + i + 1) * 14));
    assertClose(await step.data(), rows, { atol: 1e-4, rtol: 1e-4 });
  }
  loaded.model.dispose();
});

it.each([
  [{ num_attention_heads: 5 }, 'hidden_size 12 must be a multiple of num_attention_heads 5'],
  [{ hidden_size: 15 }, 'hidden_size 15 must be even'],
  [{ decoder_layers: undefined }, 'decoder_layers must be a whole number ≥ 1'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(transformer, { ...json, ...change })).toThrow(message);
});
