import { type EncoderDecoder, type Session, stepOf } from '@headwise/models';
import {
  badWords,
  beamSearch,
  chain,
  type Filter,
  forcedTokens,
  generate,
  greedy,
  minimumLength,
  noRepeatNgram,
} from '@headwise/sampling';
import { type Device, printable } from '@headwise/tensor';
import { numeric, type Options, whole } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { encoderDecoderOf, type LoadedModel } from '../load-model.ts';
import { jsonLine } from '../output.ts';
import { readTextOptions, rounded, rowsOf, type TextOptions, titleOf, withModel } from './texts.ts';

const DEFAULT_MAX_TOKENS = 128;

/** How texts are searched for. */
interface Search {
  /** 1 is greedy. */
  readonly beams: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | 'never';
  readonly maxTokens: number;
  readonly start: number;
  readonly endIds: readonly number[];
  readonly filters: readonly Filter[];
}

/** One text that was written. */
interface Written {
  readonly ids: readonly number[];
  readonly reason: 'stop-id' | 'length' | 'aborted';
  /** Of a beam: its log-probability over its length to the penalty. */
  readonly score?: number;
}

/** `headwise translate`: reads each text with the encoder and writes one with the decoder, greedily or by beams. */
export async function runTranslate(texts: readonly string[], options: Options, io: Io): Promise<number> {
  const given = readTextOptions('translate', texts, options, io);
  const beams = whole(options, 'beams', 1);
  const penalty = numeric(options, 'length-penalty', Number.isFinite, 'a number');
  const maxTokens = whole(options, 'max-tokens', 1) ?? DEFAULT_MAX_TOKENS;
  return withModel(given, io, async (model, device) => {
    const translator = encoderDecoderOf(model, 'translate');
    if (translator.head)
      throw new UsageError(
        `${model.path} has a ${translator.head.name}, and writes nothing: headwise classify`,
      );
    const rows = rowsOf(given, model, translator.encoder.context);
    const search = searchOf(model, { beams, penalty, maxTokens: bounded(maxTokens, translator) });
    const written: Written[] = [];
    for (const [i, source] of rows.ids.entries()) {
      if (io.signal.aborted) break;
      const one = await write(translator, source, search, io.signal);
      written.push(one);
      if (!given.json) io.out(`${printable(lineOf(given, model, i, one))}\n`);
    }
    if (given.json) io.out(jsonLine(report(given, model, search, rows.ids, written, device)));
    return io.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  });
}

/** The id that begins and the text share the context. */
function bounded(maxTokens: number, { decoder }: EncoderDecoder): number {
  return Math.min(maxTokens, decoder.context);
}

/** What the command says, over `generation_config.json`, over `config.json` (which said it in files of 4.x). */
function searchOf(
  { loaded, files, path }: LoadedModel,
  given: {
    readonly beams: number | undefined;
    readonly penalty: number | undefined;
    readonly maxTokens: number;
  },
): Search {
  const said = { ...objectOf(files.config), ...objectOf(files.generationConfig) };
  const number = (key: string): number | undefined => (typeof said[key] === 'number' ? said[key] : undefined);
  const { decoderStart, begin, pad, stop } = loaded.ids;
  const start = number('decoder_start_token_id') ?? decoderStart ?? begin ?? pad;
  if (start === undefined)
    throw new UsageError(`${path} does not say with which id its decoder begins (decoder_start_token_id)`);
  const { maxTokens } = given;
  const [first, last] = [number('forced_bos_token_id'), number('forced_eos_token_id')];
  const places = {
    ...(first !== undefined && { 0: first }),
    ...(last !== undefined && { [maxTokens - 1]: last }),
  };
  const [ngram, least] = [number('no_repeat_ngram_size') ?? 0, (number('min_length') ?? 0) - 1];
  const early = said.early_stopping;
  return {
    beams: given.beams ?? number('num_beams') ?? 1,
    lengthPenalty: given.penalty ?? number('length_penalty') ?? 1,
    earlyStopping: early === true || early === 'never' ? early : false,
    maxTokens,
    start,
    endIds: stop,
    filters: [
      ...(ngram > 0 ? [noRepeatNgram(ngram)] : []),
      ...(isWords(said.bad_words_ids) ? [badWords(said.bad_words_ids)] : []),
      ...(least > 0 ? [minimumLength({ tokens: least, endIds: [...stop] })] : []),
      ...(Object.keys(places).length > 0 ? [forcedTokens(places)] : []),
    ],
  };
}

function isWords(value: unknown): value is number[][] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((word) => Array.isArray(word) && word.length > 0)
  );
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(isObject ? value : {});
  return Object.fromEntries(entries.filter(([, each]) => each !== null));
}

async function write(
  model: EncoderDecoder,
  source: readonly number[],
  search: Search,
  signal: AbortSignal,
): Promise<Written> {
  const { start, maxTokens, filters, beams, endIds } = search;
  using session = model.start(source, { capacity: maxTokens, signal });
  if (beams === 1) {
    const run = generate(stepOf(session), {
      prompt: [start],
      sampler: chain(...filters, greedy()),
      maxTokens,
      stopIds: [...endIds],
      signal,
    });
    const { ids, reason } = await run.finish();
    return { ids, reason: reason as Written['reason'] };
  }
  const [best] = await beamSearch(beamStep(session), { ...search, prompt: [start], signal });
  return { ids: best!.ids, reason: best!.ended ? 'stop-id' : 'length', score: rounded(best!.score) };
}

/** One row of the session for each beam. */
function beamStep(session: Session): Parameters<typeof beamSearch>[0] {
  return async (sequences, { parents }) => {
    if (parents.length > 0) session.take(parents);
    using logits = session.step(sequences.map((ids) => ids.slice(-1)));
    const all = await logits.data();
    const V = all.length / sequences.length;
    return sequences.map((_, b) => all.slice(b * V, (b + 1) * V));
  };
}

function lineOf(given: TextOptions, { tokenizer }: LoadedModel, i: number, { ids }: Written): string {
  const written = tokenizer ? tokenizer.decode(ids) : ids.join(' ');
  return given.texts.length > 1 ? `${titleOf(given, i)}  →  ${written}` : written;
}

function report(
  given: TextOptions,
  { loaded, tokenizer }: LoadedModel,
  { beams, lengthPenalty, start }: Search,
  sources: readonly (readonly number[])[],
  written: readonly Written[],
  device: Device,
): object {
  return {
    model: given.model,
    family: loaded.family.name,
    device: device.name,
    engine: device.ran,
    beams,
    ...(beams > 1 && { length_penalty: lengthPenalty }),
    decoder_start_id: start,
    results: written.map(({ ids, reason, score }, i) => ({
      ...(given.ids ? {} : { source: given.texts[i] }),
      source_ids: sources[i],
      generated_ids: ids,
      ...(tokenizer && { text: tokenizer.decode(ids) }),
      reason,
      ...(score !== undefined && { score }),
    })),
  };
}
