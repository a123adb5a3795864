import type { StoredType } from './formats/host-tensor.ts';
import type { Shapes } from './part.ts';

/** A weight on its way from a file: where it comes from, its shape, and its numbers when they are asked for. */
export interface WeightSource {
  /** Names of the tensors of the file that it is made of. */
  readonly files: readonly string[];
  /** Undefined where a tensor is missing, which is reported with all others. */
  readonly shape: readonly number[] | undefined;
  readonly numbers: () => Float32Array;
  /** The way back: puts numbers of the weight into the tensors of the file. Absent where there is none. */
  readonly store?: ((values: Float32Array) => void) | undefined;
  /** Its rows as the file has them, where they are whole rows of tensors in fewer bits: a device may keep them so. */
  readonly stored?: { readonly dtype: StoredType; readonly bytes: () => Uint8Array } | undefined;
  /** Where its bytes stand, where they are runs of bytes of tensors one after the other: read straight to where they go. */
  readonly place?: WeightPlace | undefined;
  /** The same matrix on its side, where the file has it so. */
  readonly turned?: WeightSource | undefined;
}

/** Runs of bytes of tensors that are a weight, row by row. */
export interface WeightPlace {
  /** `F32`, or that of `stored`. */
  readonly dtype: 'F32' | StoredType;
  readonly spans: readonly Span[];
}

/** The bytes `start … end − 1` of a tensor. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/**
 * How an architecture's weights are made of the tensors of its files, by our names: straight, or split, turned, with
 * one added, put together.
 *
 * @example
 * (file) => ({ embed: file('wte.weight'), 'layers.0.attention.q': transposed(part(file('h.0.attn.c_attn.weight'), 1, 0, E)) })
 */
export type WeightBuilder = (
  file: FileTensor,
  /** Names and shapes that the model asks for. */
  wanted: Shapes,
) => Readonly<Record<string, WeightSource>>;

/** The tensor of that name in the file. */
export type FileTensor = (name: string) => WeightSource;

/**
 * Weights by patterns of their names: `*` stands for the layer, `{q,k,v}` for one of several. The other side is the
 * tensor's name in the file, with the layer for its `*` and the chosen one for `{}`, or a function that makes the weight.
 * The first pattern that fits counts; of patterns for weights that a model does not have, nothing is read. Never throws.
 *
 * @example
 * named({
 *   embed: 'wte.weight',
 *   'layers.*.attention.{q,k,v}': (file, layer, which) => transposed(part(file(`h.${layer}.attn.c_attn.weight`), 1, 'qkv'.indexOf(which) * E, E)),
 * })
 */
export function named(
  patterns: Readonly<
    Record<string, string | ((file: FileTensor, layer: number, which: string) => WeightSource)>
  >,
): WeightBuilder {
  const rules = Object.entries(patterns).map(([pattern, of]) => ({ fits: matcher(pattern), of }));
  const sourceOf = (name: string, file: FileTensor): WeightSource | undefined => {
    for (const { fits, of } of rules) {
      const found = fits.exec(name);
      if (!found) continue;
      const { layer = '', which = '' } = found.groups ?? {};
      if (typeof of === 'function') return of(file, Number(layer), which);
      return file(of.replaceAll('*', layer).replaceAll('{}', which));
    }
    return undefined;
  };
  return (file, wanted) =>
    Object.fromEntries(
      Object.keys(wanted).flatMap((name) => {
        const source = sourceOf(name, file);
        return source ? [[name, source]] : [];
      }),
    );
}

/**
 * The same, of a file whose tensors may all stand under a prefix, and may not: a model was stored alone, or inside one
 * with a head. Never throws.
 */
export function prefixed(prefix: string, build: WeightBuilder): WeightBuilder {
  return (file, wanted) =>
    build((name) => {
      const bare = file(name);
      return bare.shape ? bare : file(`${prefix}${name}`);
    }, wanted);
}

/** The first of several names that the file has, or the first of all. Never throws. */
export function firstOf(...names: readonly string[]): (file: FileTensor) => WeightSource {
  return (file) => file(names.find((name) => file(name).shape !== undefined) ?? names[0]!);
}

/** `layers.*.mlp.{up,down}` → `/^layers\.(?<layer>\d+)\.mlp\.(?<which>up|down)$/` */
function matcher(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^$()[\]\\|]/g, '\\$&');
  const inside = escaped
    .replace('*', '(?<layer>\\d+)')
    .replace(/\{([^}]*)\}/, (_, names: string) => `(?<which>${names.replaceAll(',', '|')})`);
  return new RegExp(`^${inside}$`);
}

/** `[I, O]` → `[O, I]`: the layout of GPT-2's projections. Never throws. */
export function transposed(source: WeightSource): WeightSource {
  // what is no matrix is reported by its own shape
  if (source.shape?.length !== 2) return source;
  if (source.turned) return source.turned;
  const [I, O] = source.shape as [number, number];
  return from(
    [source],
    [O, I],
    ([x]) => turned(x!, I, O),
    (y) => [turned(y, O, I)],
  );
}

