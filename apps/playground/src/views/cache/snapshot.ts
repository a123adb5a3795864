import { type Cache, kv, type PagedCache, type QuantizedCache, type StorageType } from '@headwise/kv-cache';
import type { LayerSpec, Tensor } from '@headwise/tensor';
import type { ConstantPicture, Paging, Predicted, SlotPicture, StatePicture } from './picture.ts';

/** What a picture of a state needs beside the state. */
export interface SnapshotContext {
  /** Tokens before this step. */
  readonly before: number;
  /** Largest weight of any head for each slot, where the variant has weights. */
  readonly weights: Float32Array | undefined;
  /** Numbers that a step reads of it. */
  readonly reads: number;
  /** How a packed token is stored, where the cache packs. */
  readonly storage: StorageType | undefined;
}

/** Reads everything that is drawn from the state itself. */
export async function statePicture(
  state: Cache,
  layer: number,
  { before, weights, reads, storage }: SnapshotContext,
): Promise<StatePicture> {
  const { spec, length } = state;
  const shared = spec.kind === 'shared';
  const slots = shared || spec.kind === 'recurrent' ? [] : await slotsOf(state, before, weights);
  const held = new Set(slots.map(({ token }) => token));
  const forgets = slots.length > 0;
  return {
    id: state.id,
    layer,
    cache: state.kind,
    keeps: spec.kind,
    producer: spec.producer,
    slots,
    evicted: forgets ? Array.from({ length }, (_, token) => token).filter((token) => !held.has(token)) : [],
    sinks: spec.sinks ?? 0,
    recounted: slots.some(({ token, position }) => token !== position),
    paging: pagingOf(state),
    constants: spec.kind === 'recurrent' ? await constantsOf(state) : [],
    bytes: state.bytes(),
    predicted: predictedOf(state, storage),
    reads,
  };
}

async function slotsOf(
  state: Cache,
  before: number,
  weights: Float32Array | undefined,
): Promise<SlotPicture[]> {
  const { rows, valid, keyPositions } = state.view();
  const tensors = Object.values(rows);
  const count = tensors[0]!.shape[1]!;
  const positions = keyPositions
    ? (await keyPositions.data()).subarray(0, count)
    : Int32Array.from({ length: count }, (_, slot) => (slot < valid ? slot : -1));
  const sizes = await sizesOf(tensors, count);
  const tokens = tokensAt(positions, state);
  const packed = (state as Partial<QuantizedCache>).packed?.[0] ?? 0;
  return Array.from({ length: count }, (_, slot) => {
    const token = tokens[slot]!;
    const weight = token < 0 ? undefined : weights?.[slot];
    return {
      token,
      position: positions[slot]!,
      fresh: token >= before,
      read: weight === undefined ? undefined : weight > 0,
      weight,
      packed: token >= 0 && token < packed,
      size: token < 0 ? 0 : sizes[slot]!,
    };
  });
}

/** Which token of the text stands in each slot, also where the cache counts its positions anew. */
function tokensAt(positions: Int32Array, { length, spec: { sinks = 0 } }: Cache): Int32Array {
  const newest = positions.reduce((most, position) => Math.max(most, position), -1);
  const left = length - 1 - newest;
  return positions.map((position) => (position < sinks ? position : position + left));
}

/** Mean absolute value of each slot over all rows. */
async function sizesOf(tensors: readonly Tensor[], count: number): Promise<Float64Array> {
  const sums = new Float64Array(count);
  let width = 0;
  for (const rows of tensors) {
    const data = await rows.data();
    const size = data.length / rows.shape[0]! / count;
    width += size;
    for (let slot = 0; slot < count; slot++)
      for (let i = 0; i < size; i++) sums[slot]! += Math.abs(data[slot * size + i]!);
  }
  return sums.map((sum) => sum / width);
}

function pagingOf(state: Cache): Paging | undefined {
  const { tables, pool } = state as Partial<PagedCache>;
  return tables && pool
    ? { blockSize: pool.blockSize, table: [...tables[0]!], blocks: pool.tables.blocks }
    : undefined;
}

async function constantsOf(state: Cache): Promise<ConstantPicture[]> {
  if (state.length === 0) return [];
  const pictures: ConstantPicture[] = [];
  for (const [name, constant] of Object.entries(state.constants())) {
    const [, , ...one] = constant.shape;
    const columns = one.at(-1) ?? 1;
    const rows = one.slice(0, -1).reduce((a, b) => a * b, 1);
    const values = Float32Array.from((await constant.data()).subarray(0, rows * columns));
    pictures.push({ name, shape: constant.shape.slice(1), rows, columns, values });
  }
  return pictures;
}

const number = new Intl.NumberFormat('en');

/** Bytes from the spec and the length alone, by the library's formula; where a cache says more, by what it says. */
function predictedOf(state: Cache, storage: StorageType | undefined): Predicted {
  const { spec, length, B } = state;
  if (spec.kind === 'shared') return { bytes: 0, formula: `0 B: it reads ${spec.producer}` };
  const { tables, pool } = state as Partial<PagedCache>;
  const { packed } = state as Partial<QuantizedCache>;
  const bytesAt = (tokens: number, dtype: StorageType = 'f32'): number =>
    kv([spec]).bytes({ tokens, B, dtype });
  const says = (bytes: number, words: string): Predicted => ({
    bytes,
    formula: `${words} = ${number.format(bytes)} B`,
  });
  if (spec.kind === 'recurrent')
    return says(bytesAt(length), `${constantWords(spec)} × 4 B, whatever the length`);
  if (tables && pool) {
    const blocks = Math.ceil(length / pool.blockSize);
    const words = `${blocks} blocks × ${pool.blockSize} tokens × (${rowWords(spec)}) × 4 B`;
    return says(bytesAt(blocks * pool.blockSize), words);
  }
  if (packed && storage) {
    const [few, rest] = [packed[0]!, length - packed[0]!];
    const bits = typeof storage === 'object' ? storage.bits : 8;
    const words = `${few} tokens × (${rowWords(spec)}) × ${bits} bit + scales + ${rest} tokens × (${rowWords(spec)}) × 4 B`;
    return says(bytesAt(few, storage) + bytesAt(rest), words);
  }
  const capped = Math.min(length, spec.cap);
  const kept = Math.min(state.held, capped);
  const tokens =
    kept < capped ? `${kept} held` : spec.cap === Infinity ? String(length) : `min(${length}, ${spec.cap})`;
  return says(bytesAt(kept), `${tokens} tokens × (${rowWords(spec)}) × 4 B`);
}

function rowWords({ rows }: LayerSpec): string {
  return Object.entries(rows)
    .map(([name, shape]) => `${name} ${shape.join('·')}`)
    .join(' + ');
}

function constantWords({ constant }: LayerSpec): string {
  const words = Object.entries(constant).map(([name, shape]) => `${name} ${shape.join('·')}`);
  return `(${words.join(' + ')})`;
}
