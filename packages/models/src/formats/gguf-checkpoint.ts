import type { ByteSource, Checkpoint, GgufMetadata, TensorInfo } from '../checkpoint.ts';
import { atMost, FormatError } from '../errors.ts';
import { readerAt } from '../sources/byte-sources.ts';
import { fresh, giveBack } from '../sources/fresh.ts';
import { type GgufTensor, readGguf } from './gguf.ts';
import { ggufArchitectures } from './gguf-architectures.ts';
import { isBlockType } from './gguf-blocks.ts';
import { type Change, type GgufArchitecture, GgufFields } from './gguf-fields.ts';
import { fileTensor, type HostTensor, numbersOf, onItsSide, type StoredTensor } from './host-tensor.ts';
import { shown } from './json.ts';
import { reordered } from './row-order.ts';

const FORMAT = 'GGUF';

/** One tensor of Hugging Face's names in the files. */
interface Place extends TensorInfo {
  readonly source: ByteSource;
  readonly start: number;
  readonly change: Change;
}

/**
 * A GGUF model as a checkpoint: its metadata as a `config.json`, its tensors under Hugging Face's names and in its order
 * of rows. Tensors in blocks stay as they are.
 *
 * @param sources the file, or the parts that `gguf-split` made of it in their order; closed with the checkpoint
 * @throws {FormatError} if a file is not what the format demands, or is of an architecture that is not known.
 */
export async function ggufCheckpoint(
  sources: readonly ByteSource[],
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const [first] = sources as [ByteSource];
  const parts = await Promise.all(
    sources.map(async (source) => {
      const { data, ...header } = await readGguf(source, signal);
      return { source: readAlready(source, data.start, data.bytes), ...header };
    }),
  );
  const { metadata } = parts[0]!;
  checkParts(sources, parts);
  const own = new Map<string, GgufTensor & { readonly source: ByteSource }>();
  for (const { source, tensors } of parts)
    for (const [name, tensor] of tensors) {
      if (own.has(name)) throw new FormatError(FORMAT, `tensor "${name}" stands in two of the files`);
      own.set(name, { ...tensor, source });
    }
  const { fields, architecture } = architectureOf(metadata, own);
  const cut = parts.flatMap((part) => part.cut);
  const places = placesOf(own, architecture, fields);
  // their numbers are part of the config
  const cutTurns = cut.find((each) => inConfig.test(/"(.*?)"/.exec(each)?.[1] ?? ''));
  if (cutTurns !== undefined) throw new FormatError(FORMAT, cutTurns);
  const config = { ...configOf(metadata, architecture, fields), ...(await turns(own, fields, signal)) };
  fields.checkNeeded();
  const template = metadata.get('tokenizer.chat_template');
  if (template !== undefined && typeof template !== 'string')
    throw new FormatError(FORMAT, `tokenizer.chat_template must be a text, it is ${shown(template)}`);
  return {
    name: first.name,
    format: 'gguf',
    config,
    tensors: places,
    problems: cut,
    tokenizer: metadata.has('tokenizer.ggml.model') ? { kind: 'gguf', metadata } : undefined,
    chatTemplate: template,
    async read(name, options) {
      const place = places.get(name);
      if (!place) throw new FormatError(FORMAT, `${first.name} has no tensor "${name}"`);
      const { source, start, bytes } = place;
      return changed(name, place, await source.read(start, start + bytes, options?.signal));
    },
    reader(name) {
      const place = places.get(name);
      if (!place || place.change.order || place.change.plusOne) return undefined;
      // on its side it is handed out as it lies in 16 bits and blocks only
      if (place.change.turned && !place.turned) return undefined;
      return readerAt(place.source, place.start);
    },
    close() {
      for (const source of sources) source.close?.();
    },
  };
}

