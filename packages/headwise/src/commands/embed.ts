import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  embed,
  firstToken,
  maxOfTokens,
  meanOfTokens,
  normalized,
  type Pooling,
  readJson,
} from '@headwise/models';
import { printable } from '@headwise/tensor';
import { isOn, type Options, text } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { encoderOf } from '../load-model.ts';
import { jsonLine } from '../output.ts';
import { longOf, readPieces, readTextOptions, rounded, rowsOf, titleOf, withModel } from './texts.ts';

const poolings: Readonly<Record<string, Pooling>> = {
  mean: meanOfTokens,
  first: firstToken,
  max: maxOfTokens,
};

/** `headwise embed`: a vector for each text, and for several how alike they are. */
export async function runEmbed(texts: readonly string[], options: Options, io: Io): Promise<number> {
  const given = readTextOptions('embed', texts, options, io);
  const name = text(options, 'pooling') ?? saidPooling(given.model);
  const pooling = Object.hasOwn(poolings, name) ? poolings[name]! : undefined;
  if (!pooling)
    throw new UsageError(`--pooling must be one of ${Object.keys(poolings).join(', ')}, got "${name}"`);
  const normalize = !isOn(options, 'raw');
  const long = longOf(options);
  return withModel(given, io, async (model, device) => {
    const encoder = encoderOf(model, 'embed');
    const width = encoder.shape.E;
    const read = (rows: readonly (readonly number[])[], unit: boolean) =>
      embed(encoder, rows, { pooling, normalize: unit, signal: io.signal });
    using tensor =
      long === undefined
        ? read(rowsOf(given, model, encoder.context).ids, normalize)
        : readPieces(long, given, model, encoder.context, (rows) => read(rows, false));
    using of = long !== undefined && normalize ? normalized(tensor) : undefined;
    const data = await (of ?? tensor).data();
    const count = tensor.shape[0]!;
    const vectors = Array.from({ length: count }, (_, b) =>
      Array.from(data.subarray(b * width, (b + 1) * width)),
    );
    const similarities = vectors.map((a) => vectors.map((b) => cosine(a, b)));
    if (given.json) {
      io.out(
        jsonLine({
          model: given.model,
          family: model.loaded.family.name,
          device: device.name,
          engine: device.ran,
          pooling: name,
          normalized: normalize,
          width,
          ...(long !== undefined && { long }),
          ...(given.ids ? {} : { texts: given.texts }),
          embeddings: vectors,
          similarities: similarities.map((row) => row.map((value) => rounded(value))),
        }),
      );
      return exitCodes.ok;
    }
    for (const [i, vector] of vectors.entries()) {
      const shown = vector.slice(0, 6).map((value) => rounded(value, 4));
      const near =
        vectors.length > 1 ? `  ${similarities[i]!.map((value) => value.toFixed(4)).join(' ')}` : '';
      io.out(`${printable(titleOf(given, i))}${near}  [${shown.join(', ')}, …]\n`);
    }
    const what = vectors.length > 1 ? 'cosines with each text, then the vector: ' : '';
    io.err(
      `${what}${width} numbers a text, ${name} of its tokens; all of them with --json (ran: ${device.ran})\n`,
    );
    return exitCodes.ok;
  });
}

/** What a folder of sentence-transformers says in `1_Pooling/config.json`; mean where it says nothing. */
function saidPooling(path: string): string {
  const file = join(path, '1_Pooling', 'config.json');
  if (!existsSync(file)) return 'mean';
  const said = readJson(new Uint8Array(readFileSync(file)), file) as Record<string, unknown>;
  const on = Object.entries(said).flatMap(([key, value]) =>
    key.startsWith('pooling_mode_') && value === true ? [key.slice('pooling_mode_'.length)] : [],
  );
  const known = { cls_token: 'first', mean_tokens: 'mean', max_tokens: 'max' }[on[0] ?? 'mean_tokens'];
  if (known === undefined || on.length > 1)
    throw new UsageError(`${file} asks for ${on.join(' and ')}, which is not supported; say --pooling`);
  return known;
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1);
}
