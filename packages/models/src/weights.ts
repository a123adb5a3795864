import {
  type Device,
  type RowFormat,
  rowFormats,
  type Tensor,
  tensor,
  uploadWeights,
  ValueError,
} from '@headwise/tensor';
import { atMost, FormatError } from './errors.ts';
import { ConfigFields } from './formats/config-fields.ts';
import { isBlockType } from './formats/gguf-blocks.ts';
import { type HostTensor, numbersOf, type StoredTensor, type StoredType } from './formats/host-tensor.ts';
import { shown } from './formats/json.ts';
import type { Shapes } from './part.ts';
import type { WeightBuilder, WeightPlace, WeightSource } from './weight-sources.ts';

const FORMAT = 'weights';
const MOST_LISTED = 20;
const FLOATS = ['F32', 'F16', 'BF16', 'F64'];

/** Buffers that older checkpoints carry though they follow from the config. */
const derived = /\.rotary_emb\.inv_freq$/;

/** What a file may hold beyond the weights of the model. */
export interface WeightExtras {
  /** A second copy, by its name, of a tensor: the name of the first. */
  readonly copies?: Readonly<Record<string, string>> | undefined;
  /** Names that no model reads. */
  readonly unused?: RegExp | undefined;
}

/** What is known of a tensor before it is read. */
type Known = Readonly<{
  dtype: string;
  shape: readonly number[];
  /** In the file, where it is known by its place there. */
  bytes?: unknown;
  turned?: boolean | undefined;
}>;

/** Of which tensors each weight is made. */
export interface WeightPlan {
  readonly sources: Readonly<Record<string, WeightSource>>;
  /** Tensors that must be the same as others, by the names of those. */
  readonly copies: ReadonlyMap<string, string>;
  /** By kind. */
  readonly problems: readonly (readonly string[])[];
}

/**
 * Looks for everything that does not fit, before anything is read.
 *
 * @param contentOf a tensor that has been read, once a weight is made of it
 */
export function planWeights(
  wanted: Shapes,
  tensors: ReadonlyMap<string, Known>,
  build: WeightBuilder,
  extra: Readonly<WeightExtras>,
  contentOf: (name: string) => HostTensor | StoredTensor,
): WeightPlan {
  const used = new Set<string>();
  // several weights in a row may be parts of one tensor
  let last: { readonly of: HostTensor | StoredTensor; readonly floats: Float32Array } | undefined;
  const sources = build((name) => {
    used.add(name);
    const found = tensors.get(name);
    const numbers = (): Float32Array => {
      const of = contentOf(name);
      if (last?.of !== of) last = { of, floats: floatsOf(of) };
      return last.floats;
    };
    const dtype = found?.dtype as StoredType;
    const bytes = (): Uint8Array => (contentOf(name) as StoredTensor).bytes;
    const stored = dtype === 'F16' || dtype === 'BF16' || isBlockType(dtype) ? { dtype, bytes } : undefined;
    const place: WeightPlace | undefined =
      typeof found?.bytes === 'number' && (stored || found.dtype === 'F32')
        ? { dtype: stored?.dtype ?? 'F32', spans: [{ file: name, start: 0, end: found.bytes }] }
        : undefined;
    if (!found?.turned || !stored) return { files: [name], shape: found?.shape, numbers, stored, place };
    const shape = [...found.shape].reverse();
    const asItLies = (): Float32Array =>
      floatsOf({ ...(contentOf(name) as StoredTensor), shape, turned: false });
    const turned = { files: [name], shape, numbers: asItLies, stored, place };
    return { files: [name], shape: found.shape, numbers, turned };
  }, wanted);
  const { copies, unknown } = others(tensors, used, extra);
  const unwanted = Object.keys(sources)
    .filter((name) => !Object.hasOwn(wanted, name))
    .map((name) => `"${name}" is made of ${quoted(sources[name]!.files)}, and the model has no such weight`);
  const problems = [
    ...missingOrWrong(wanted, sources, tensors),
    [...unknown.map((file) => unknownTensor(file)), ...unwanted],
  ];
  return { sources, copies, problems };
}

