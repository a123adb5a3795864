import { beamSearch, forcedTokens } from '@headwise/sampling';
import { keep, type Tensor } from '@headwise/tensor';
import type { EncoderDecoder } from '../encoder-decoder.ts';
import type { SpecialIds } from '../family.ts';
import type { Session } from '../session.ts';
import type { LayerLook } from '../stack.ts';
import type { Golden, GoldenOutput } from './golden.ts';

/** Of a beam search, as `golden.json` says it. */
interface BeamRun {
  readonly num_beams: number;
  readonly length_penalty: number;
  readonly early_stopping: boolean | 'never';
  /** In place of the model's own. */
  readonly eos_token_id?: number;
}

/** What `generation_config.json` says of the output beside its end. */
export interface ForcedIds {
  readonly forced_bos_token_id?: number | null;
  readonly forced_eos_token_id?: number | null;
}

/**
 * Everything that golden data say of an encoder with a decoder: logits of two texts over two sources of which one is
 * shorter, what comes out of the layers, attention weights, greedy ids alone and side by side, and beams.
 *
 * @param ids of the model: where its texts end
 * @param forced of its generation, for the beams
 * @throws {Error} if the golden data lack what every model of this kind has.
 */
export async function* encoderDecoderOutputs(
  model: EncoderDecoder,
  golden: Golden,
  { stop }: Pick<SpecialIds, 'stop'>,
  forced: ForcedIds = {},
): AsyncGenerator<GoldenOutput> {
  const sources = golden.rows();
  const texts = golden.rows('input.decoder_ids', 'input.decoder_attention_mask');
  yield* encoded(model, golden, sources[0]!);
  yield* oneText(model, golden, sources[0]!, texts[0]!);
  yield* twoTexts(model, golden, sources, texts);
  yield* greedyTexts(model, golden, sources);
  yield* beams(model, golden, sources[0]!, { stop, forced });
}

async function* encoded(
  { encoder }: EncoderDecoder,
  golden: Golden,
  source: readonly number[],
): AsyncGenerator<GoldenOutput> {
  const watch = watching(golden, 'enc', encoder.shape.layers, { attention: 'attn.enc' });
  const { hidden, positions } = encoder.encode(source, watch.options);
  yield golden.close('encoder.last_hidden', await hidden.data());
  hidden.dispose();
  positions.tensor.dispose();
  yield* watch.outputs();
}

async function* oneText(
  model: EncoderDecoder,
  golden: Golden,
  source: readonly number[],
  text: readonly number[],
): AsyncGenerator<GoldenOutput> {
  using session = model.start(source, { capacity: text.length });
  const names = { attention: 'attn.dec', cross: 'attn.cross' };
  const watch = watching(golden, 'dec', model.decoder.shape.layers, names);
  using logits = session.forward(text, watch.options);
  yield golden.close('logits', await logits.data());
  yield* watch.outputs();
}

async function* twoTexts(
  model: EncoderDecoder,
  golden: Golden,
  sources: readonly (readonly number[])[],
  texts: readonly (readonly number[])[],
): AsyncGenerator<GoldenOutput> {
  using session = model.start(sources, { capacity: texts[0]!.length });
  using logits = session.forward(texts);
  const all = await logits.data();
  yield golden.close('logits (batch)', all.slice(0, all.length / 2), golden.numbers('logits'));
  yield golden.close('padded.logits', all.slice(all.length / 2));
}

/** Both texts in one batch, from the id with which the decoder begins. */
async function* greedyTexts(
  model: EncoderDecoder,
  golden: Golden,
  sources: readonly (readonly number[])[],
): AsyncGenerator<GoldenOutput> {
  const names = ['greedy.ids', 'padded.greedy.ids'];
  const want = names.map((name) => golden.numbers(name));
  const made = want.map((ids) => ids.slice(0, 1));
  const firstLogits: number[] = [];
  const [steps = 0] = golden.shape('greedy.logits');
  using session = model.start(sources, { capacity: want[0]!.length });
  const { V } = model.decoder;
  while (made[0]!.length < want[0]!.length) {
    using logits = session.step(made.map((ids) => ids.slice(-1)));
    const all = await logits.data();
    if (firstLogits.length < steps * V) firstLogits.push(...all.subarray(0, V));
    made.forEach((ids, b) => {
      const row = all.subarray(b * V, (b + 1) * V);
      ids.push(row.indexOf(row.reduce((most, value) => Math.max(most, value), -Infinity)));
    });
  }
  yield golden.close('greedy.logits', firstLogits);
  for (const [b, name] of names.entries()) yield golden.same(name, made[b]!, want[b]);
}

async function* beams(
  model: EncoderDecoder,
  golden: Golden,
  source: readonly number[],
  { stop, forced }: Pick<SpecialIds, 'stop'> & { readonly forced: ForcedIds },
): AsyncGenerator<GoldenOutput> {
  const { generate, run } = golden.json as {
    generate: Record<string, unknown>;
    run: { max_new_tokens: number };
  };
  const maxTokens = run.max_new_tokens;
  const [start] = golden.numbers('greedy.ids');
  const { forced_bos_token_id: first, forced_eos_token_id: last } = forced;
  const places = { ...(first != null && { 0: first }), ...(last != null && { [maxTokens - 1]: last }) };
  for (const name of ['beam', 'beam_eos', 'beam_eos2']) {
    const said = generate[name] as BeamRun | undefined;
    if (!said || !golden.has(`${name}.ids`)) continue;
    using session = model.start(source, { capacity: maxTokens + 1 });
    const [best] = await beamSearch(stepOfBeams(session), {
      prompt: [start!],
      maxTokens,
      beams: said.num_beams,
      lengthPenalty: said.length_penalty,
      earlyStopping: said.early_stopping,
      endIds: said.eos_token_id === undefined ? stop : [said.eos_token_id],
      filters: Object.keys(places).length > 0 ? [forcedTokens(places)] : [],
    });
    yield golden.same(`${name}.ids`, [start!, ...best!.ids]);
  }
}

/** One row of the session for each beam. */
function stepOfBeams(session: Session): Parameters<typeof beamSearch>[0] {
  return async (sequences, { parents }) => {
    if (parents.length > 0) session.take(parents);
    using logits = session.step(sequences.map((ids) => ids.slice(-1)));
    const all = await logits.data();
    const V = all.length / sequences.length;
    return sequences.map((_, b) => all.slice(b * V, (b + 1) * V));
  };
}

/** Keeps what golden data have of the layers; the last one's output is theirs after the final norm. */
function watching(
  golden: Golden,
  half: 'enc' | 'dec',
  layers: number,
  attentions: Readonly<Record<string, string>>,
) {
  const seen: Record<string, Tensor> = {};
  return {
    options: {
      extras: ['weights'] as const,
      look({ layer, y, parts }: LayerLook) {
        if (layer < layers - 1) seen[`hidden.${half}.${layer + 1}`] = keep(y);
        for (const [part, name] of Object.entries(attentions)) {
          const { weights } = parts[part] ?? {};
          if (weights && golden.has(`${name}.${layer}`)) seen[`${name}.${layer}`] = keep(weights);
        }
      },
    },
    async *outputs(): AsyncGenerator<GoldenOutput> {
      for (const [name, tensor] of Object.entries(seen)) {
        if (golden.has(name)) yield golden.close(name, await tensor.data());
        tensor.dispose();
      }
    },
  };
}
