import { resolve } from 'node:path';
import { kv, type StorageType } from '@headwise/kv-cache';
import {
  type Block,
  type Blocks,
  blockAt,
  blockParameters,
  type Checkpoint,
  checkTensors,
  type DecoderParts,
  decoderSpecs,
  type EncoderParts,
  type Family,
  familyOf,
  type ModelParts,
  modelParameters,
  openCheckpoint,
  readConfig,
} from '@headwise/models';
import { pathFiles } from '@headwise/models/node';
import { families } from '@headwise/models/registry';
import { printable, sizeOf } from '@headwise/tensor';
import { isOn, type Options, text, whole } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';

import { jsonLine } from '../output.ts';
import { shortBytes } from '../progress.ts';

/** 1k … 1M, as people count contexts. */
const LENGTHS = [1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
const DEFAULT_WINDOW = 4096;

interface Memory {
  readonly name: string;
  readonly bytes_per_token: number;
  /** By length. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** `headwise inspect`: what a model is made of, from its headers alone, and the memory of its keys and values. */
export async function runInspect(path: string | undefined, options: Options, io: Io): Promise<number> {
  if (path === undefined) throw new UsageError('inspect needs a model: a folder or a file');
  const dtype = (text(options, 'dtype') ?? 'f16') as StorageType;
  const window = whole(options, 'window', 1) ?? DEFAULT_WINDOW;
  const place = resolve(io.cwd, path);
  const checkpoint = await openCheckpoint(pathFiles(place), { signal: io.signal });
  try {
    const family = familyOf(checkpoint.config, families);
    const read = readConfig(family, checkpoint.config);
    checkTensors(checkpoint, family, read);
    const { model, ids } = read;
    const found = {
      model: place,
      format: checkpoint.format,
      ...familyFacts(family, model),
      parts: partsOf(model),
      weights: weightsOf(checkpoint, model),
      tokenizer: tokenizerFacts(checkpoint),
      chat_template: checkpoint.chatTemplate !== undefined,
      ids: { stop: ids.stop, begin: ids.begin, pad: ids.pad, decoder_start: ids.decoderStart },
      ...memoryFacts(model, dtype, window),
      ...(isOn(options, 'tensors') && { tensors: tensorsOf(checkpoint) }),
    };
    io.out(isOn(options, 'json') ? jsonLine(found) : printable(story(found)));
    return exitCodes.ok;
  } finally {
    checkpoint.close();
  }
}

type Found = ReturnType<typeof familyFacts> & {
  readonly model: string;
  readonly format: string;
  readonly parts: readonly PartFacts[];
  readonly weights: ReturnType<typeof weightsOf>;
  readonly tokenizer: string | undefined;
  readonly chat_template: boolean;
} & ReturnType<typeof memoryFacts> & { readonly tensors?: readonly TensorFacts[] };

function familyFacts({ name, title, paper }: Family, { kind, parts }: ModelParts) {
  const halves =
    kind === 'encoder-decoder' ? { encoder: parts.encoder, decoder: parts.decoder } : { [kind]: parts };
  const sizes = Object.fromEntries(
    Object.entries(halves as Record<string, DecoderParts | EncoderParts>).map(
      ([half, { shape, context }]) => {
        const { V, E, H, D, layers } = shape;
        return [half, { V, E, H, D, layers, context: context ?? null }];
      },
    ),
  );
  return { kind, family: name, title, paper: `${paper.authors} ${paper.year}, ${paper.title}`, sizes };
}

interface PartFacts {
  readonly half: string;
  /** `0–11`, or `0, 2, 4` */
  readonly layers: string;
  readonly order: string;
  readonly norm: string;
  readonly parts: readonly string[];
  /** Numbers of the weights of one of these layers. */
  readonly parameters: number;
}

/** The blocks of each half; layers that are alike stand together. */
function partsOf({ kind, parts }: ModelParts): PartFacts[] {
  const halves: [string, DecoderParts | EncoderParts][] =
    kind === 'encoder-decoder'
      ? [
          ['encoder', parts.encoder],
          ['decoder', parts.decoder],
        ]
      : [[kind, parts]];
  return halves.flatMap(([half, { blocks, shape }]) => {
    const groups = new Map<string, { layers: number[]; facts: Omit<PartFacts, 'layers'> }>();
    for (let layer = 0; layer < shape.layers; layer++) {
      const facts = { half, ...blockFacts(blocks, shape, layer) };
      const key = JSON.stringify(facts);
      const group = groups.get(key) ?? { layers: [], facts };
      group.layers.push(layer);
      groups.set(key, group);
    }
    return [...groups.values()].map(({ layers, facts }) => ({ ...facts, layers: ranges(layers) }));
  });
}

function blockFacts(
  blocks: Blocks,
  shape: DecoderParts['shape'],
  layer: number,
): Omit<PartFacts, 'layers' | 'half'> {
  const block: Block = blockAt(blocks, layer);
  const shapes = Object.values(blockParameters(block, shape, layer));
  return {
    order: block.arrange.name,
    norm: block.norm.name,
    parts: block.parts.map((part) => `${part.name}: ${part.summary ?? part.name}`),
    parameters: shapes.reduce((sum, size) => sum + sizeOf(size), 0),
  };
}

/** `[0, 1, 2, 5]` → `0–2, 5` */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`)).join(', ');
}

function weightsOf({ tensors }: Checkpoint, model: ModelParts) {
  const wanted = Object.values(modelParameters(model));
  const byType: Record<string, { tensors: number; bytes: number }> = {};
  for (const { dtype, bytes } of tensors.values()) {
    const of = (byType[dtype] ??= { tensors: 0, bytes: 0 });
    of.tensors += 1;
    of.bytes += bytes;
  }
  return {
    parameters: wanted.reduce((sum, shape) => sum + sizeOf(shape), 0),
    tensors: tensors.size,
    bytes: [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    types: byType,
  };
}

interface TensorFacts {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

function tensorsOf({ tensors }: Checkpoint): TensorFacts[] {
  return [...tensors].map(([name, { dtype, shape, bytes }]) => ({ name, dtype, shape, bytes }));
}

function tokenizerFacts({ tokenizer }: Checkpoint): string | undefined {
  if (tokenizer?.kind !== 'gguf') return tokenizer?.kind;
  const said = ['model', 'pre'].flatMap((key) => tokenizer.metadata.get(`tokenizer.ggml.${key}`) ?? []);
  return `gguf (${said.join(', ')})`;
}

/** Memory of the states of a text, as the model has them and as the same heads would with other attention. */
function memoryFacts(model: ModelParts, dtype: StorageType, window: number) {
  if (model.kind === 'encoder') return {};
  const parts = model.kind === 'decoder' ? model.parts : model.parts.decoder;
  const specs = Object.entries(decoderSpecs(parts)).filter(([id]) => !id.endsWith('.cross'));
  const own = memoryOf('as it is', kv(Object.fromEntries(specs)), dtype);
  const { H, D, Dv = D, layers } = parts.shape;
  const rows = { layers, D, Dv };
  const grouped = H % 4 === 0 ? H / 4 : 1;
  const others = [
    memoryOf(`multi-head, ${H} heads`, kv({ ...rows, Hkv: H }), dtype),
    memoryOf(`grouped-query, ${grouped} heads`, kv({ ...rows, Hkv: grouped }), dtype),
    memoryOf('multi-query', kv({ ...rows, Hkv: 1 }), dtype),
    memoryOf('multi-query, cross-layer by 2', kv({ ...rows, Hkv: 1, share: Math.min(2, layers) }), dtype),
    memoryOf(`multi-head, window ${window}`, kv({ ...rows, Hkv: H, window }), dtype),
  ];
  return { memory: { dtype: String(dtype), B: 1, lengths: LENGTHS, own, others } };
}

function memoryOf(name: string, footprint: ReturnType<typeof kv>, dtype: StorageType): Memory {
  const bytes = LENGTHS.map((tokens) => [String(tokens), footprint.bytes({ tokens, dtype })]);
  return { name, bytes_per_token: footprint.bytesPerToken(dtype), bytes: Object.fromEntries(bytes) };
}

function story(found: Found): string {
  const { weights, memory } = found;
  const types = Object.entries(weights.types).map(([type, { bytes }]) => `${type} ${shortBytes(bytes)}`);
  const lines = [
    `${found.title} (${found.family}), ${article(found.kind)}, from ${found.format}`,
    found.paper,
    '',
    ...Object.entries(found.sizes).map(
      ([half, { V, E, H, D, layers, context }]) =>
        `${half}: ${layers} layers, width ${E}, ${H} heads of ${D}, ${V} ids, context ${context ?? 'without bound'}`,
    ),
    ...found.parts.map(
      ({ half, layers, order, norm, parts, parameters }) =>
        `${half} ${layers}: ${order}, ${norm}; ${parts.join('; ')}; ${parameters} parameters each`,
    ),
    '',
    `${weights.parameters} parameters in ${weights.tensors} tensors, ${shortBytes(weights.bytes)}: ${types.join(', ')}`,
    `tokenizer: ${found.tokenizer ?? 'none'}; chat template: ${found.chat_template ? 'yes' : 'none'}`,
    ...(memory ? ['', ...table(memory)] : []),
    ...(found.tensors ? ['', ...found.tensors.map(tensorLine)] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function article(kind: string): string {
  return kind === 'decoder' ? 'a decoder' : `an ${kind}`;
}

function tensorLine({ name, dtype, shape, bytes }: TensorFacts): string {
  return `${name}  ${dtype} [${shape.join(', ')}]  ${shortBytes(bytes)}`;
}

function table({ dtype, own, others }: { dtype: string; own: Memory; others: readonly Memory[] }): string[] {
  const short = (tokens: number): string =>
    tokens >= 1_048_576 ? `${tokens / 1_048_576}M` : `${tokens / 1024}k`;
  const head = ['', 'a token', ...LENGTHS.map(short)];
  const rows = [own, ...others].map(({ name, bytes_per_token, bytes }) => [
    name,
    shortBytes(bytes_per_token),
    ...LENGTHS.map((tokens) => shortBytes(bytes[tokens]!)),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  const pad = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return [`keys and values of one text, in ${dtype}:`, pad(head).trimEnd(), ...rows.map(pad)];
}