/** A source of which some bytes were read before. */
function readAlready(source: ByteSource, start: number, bytes: Uint8Array): ByteSource {
  const end = start + bytes.length;
  return {
    name: source.name,
    size: source.size,
    close: () => source.close?.(),
    ...(source.readInto && {
      async readInto(from: number, target: Uint8Array, signal?: AbortSignal) {
        const here =
          from < start ? bytes.subarray(0, 0) : bytes.subarray(from - start, from - start + target.length);
        target.set(here);
        if (here.length < target.length)
          await source.readInto!(from + here.length, target.subarray(here.length), signal);
      },
    }),
    async read(from, to, signal) {
      if (from < start || from >= end) return source.read(from, to, signal);
      const here = bytes.slice(from - start, to - start);
      if (to <= end) return here;
      const rest = await source.read(end, to, signal);
      const all = new Uint8Array(to - from);
      all.set(here);
      all.set(rest, here.length);
      giveBack(rest);
      return fresh(all);
    },
  };
}

function checkParts(
  sources: readonly ByteSource[],
  parts: readonly { readonly metadata: GgufMetadata }[],
): void {
  for (const [n, { metadata }] of parts.entries()) {
    const count = metadata.get('split.count') ?? 1;
    const number = metadata.get('split.no') ?? 0;
    const { name } = sources[n]!;
    if (count !== parts.length && !(count === 0 && parts.length === 1))
      throw new FormatError(
        FORMAT,
        `${name} is one of ${String(count)} parts, and ${parts.length} are there`,
      );
    if (parts.length > 1 && number !== n)
      throw new FormatError(
        FORMAT,
        `${name} says that it is part ${String(number)}, it stands at the place of part ${n}`,
      );
  }
}

function architectureOf(
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, GgufTensor>,
): { readonly fields: GgufFields; readonly architecture: GgufArchitecture } {
  const name = metadata.get('general.architecture');
  if (typeof name !== 'string') throw new FormatError(FORMAT, 'it has no general.architecture');
  if (!Object.hasOwn(ggufArchitectures, name)) {
    const known = Object.keys(ggufArchitectures).sort().join(', ');
    throw new FormatError(
      FORMAT,
      `general.architecture ${JSON.stringify(name)} is not known; those that are: ${known}`,
    );
  }
  return { fields: new GgufFields(name, metadata, tensors), architecture: ggufArchitectures[name]! };
}