function floatsOf(tensor: HostTensor | StoredTensor): Float32Array {
  const data = numbersOf(tensor);
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

/** What is said of a tensor that no weight is made of. Never throws. */
export function unknownTensor(name: string): string {
  return `"${name}" is unknown: the model has no such weight`;
}

/**
 * All that does not fit, in one error: some of each kind where there is much, and what the config says of it.
 * Never throws.
 */
export function refusal(problems: readonly (readonly string[])[], config?: unknown): FormatError {
  const told = config === undefined ? [] : saidOf(problems.flat(), config);
  const kinds = problems.filter(({ length }) => length > 0);
  const most = Math.ceil(MOST_LISTED / kinds.length);
  return new FormatError(FORMAT, 'the tensors are not those of the model', [
    ...kinds.flatMap((kind) => atMost(kind, most)),
    ...told,
  ]);
}

/** Fields of a config that the shapes which do not fit, the layers or the head follow from. */
function saidOf(problems: readonly string[], config: unknown): readonly string[] {
  const sizes = new Set<number>();
  for (const problem of problems) {
    const [, wanted = '', got = ''] = / must be \[(.*?)\], it is \[(.*?)\]$/.exec(problem) ?? [];
    const others = got.split(', ');
    for (const [axis, size] of wanted.split(', ').entries())
      if (size !== '' && size !== others[axis]) sizes.add(Number(size));
  }
  const layers = problems.some((problem) => /\.\d+\..*(missing|unknown)/.test(problem));
  const biases = problems.some((problem) => /\.bias" is (missing|unknown)/.test(problem));
  const head = problems.some((problem) =>
    /(lm_head|embed_out|decoder)\.weight" is (missing|unknown)/.test(problem),
  );
  const fields = Object.entries(new ConfigFields(config).values).filter(
    ([key, value]) =>
      (typeof value === 'number' && sizes.has(value) && !key.endsWith('_id')) ||
      (layers && /^(num_.*layers|n_layers?|.*coder_layers)$/.test(key)) ||
      (biases && /(^|_)bias$/.test(key)) ||
      (head && key === 'tie_word_embeddings'),
  );
  if (fields.length === 0) return [];
  return [`the config says ${fields.map(([key, value]) => `${key} ${shown(value)}`).join(', ')}`];
}

/**
 * Makes the weights of a model from the tensors of a checkpoint and puts them on a device. Everything that does not
 * fit is found before the first one is uploaded, and reported at once.
 *
 * A tied model has no `head`; a checkpoint that stores one all the same, under the name that `copies` gives, must
 * store the embedding table.
 *
 * @param wanted names and shapes, from `decoderParameters` or the like
 * @param extra.copies for a tensor of the file that may stand there a second time: the name of the first
 * @param extra.unused tensors of the file that no model reads
 * @throws {FormatError} listing every tensor that is missing, unknown, or of a wrong shape or type; or naming one whose
 * numbers are not finite.
 */
export function buildWeights(
  device: Device,
  wanted: Shapes,
  tensors: ReadonlyMap<string, HostTensor | StoredTensor>,
  build: WeightBuilder,
  extra: Readonly<WeightExtras> = {},
): Record<string, Tensor> {
  const contentOf = (name: string): HostTensor | StoredTensor => tensors.get(name)!;
  const { sources, copies, problems } = planWeights(wanted, tensors, build, extra, contentOf);
  const different = [...copies].filter(([copy, of]) => !sameContent(contentOf(copy), contentOf(of)));
  const all = [...problems, different.map(([copy]) => unknownTensor(copy))];
  if (all.some(({ length }) => length > 0)) throw refusal(all);
  const uploaded: Record<string, Tensor> = {};
  try {
    for (const [name, shape] of Object.entries(wanted))
      uploaded[name] = makeWeight(device, sources[name]!, shape);
  } catch (error) {
    for (const made of Object.values(uploaded)) made.dispose();
    throw error;
  }
  return uploaded;
}

/**
 * Puts one weight on a device: in the bits of its file where the device keeps them so, else as float32.
 * @throws {FormatError} if a number is not finite: what a model computes of it is none.
 */
export function makeWeight(device: Device, source: WeightSource, shape: readonly number[]): Tensor {
  const { stored, files } = source;
  const format = keptFormat(device, source, shape);
  if (stored && format) {
    try {
      return uploadWeights(device, stored.bytes(), format, shape as [number, number]);
    } catch (error) {
      if (!ValueError.isInstance(error)) throw error;
      throw new FormatError(FORMAT, `${quoted(files)} must hold finite numbers`);
    }
  }
  const numbers = source.numbers();
  if (!allFinite(numbers)) {
    const at = numbers.findIndex((value) => !Number.isFinite(value));
    throw new FormatError(
      FORMAT,
      `${quoted(files)} must hold finite numbers, number ${at} is ${numbers[at]}`,
    );
  }
  return tensor(device, numbers, shape);
}

/** In which of its formats a device keeps a weight; undefined for float32. Never throws. */
export function keptFormat(
  device: Device,
  { stored }: WeightSource,
  shape: readonly number[],
): RowFormat | undefined {
  return stored && device.store && shape.length === 2 ? formatOf(stored.dtype) : undefined;
}

/** The format of a device that a type of files is. */
function formatOf(dtype: StoredType): RowFormat | undefined {
  const name = dtype === 'F16' ? 'f16' : dtype === 'BF16' ? 'bf16' : dtype;
  return rowFormats.find((format) => format === name);
}

/** Several sums side by side: a NaN or infinity times 0 is NaN, and stays so. */
function allFinite(x: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = x.length - (x.length % 4);
  for (let n = 0; n < whole; n += 4) {
    a += x[n]! * 0;
    b += x[n + 1]! * 0;
    c += x[n + 2]! * 0;
    d += x[n + 3]! * 0;
  }
  for (let n = whole; n < x.length; n++) a += x[n]! * 0;
  return a + b + c + d === 0;
}

function missingOrWrong(
  wanted: Shapes,
  sources: Readonly<Record<string, WeightSource>>,
  tensors: ReadonlyMap<string, Known>,
): [missing: string[], wrong: string[]] {
  const missing: string[] = [];
  const wrong = Object.entries(wanted).flatMap(([name, shape]) => {
    if (!Object.hasOwn(sources, name)) return [`"${name}" [${shape.join(', ')}] is made of no tensor`];
    const source = sources[name]!;
    const absent = source.files.filter((file) => !tensors.has(file));
    if (absent.length > 0) {
      missing.push(`${quoted(absent)} is missing, for "${name}" [${shape.join(', ')}]`);
      return [];
    }
    if (source.shape === undefined) {
      const each = source.files.map((file) => `"${file}" [${tensors.get(file)!.shape.join(', ')}]`);
      return [`${each.join(' and ')} do not go together, for "${name}" [${shape.join(', ')}]`];
    }
    if (String(source.shape) !== String(shape))
      return [`${quoted(source.files)} must be [${shape.join(', ')}], it is [${source.shape.join(', ')}]`];
    return source.files
      .map((file) => [file, tensors.get(file)!.dtype] as const)
      .filter(([, dtype]) => !FLOATS.includes(dtype) && !isBlockType(dtype))
      .map(([file, dtype]) => `"${file}" must hold floating-point numbers, it is ${dtype}`);
  });
  return [missing, wrong];
}

/** Tensors that no weight is made of: copies of others, as far as can be seen from outside, and unknown ones. */
function others(
  tensors: ReadonlyMap<string, Known>,
  used: ReadonlySet<string>,
  { copies = {}, unused }: WeightExtras,
): { readonly copies: ReadonlyMap<string, string>; readonly unknown: readonly string[] } {
  const rest = [...tensors.keys()].filter(
    (file) => !used.has(file) && !derived.test(file) && !unused?.test(file),
  );
  const isCopy = (file: string): boolean => {
    const [copy, first] = [tensors.get(file)!, Object.hasOwn(copies, file) && tensors.get(copies[file]!)];
    return first !== false && first?.dtype === copy.dtype && String(first.shape) === String(copy.shape);
  };
  return {
    copies: new Map(rest.filter(isCopy).map((file) => [file, copies[file]!])),
    unknown: rest.filter((file) => !isCopy(file)),
  };
}

/** Names as they stand in messages. Never throws. */
export function quoted(files: readonly string[]): string {
  return files.map((file) => `"${file}"`).join(', ');
}

/** Whether two tensors of one type and shape hold the same. Never throws. */
export function sameContent(a: HostTensor | StoredTensor, b: HostTensor | StoredTensor): boolean {
  const [x, y] = [a, b].map((each) => ('bytes' in each ? each.bytes : each.data));
  if (x!.length !== y!.length) return false;
  for (let i = 0; i < x!.length; i++) if (x![i] !== y![i]) return false;
  return true;
}