function turned(x: Float32Array, I: number, O: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let i = 0; i < I; i++) for (let o = 0; o < O; o++) y[o * I + i] = x[i * O + o]!;
  return y;
}

/** The slices `start … start + count − 1` along an axis: one of several projections that were stored as one. Never throws. */
export function part(source: WeightSource, axis: number, start: number, count: number): WeightSource {
  const { shape } = source;
  const size = shape?.[axis];
  if (!shape || size === undefined || start + count > size)
    // what does not fit is reported by its whole shape
    return source;
  const outer = shape.slice(0, axis).reduce((product, each) => product * each, 1);
  const inner = shape.slice(axis + 1).reduce((product, each) => product * each, 1);
  if (axis === 0) return rowsOf(source, [[start, count]]);
  const cut = shape.map((each, i) => (i === axis ? count : each));
  const made = from(
    [source],
    cut,
    ([x]) => {
      const y = new Float32Array(outer * count * inner);
      for (let n = 0; n < outer; n++) {
        const first = (n * size + start) * inner;
        y.set(x!.subarray(first, first + count * inner), n * count * inner);
      }
      return y;
    },
    (y, [before]) => {
      const x = before!.slice();
      for (let n = 0; n < outer; n++)
        x.set(y.subarray(n * count * inner, (n + 1) * count * inner), (n * size + start) * inner);
      return [x];
    },
  );
  const { turned } = source;
  return turned && axis === 1 ? { ...made, turned: rowsOf(turned, [[start, count]]) } : made;
}

/**
 * Runs of rows under one another, each `[first, count]`: in the bits of the file, where it has whole rows. Never throws.
 */
export function rowsOf(
  source: WeightSource,
  runs: readonly (readonly [first: number, count: number])[],
): WeightSource {
  const { shape, stored } = source;
  const O = shape?.[0];
  // what does not fit is reported by its whole shape
  if (!shape || O === undefined || runs.some(([first, count]) => first + count > O)) return source;
  const picked = <Numbers extends Float32Array | Uint8Array>(all: Numbers): Numbers => {
    const row = all.length / O;
    const parts = runs.map(([first, count]) => all.subarray(first * row, (first + count) * row) as Numbers);
    return parts.length === 1 ? parts[0]! : joined(parts);
  };
  const rows = runs.reduce((sum, [, count]) => sum + count, 0);
  const made = from(
    [source],
    [rows, ...shape.slice(1)],
    ([x]) => picked(x!).slice(),
    (y, [before]) => {
      const x = before!.slice();
      const row = x.length / O;
      let at = 0;
      for (const [first, count] of runs) {
        x.set(y.subarray(at, at + count * row), first * row);
        at += count * row;
      }
      return [x];
    },
  );
  return {
    ...made,
    stored: stored && { dtype: stored.dtype, bytes: () => picked(stored.bytes()) },
    place: source.place && rowsAt(source.place, O, runs),
  };
}

/** Where runs of rows of `O` are. */
function rowsAt(
  { dtype, spans }: WeightPlace,
  O: number,
  runs: readonly (readonly [first: number, count: number])[],
): WeightPlace {
  const row = spans.reduce((sum, { start, end }) => sum + end - start, 0) / O;
  const cut = ([first, count]: readonly [number, number]): Span[] => {
    let before = 0;
    return spans.flatMap(({ file, start, end }) => {
      const from = Math.max(start, start + first * row - before);
      const to = Math.min(end, start + (first + count) * row - before);
      before += end - start;
      return from < to ? [{ file, start: from, end: to }] : [];
    });
  };
  return { dtype, spans: runs.flatMap(cut) };
}

/** One behind the other, where all are of one type. */
function placesOf(sources: readonly WeightSource[]): WeightPlace | undefined {
  const places = sources.flatMap(({ place }) => place ?? []);
  const dtype = places[0]?.dtype;
  if (!dtype || places.length < sources.length || places.some((each) => each.dtype !== dtype))
    return undefined;
  return { dtype, spans: places.flatMap(({ spans }) => spans) };
}

/** Every number plus a constant: gains that are stored as what they differ from 1 (Gemma). Never throws. */
export function plus(source: WeightSource, constant: number): WeightSource {
  return from(
    [source],
    source.shape,
    ([x]) => x!.map((value) => value + constant),
    (y) => [y.map((value) => value - constant)],
  );
}

/** One number everywhere, in the shape of a tensor: what is left of a gain that was folded away. Never throws. */
export function filled(source: WeightSource, value: number): WeightSource {
  return from([source], source.shape, ([x]) => x!.map(() => value));
}