function configOf(
  metadata: GgufMetadata,
  architecture: GgufArchitecture,
  fields: GgufFields,
): Readonly<Record<string, unknown>> {
  const one = (key: string): unknown => metadata.get(`tokenizer.ggml.${key}_token_id`);
  const ends = [one('eos'), one('eot'), one('eom')].filter((id) => id !== undefined);
  const said = {
    model_type: architecture.modelType(fields),
    ...architecture.config(fields),
    bos_token_id: one('bos'),
    eos_token_id: ends.length > 0 ? [...new Set(ends)] : undefined,
    pad_token_id: one('padding'),
    ...fields.unread,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

/** What divides the frequencies (Llama 3, longrope) stands in tensors; longrope is what takes them as they are. */
async function turns(
  tensors: ReadonlyMap<string, GgufTensor & { readonly source: ByteSource }>,
  fields: GgufFields,
  signal: AbortSignal | undefined,
): Promise<object> {
  const factors = async (name: string): Promise<number[] | undefined> => {
    const tensor = tensors.get(name);
    if (!tensor) return undefined;
    if (tensor.dtype !== 'F32')
      throw new FormatError(FORMAT, `tensor "${name}" must be F32, it is ${tensor.dtype}`);
    const bytes = await tensor.source.read(tensor.start, tensor.start + tensor.bytes, signal);
    return Array.from(new Float32Array(bytes.slice().buffer));
  };
  const every = await factors('rope_freqs.weight');
  const short = every ?? (await factors('rope_factors_short.weight'));
  const long = every ?? (await factors('rope_factors_long.weight'));
  if (!short || !long) return {};
  const context = fields.number('context_length');
  const original = fields.number('rope.scaling.original_context_length') ?? context;
  const attention = fields.number('rope.scaling.attn_factor');
  return {
    rope_parameters: {
      rope_type: 'longrope',
      rope_theta: fields.get('rope.freq_base') ?? 10_000,
      short_factor: short,
      long_factor: long,
      original_max_position_embeddings: every ? context : original,
      ...(every ? { attention_factor: 1 } : attention !== undefined && { attention_factor: attention }),
    },
  };
}

/** Tensors that the config says as well. */
const inConfig = /^rope_(freqs|factors_short|factors_long)\.weight$/;

function placesOf(
  own: ReadonlyMap<string, GgufTensor & { readonly source: ByteSource }>,
  { names: said, changes }: GgufArchitecture,
  fields: GgufFields,
): ReadonlyMap<string, Place> {
  const names = typeof said === 'function' ? said(fields) : said;
  const places = new Map<string, Place>();
  const twice: string[] = [];
  for (const [name, tensor] of own) {
    if (inConfig.test(name)) continue;
    const [, side = '', layer = '', inLayer = name] = /^((?:enc\.|dec\.)?)blk\.(\d+)\.(.+)$/.exec(name) ?? [];
    const [, stem = name, ending = ''] = /^(.+?)(\.weight|\.bias)?$/.exec(inLayer) ?? [];
    const pattern = layer === '' ? stem : `${side}blk.*.${stem}`;
    const whole = Object.hasOwn(names, pattern + ending) ? names[pattern + ending] : undefined;
    const stemOf = Object.hasOwn(names, pattern) ? `${names[pattern]}${ending}` : undefined;
    const theirs = (whole ?? stemOf)?.replace('*', layer) ?? name;
    const change = changes?.(inLayer, fields) ?? {};
    for (const [to, place] of spread(theirs, tensor, change)) {
      if (places.has(to)) twice.push(`"${name}" is "${to}", as another tensor is`);
      places.set(to, place);
    }
  }
  if (twice.length > 0) throw new FormatError(FORMAT, 'two tensors have one meaning', atMost(twice));
  return places;
}

/** One tensor, or one for each expert. */
function* spread(
  name: string,
  { dtype, shape, bytes, start, source }: GgufTensor & { readonly source: ByteSource },
  change: Change,
): Generator<[string, Place]> {
  const lies = change.turned && shape.length === 2;
  const turned = lies ? [...shape].reverse() : shape;
  const kept = lies && (dtype === 'F16' || dtype === 'BF16' || isBlockType(dtype));
  if (!name.includes('+') || shape.length !== 3)
    return yield [
      name,
      { dtype, shape: turned, bytes, start, source, change, ...(kept && { turned: true }) },
    ];
  const [count, ...rest] = shape as [number, ...number[]];
  for (let n = 0; n < count; n++) {
    const size = bytes / count;
    yield [
      name.replace('+', String(n)),
      { dtype, shape: rest, bytes: size, start: start + n * size, source, change },
    ];
  }
}

/** A tensor as Hugging Face has it, from its bytes in the file. */
function changed(
  name: string,
  { dtype, shape, change }: Place,
  bytes: Uint8Array,
): HostTensor | StoredTensor {
  const { order, turned, plusOne } = change;
  const rows = shape[0] ?? 1;
  const sorted = order ? reordered(bytes, rows, order) : bytes;
  if (sorted !== bytes) {
    giveBack(bytes);
    fresh(sorted);
  }
  const stored = fileTensor(name, dtype, shape, sorted);
  if (turned && shape.length === 2) {
    if ('bytes' in stored) return { ...stored, turned: true };
    return f32(shape, onItsSide(floats(stored), shape[1]!, shape[0]!));
  }
  if (plusOne)
    return f32(
      shape,
      floats(stored).map((value) => value - 1),
    );
  return stored;
}

function f32(shape: readonly number[], data: Float32Array): HostTensor {
  return { dtype: 'F32', shape, data };
}

function floats(tensor: HostTensor | StoredTensor): Float32Array {
  const numbers = numbersOf(tensor);
  return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
}
