import { keep, type Tensor } from '@headwise/tensor';
import { embed } from '../embed.ts';
import type { EncodeOptions, Encoder } from '../encoder.ts';
import type { Golden, GoldenOutput } from './golden.ts';

/** Names under which golden data have what a head says: of the first text, of the second, of both. */
const headOutputs: Readonly<
  Record<string, { readonly first?: string; readonly second?: string; readonly both?: string }>
> = {
  'masked-lm': { first: 'mlm.logits', second: 'padded.mlm.logits' },
  classifier: { both: 'cls.logits' },
  pooler: { both: 'pooled' },
};

/**
 * Everything that golden data say of an encoder: what comes out of its layers and heads, attention weights, the mean of
 * the tokens, of two texts of which one is shorter.
 *
 * @throws {Error} if the golden data lack what every encoder has.
 */
export async function* encoderOutputs(encoder: Encoder, golden: Golden): AsyncGenerator<GoldenOutput> {
  const rows = golden.rows();
  const options = (of: readonly (readonly number[])[]): EncodeOptions => ({
    ...(golden.has('input.token_type_ids') && {
      types: golden.rows('input.token_type_ids').slice(0, of.length),
    }),
    ...(golden.has('input.global_attention_mask') && {
      globals: golden
        .rows('input.global_attention_mask')
        .slice(0, of.length)
        .map((row) => row.flatMap((global, place) => (global === 1 ? [place] : []))),
    }),
  });
  yield* oneText(encoder, golden, rows[0]!, options(rows.slice(0, 1)));
  yield* twoTexts(encoder, golden, rows, options(rows));
  yield* ofHead(encoder, golden, rows, options(rows));
}

async function* oneText(
  encoder: Encoder,
  golden: Golden,
  ids: readonly number[],
  options: EncodeOptions,
): AsyncGenerator<GoldenOutput> {
  const { layers, H } = encoder.shape;
  const seen: Record<string, Tensor> = {};
  const weighs = golden.names.filter((name) => name.startsWith('attn.'));
  // a windowed model's may be stored along the diagonal
  const square = weighs.filter((name) => String(golden.shape(name)) === String([H, ids.length, ids.length]));
  const { hidden, positions } = encoder.encode(ids, {
    ...options,
    extras: square.length > 0 ? ['weights'] : [],
    look({ layer, y, extras }) {
      if (layer < layers - 1) seen[`hidden.${layer + 1}`] = keep(y);
      if (extras.weights && square.includes(`attn.${layer}`)) seen[`attn.${layer}`] = keep(extras.weights);
    },
  });
  seen.last_hidden = hidden;
  for (const [name, tensor] of Object.entries(seen)) {
    if (golden.has(name)) yield golden.close(name, await tensor.data());
    tensor.dispose();
  }
  positions.tensor.dispose();
}

async function* twoTexts(
  encoder: Encoder,
  golden: Golden,
  rows: readonly (readonly number[])[],
  options: EncodeOptions,
): AsyncGenerator<GoldenOutput> {
  const { E } = encoder.shape;
  const L = rows[0]!.length;
  const { hidden, positions } = encoder.encode(rows, options);
  const all = await hidden.data();
  hidden.dispose();
  positions.tensor.dispose();
  yield golden.close('last_hidden (batch)', all.slice(0, L * E), golden.numbers('last_hidden'));
  yield ofTokens(golden, 'padded.last_hidden', all.slice(L * E), rows[1]!.length * E);
  for (const [name, normalize] of [
    ['mean_pooled', false],
    ['mean_pooled_normalized', true],
  ] as const) {
    using vectors = embed(encoder, rows, { ...options, normalize });
    yield golden.close(name, await vectors.data());
  }
}

async function* ofHead(
  encoder: Encoder,
  golden: Golden,
  rows: readonly (readonly number[])[],
  options: EncodeOptions,
): AsyncGenerator<GoldenOutput> {
  if (!encoder.head) return;
  const { first, second, both } = headOutputs[encoder.head.name] ?? {};
  using outputs = encoder.predict(rows, options);
  const all = await outputs.data();
  const half = all.length / 2;
  if (first) yield golden.close(first, all.slice(0, half));
  if (second) yield ofTokens(golden, second, all.slice(half), (half / rows[0]!.length) * rows[1]!.length);
  if (both && golden.has(both)) yield golden.close(both, all);
}

/** What stands in the rows of padding is arbitrary on both sides. */
function ofTokens(golden: Golden, name: string, got: Float32Array, size: number): GoldenOutput {
  return golden.close(name, got.slice(0, size), golden.numbers(name).slice(0, size));
}