/** A matrix `[O, I]` whose columns are multiplied by a gain `[I]`: the gain of a norm before it, folded in. Never throws. */
export function scaledColumns(source: WeightSource, gain: WeightSource): WeightSource {
  const { shape } = source;
  const I = shape?.at(-1);
  const fits = shape && gain.shape?.length === 1 && gain.shape[0] === I;
  return from([source, gain], fits ? shape : undefined, ([x, g]) =>
    x!.map((value, n) => value * g![n % I!]!),
  );
}

/** Another shape of the same numbers: in the bits of the file, where its rows are as long. Never throws. */
export function reshaped(source: WeightSource, shape: readonly number[]): WeightSource {
  const size = (of: readonly number[]): number => of.reduce((product, each) => product * each, 1);
  const fits = source.shape && size(source.shape) === size(shape);
  const made = from(
    [source],
    fits ? shape : source.shape,
    ([x]) => x!,
    (y) => [y],
  );
  const sameRows = made.shape?.at(-1) === source.shape?.at(-1);
  return { ...made, stored: sameRows ? source.stored : undefined, place: source.place };
}

/** Axes in another order: `[X, F, E]` with `[1, 0, 2]` is `[F, X, E]`. Never throws. */
export function permuted(source: WeightSource, order: readonly number[]): WeightSource {
  const { shape } = source;
  // what has other axes is reported by its own shape
  if (shape?.length !== order.length) return source;
  const sizes = order.map((axis) => shape[axis]!);
  const back = order.map((_, axis) => order.indexOf(axis));
  return from(
    [source],
    sizes,
    ([x]) => inOrder(x!, shape, order),
    (y) => [inOrder(y, sizes, back)],
  );
}

function inOrder(x: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const sizes = order.map((axis) => shape[axis]!);
  const steps = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const y = new Float32Array(x.length);
  const at = sizes.map(() => 0);
  for (let n = 0, place = 0; n < y.length; n++) {
    y[n] = x[place]!;
    for (let axis = order.length - 1; axis >= 0; axis--) {
      const step = steps[order[axis]!]!;
      place += step;
      if (++at[axis]! < sizes[axis]!) break;
      place -= step * sizes[axis]!;
      at[axis] = 0;
    }
  }
  return y;
}

/** Several of one shape as one with a first axis more: the experts of a layer. Never throws. */
export function stacked(sources: readonly WeightSource[]): WeightSource {
  const shape = sources[0]?.shape;
  const alike = sources.every((source) => String(source.shape) === String(shape));
  const whole = shape && alike ? [sources.length, ...shape] : undefined;
  return { ...from(sources, whole, (all) => joined(all), parted), place: placesOf(sources) };
}

/** Several under one another, along the first axis: projections that a file keeps apart. Never throws. */
export function appended(sources: readonly WeightSource[]): WeightSource {
  const shapes = sources.map(({ shape }) => shape);
  const [first] = shapes;
  const alike = first && shapes.every((shape) => String(shape?.slice(1)) === String(first.slice(1)));
  const rows = shapes.reduce((sum, shape) => sum + (shape?.[0] ?? 0), 0);
  const made = from(sources, alike ? [rows, ...first.slice(1)] : undefined, (all) => joined(all), parted);
  const kept = sources.flatMap(({ stored }) => stored ?? []);
  const dtype = kept[0]?.dtype;
  const place = placesOf(sources);
  if (!dtype || kept.length < sources.length || kept.some((each) => each.dtype !== dtype))
    return { ...made, place };
  return { ...made, place, stored: { dtype, bytes: () => joined(kept.map(({ bytes }) => bytes())) } };
}

function joined<Numbers extends Float32Array | Uint8Array>(all: readonly Numbers[]): Numbers {
  const length = all.reduce((sum, each) => sum + each.length, 0);
  const y = new (all[0]!.constructor as new (length: number) => Numbers)(length);
  let at = 0;
  for (const x of all) {
    y.set(x, at);
    at += x.length;
  }
  return y;
}

/** One after the other, as long as they were. */
function parted(y: Float32Array, before: readonly Float32Array[]): Float32Array[] {
  let at = 0;
  return before.map(({ length }) => {
    at += length;
    return y.subarray(at - length, at);
  });
}

function from(
  sources: readonly WeightSource[],
  shape: readonly number[] | undefined,
  make: (numbers: readonly Float32Array[]) => Float32Array,
  /** What the sources must be for this result, given what they are; absent where that cannot be said. */
  back?: (y: Float32Array, before: readonly Float32Array[]) => readonly Float32Array[],
): WeightSource {
  const known = sources.every((source) => source.shape !== undefined);
  return {
    files: sources.flatMap(({ files }) => files),
    shape: known ? shape : undefined,
    numbers: () => make(sources.map((source) => source.numbers())),
    ...(back &&
      sources.every(({ store }) => store) && {
        store(values: Float32Array) {
          const parts = back(
            values,
            sources.map((source) => source.numbers()),
          );
          for (const [n, source] of sources.entries()) source.store!(parts[n]!);
        },
      }),
  };
}
