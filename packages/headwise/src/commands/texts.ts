import { resolve } from 'node:path';
import {
  type Cut,
  headAndTail,
  headOnly,
  meanOfTokens,
  overlappingChunks,
  readLong,
  tailOnly,
} from '@headwise/models';
import { checkIds, type Device, type Tensor } from '@headwise/tensor';
import { ids as idsOption, isOn, type Options, text } from '../arguments.ts';
import { openDevice } from '../devices.ts';
import { UsageError } from '../errors.ts';
import type { Io } from '../io.ts';
import { type LoadedModel, loadModel, neededTokenizer } from '../load-model.ts';
import { progressOf } from '../progress.ts';

/** What the commands that read texts are given. */
export interface TextOptions {
  readonly model: string;
  readonly tokenizer: string | undefined;
  readonly texts: readonly string[];
  /** In place of a text. */
  readonly ids: readonly number[] | undefined;
  readonly device: string;
  readonly json: boolean;
}

/** @throws {UsageError} without a model, or with both texts and ids, or neither. */
export function readTextOptions(
  command: string,
  texts: readonly string[],
  options: Options,
  io: Io,
): TextOptions {
  const model = text(options, 'model');
  if (model === undefined) throw new UsageError(`${command} needs a --model`);
  const ids = idsOption(options, 'ids');
  if (texts.length === 0 && ids === undefined) throw new UsageError(`${command} needs a text, or --ids`);
  if (texts.length > 0 && ids !== undefined)
    throw new UsageError('texts and --ids say the same thing; give one of them');
  const tokenizer = text(options, 'tokenizer');
  return {
    model: resolve(io.cwd, model),
    tokenizer: tokenizer === undefined ? undefined : resolve(io.cwd, tokenizer),
    texts,
    ids,
    device: text(options, 'device') ?? 'auto',
    json: isOn(options, 'json'),
  };
}

/** Opens the device, loads the model, works, and frees both, whatever happens. */
export async function withModel<Result>(
  given: Pick<TextOptions, 'model' | 'tokenizer' | 'device'>,
  io: Io,
  work: (model: LoadedModel, device: Device) => Promise<Result>,
): Promise<Result> {
  const device = await openDevice(given.device, io.note);
  try {
    const progress = progressOf(io, given.model);
    const { model: path, tokenizer } = given;
    const options = { tokenizer, signal: io.signal, onProgress: progress.onProgress };
    const model = await loadModel(device, path, options).finally(progress.done);
    return await work(model, device);
  } finally {
    device.dispose();
  }
}

/** The ids of each text, with the kinds of the tokens where two are read as one. */
export interface Rows {
  readonly ids: readonly (readonly number[])[];
  readonly types: readonly (readonly number[])[] | undefined;
}

/**
 * Ids of the texts, or those that were given.
 *
 * @param pair a second text for each
 * @throws {UsageError} if they are too many for the model, or there is no tokenizer for them.
 */
export function rowsOf(
  { texts, ids }: TextOptions,
  model: LoadedModel,
  context: number,
  pair?: string,
): Rows {
  const rows = ids ? [{ ids: [...ids], types: undefined }] : texts.map((each) => encoded(each, pair, model));
  for (const [i, row] of rows.entries()) {
    checkIds('ids', row.ids, model.rows);
    if (row.ids.length === 0)
      throw new UsageError(`text ${i + 1} is empty, and the model adds nothing to it`);
    if (row.ids.length > context)
      throw new UsageError(
        `text ${i + 1} has ${row.ids.length} tokens, the model’s context is ${context}; --long reads it in pieces`,
      );
  }
  const kinds = rows.flatMap(({ types }) => (types ? [types] : []));
  return { ids: rows.map((row) => row.ids), types: kinds.length > 0 ? kinds : undefined };
}

function encoded(
  each: string,
  pair: string | undefined,
  model: LoadedModel,
): { ids: number[]; types: number[] | undefined } {
  const tokenizer = neededTokenizer(model);
  if (pair === undefined) return { ids: tokenizer.encode(each), types: undefined };
  if (!tokenizer.encodePair)
    throw new UsageError(`the tokenizer of ${model.path} reads one text; leave --pair out`);
  return tokenizer.encodePair(each, pair);
}

const cuts: Readonly<Record<string, (room: number) => Cut>> = {
  head: () => headOnly,
  tail: () => tailOnly,
  ends: () => headAndTail(),
  // neighbours share an eighth, so that no sentence is cut in all of them
  chunks: (room) => overlappingChunks({ overlap: Math.floor(room / 8) }),
};

/** `--long`: how texts that are longer than the context are read. @throws {UsageError} for a way that there is not. */
export function longOf(options: Options): string | undefined {
  const name = text(options, 'long');
  if (name === undefined || Object.hasOwn(cuts, name)) return name;
  throw new UsageError(`--long must be one of ${Object.keys(cuts).join(', ')}, got "${name}"`);
}

/**
 * Texts of any length in pieces, whose vectors are averaged: `[B, W]`.
 *
 * @param read makes a vector of each piece
 */
export function readPieces(
  long: string,
  { texts, ids }: TextOptions,
  model: LoadedModel,
  context: number,
  read: (rows: readonly (readonly number[])[]) => Tensor,
): Tensor {
  const plain = ids
    ? [[...ids]]
    : texts.map((each) => neededTokenizer(model).encode(each, { special: false }));
  for (const row of plain) checkIds('ids', row, model.rows);
  const { begin, end } = ids ? { begin: [], end: [] } : around(model, texts[0]!, plain[0]!);
  const cut = cuts[long]!(context - begin.length - end.length);
  return readLong(plain, { cut, context, read, pooling: meanOfTokens, begin, end });
}

/** What encoding puts in front of a text and behind it. */
function around(
  model: LoadedModel,
  each: string,
  plain: readonly number[],
): { begin: number[]; end: number[] } {
  const whole = neededTokenizer(model).encode(each);
  const more = whole.length - plain.length;
  const first = Array.from({ length: more + 1 }, (_, i) => i).find((i) =>
    plain.every((id, at) => whole[i + at] === id),
  );
  if (first === undefined)
    throw new UsageError(`the tokenizer of ${model.path} changes what it puts ids around`);
  // of an empty text nothing tells where it stands: the first id begins it, as it does everywhere
  const front = plain.length === 0 ? Math.min(1, more) : first;
  return { begin: whole.slice(0, front), end: whole.slice(front + plain.length) };
}

/** A text as a line of output begins with it: `ids` where there is none. */
export function titleOf({ texts }: TextOptions, i: number): string {
  const title = texts[i] ?? 'ids';
  return title.length > 60 ? `${title.slice(0, 59)}…` : title;
}

/** To so many digits, for people and for documents. */
export function rounded(value: number, digits = 6): number {
  return Number(value.toPrecision(digits));
}
