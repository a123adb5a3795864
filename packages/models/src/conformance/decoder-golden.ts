import { chain, generate, greedy } from '@headwise/sampling';
import { keep, type Tensor } from '@headwise/tensor';
import type { Decoder } from '../decoder.ts';
import { stepOf } from '../session.ts';
import type { Golden, GoldenOutput } from './golden.ts';

/**
 * Everything that golden data say of a decoder: logits of a text, of a batch with one that is shorter, what comes out
 * of the layers, attention weights, and greedy ids, alone and side by side.
 *
 * @throws what a session throws, and {Error} for an output that the folder does not have.
 */
export async function* decoderOutputs(decoder: Decoder, golden: Golden): AsyncGenerator<GoldenOutput> {
  const rows = golden.rows();
  yield* oneText(decoder, golden, rows[0]!);
  yield* twoTexts(decoder, golden, rows);
  yield* greedyText(decoder, golden, rows[0]!);
  yield* greedyTexts(decoder, golden, rows);
}

async function* oneText(
  decoder: Decoder,
  golden: Golden,
  ids: readonly number[],
): AsyncGenerator<GoldenOutput> {
  const layers = decoder.shape.layers;
  const seen: Record<string, Tensor> = {};
  using session = decoder.start({ capacity: ids.length });
  const weighs = golden.names.some((name) => name.startsWith('attn.'));
  using logits = session.forward(ids, {
    extras: weighs ? ['weights'] : [],
    look({ layer, y, extras }) {
      const last = layer === layers - 1;
      seen[last ? 'hidden.last_prenorm' : `hidden.${layer + 1}`] = keep(y);
      if (extras.weights) seen[`attn.${layer}`] = keep(extras.weights);
    },
  });
  yield golden.close('logits', await logits.data());
  for (const [name, tensor] of Object.entries(seen)) {
    if (golden.has(name)) yield golden.close(name, await tensor.data());
    tensor.dispose();
  }
}

async function* twoTexts(
  decoder: Decoder,
  golden: Golden,
  rows: readonly (readonly number[])[],
): AsyncGenerator<GoldenOutput> {
  const L = rows[0]!.length;
  const short = rows[1]!.length;
  const { V } = decoder;
  using session = decoder.start({ B: 2, capacity: L });
  using logits = session.forward(rows);
  const all = await logits.data();
  yield golden.close('logits', all.slice(0, L * V));
  // there the shorter one stands at the end
  const want = golden.numbers('padded.logits').slice((L - short) * V);
  yield golden.close('padded.logits', all.slice(L * V, (L + short) * V), want);
}

async function* greedyText(
  decoder: Decoder,
  golden: Golden,
  prompt: readonly number[],
): AsyncGenerator<GoldenOutput> {
  const run = async (maxTokens: number, stopIds: number[]): Promise<readonly number[]> => {
    using session = decoder.start({ capacity: prompt.length + maxTokens });
    const options = { prompt: [...prompt], sampler: chain(greedy()), maxTokens, stopIds };
    return (await generate(stepOf(session), options).finish()).ids;
  };
  const want = golden.numbers('greedy.ids');
  yield golden.same('greedy.ids', await run(want.length, []));
  const { with_eos: end } = golden.json.greedy as { with_eos?: { eos_token_id: number; ids: number[] } };
  if (end) yield golden.same('greedy.with_eos', await run(want.length, [end.eos_token_id]), end.ids);
}

/** Both rows go on at their own places in one batch. */
async function* greedyTexts(
  decoder: Decoder,
  golden: Golden,
  rows: readonly (readonly number[])[],
): AsyncGenerator<GoldenOutput> {
  const names = ['greedy.ids', 'padded.greedy.ids'];
  const count = golden.numbers(names[0]!).length;
  const made: number[][] = [[], []];
  using session = decoder.start({ B: 2, capacity: rows[0]!.length + count });
  let next: readonly (readonly number[])[] = rows;
  for (let i = 0; i < count; i++) {
    using logits = session.step(next);
    const all = await logits.data();
    next = made.map((ids, b) => {
      const row = all.subarray(b * decoder.V, (b + 1) * decoder.V);
      const best = row.indexOf(row.reduce((most, value) => Math.max(most, value), -Infinity));
      ids.push(best);
      return [best];
    });
  }
  for (const [b, name] of names.entries())
    yield golden.same(`${name} (batch)`, made[b]!, golden.numbers(name));
}
