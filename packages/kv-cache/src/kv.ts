import { type LayerSpec, type PooledRow, pooledCount, sizeOf, ValueError } from '@headwise/tensor';
import { checkCount } from './checks.ts';
import { bytesOfConstant, bytesOfRows, bytesPerToken, type StorageType } from './dtype.ts';
import { type KvConfig, specsOf } from './layer-plan.ts';
import { type NamedSpec, nameSpecs, type Specs } from './named-specs.ts';

/** What one state keeps. */
export interface LayerFootprint {
  /** The layer that keeps it. */
  readonly layer: number;
  /** `stateId(layer, part)`. */
  readonly id: string;
  readonly kind: LayerSpec['kind'];
  /** Numbers a token adds, per sequence: `{ k: 512, v: 512 }`. Empty for a layer that shares. */
  readonly rows: Readonly<Record<string, number>>;
  /** Their sum, and the share of a token in what is kept once every so many. */
  readonly elementsPerToken: number;
  /** Numbers of a state that does not grow, per sequence. */
  readonly constantElements: number;
  /** Most tokens kept; Infinity for all. */
  readonly cap: number;
  /** The id of the state that this one reads, where it stores nothing. */
  readonly producer?: string;
}

/** A point at which memory is asked for. */
export interface KvPoint {
  /** Length of the sequences. */
  readonly tokens: number;
  /** Sequences. Default 1. */
  readonly B?: number;
  /** Default f32, which is what devices store. */
  readonly dtype?: StorageType;
}

/** What a model keeps between steps. */
export interface KvFootprint {
  readonly layers: readonly LayerFootprint[];
  /** Layers that store something. */
  readonly storing: number;
  /** Numbers a token adds over all layers while no window is full. */
  readonly elementsPerToken: number;
  /** Numbers that do not grow, over all layers. */
  readonly constantElements: number;
  /**
   * Bytes a token adds over all layers while no window is full.
   * @throws {ValueError} for a storage type that there is not.
   */
  bytesPerToken(dtype?: StorageType): number;
  /** Numbers kept at a length. @throws {ValueError} for lengths or batches that are not whole numbers. */
  elements(point: KvPoint): number;
  /**
   * Bytes kept at a length, scales included, over all layers.
   * @throws {ValueError} for lengths or batches that are not whole numbers, or a storage type that there is not.
   */
  bytes(point: KvPoint): number;
  /** The same, layer by layer. @throws {ValueError} as `bytes`. */
  layerBytes(point: KvPoint): readonly number[];
  /**
   * What `createStates` allocates with its own caches: float32 rows at capacity, and a position for each slot of
   * a window that forgets.
   * @throws {ValueError} for a capacity or batch that is no whole number.
   */
  deviceBytes(room: { readonly capacity: number; readonly B?: number; readonly slack?: number }): number;
}

/**
 * What layers keep, from config alone: computes, allocates nothing. The estimator of the command line, the
 * allocator (`createStates`) and the benchmarks all read it.
 *
 * ```text
 * elements at S tokens = Σ_layers  constant + min(S, cap) · Σ_rows Π sizes      0 for a layer that shares
 *                        + Σ_pooled ⌊(S − over) / every + 1⌋ · Π sizes
 * ```
 *
 * @example
 * kv({ layers: 32, Hkv: 8, D: 128 }).bytesPerToken('f16'); // 131072: Llama 3 8B
 * kv(specs).bytes({ tokens: 4096, B: 2 });
 *
 * @param model the specs of a model's layers, as its variants' `kv` gives them, in a list or by id, or plain numbers
 * @throws {ValueError} for a size that is not a whole number ≥ 1, or a state that reads one that keeps nothing.
 */
export function kv(model: Specs | KvConfig): KvFootprint {
  if (typeof model !== 'object' || model === null) {
    throw new ValueError('kv', 'model', 'must be the specs of layers, or plain numbers', model);
  }
  const specs = nameSpecs('kv', 'model', isConfig(model) ? specsOf(model) : model);
  const layers = specs.map((named) => footprint(named, specs));
  const own = ({ spec }: NamedSpec): (readonly number[])[] =>
    spec.kind === 'shared' ? [] : Object.values(spec.rows);
  const pooled = ({ spec }: NamedSpec): readonly PooledRow[] => Object.values(spec.pooled ?? {});

  const layerBytes = ({ tokens, B = 1, dtype = 'f32' }: KvPoint): number[] => {
    checkPoint(tokens, B);
    return layers.map(({ cap, constantElements }, i) => {
      const kept = Math.min(tokens, cap);
      const rows = sum(own(specs[i]!), (row) => bytesOfRows(row, kept, dtype));
      const blocks = sum(pooled(specs[i]!), (one) => bytesOfRows(one.row, pooledCount(one, tokens), dtype));
      return B * (rows + blocks + constantElements * bytesOfConstant(dtype));
    });
  };
  return {
    layers,
    storing: layers.filter(({ kind }) => kind !== 'shared').length,
    elementsPerToken: sum(layers, ({ elementsPerToken }) => elementsPerToken),
    constantElements: sum(layers, ({ constantElements }) => constantElements),
    bytesPerToken: (dtype = 'f32') =>
      sum(specs.flatMap(own), (row) => bytesPerToken(row, dtype)) +
      sum(specs.flatMap(pooled), ({ row, every }) => bytesPerToken(row, dtype) / every),
    elements({ tokens, B = 1 }) {
      checkPoint(tokens, B);
      return sum(
        layers,
        ({ rows, constantElements, cap }, i) =>
          B *
          (sum(Object.values(rows), (count) => count) * Math.min(tokens, cap) +
            pooledElements(specs[i]!.spec, tokens) +
            constantElements),
      );
    },
    layerBytes,
    bytes: (point) => sum(layerBytes(point), (bytes) => bytes),
    deviceBytes({ capacity, B = 1, slack = 0 }) {
      checkPoint(capacity, B);
      return sum(layers, ({ kind, cap, rows, constantElements }, i) => {
        const forgets = kind === 'window' && cap + slack <= capacity;
        const slots = forgets ? cap + slack : capacity;
        const kept = sum(Object.values(rows), (count) => count) * slots;
        // a view has a slot of each, also where no text is long enough for one
        const least = sum(Object.values(specs[i]!.spec.pooled ?? {}), ({ row, every, over = every }) =>
          capacity < over ? sizeOf(row) : 0,
        );
        const pools = pooledElements(specs[i]!.spec, capacity) + least;
        return 4 * (B * (kept + pools + constantElements) + (forgets ? slots : 0));
      });
    },
  };
}

function isConfig(model: Specs | KvConfig): model is KvConfig {
  return typeof (model as KvConfig).layers === 'number';
}

function sum<T>(list: readonly T[], of: (one: T, i: number) => number): number {
  return list.reduce((total, one, i) => total + of(one, i), 0);
}

/** Numbers of what is kept once every so many tokens, at a length. */
function pooledElements({ pooled = {} }: LayerSpec, tokens: number): number {
  return sum(Object.values(pooled), (one) => sizeOf(one.row) * pooledCount(one, tokens));
}

function checkPoint(tokens: number, B: number): void {
  checkCount('kv', 'tokens', tokens, 0);
  checkCount('kv', 'B', B);
}

function footprint({ id, layer, spec }: NamedSpec, specs: readonly NamedSpec[]): LayerFootprint {
  const { kind, cap, producer } = spec;
  if (kind === 'shared') {
    const read = specs.find((other) => other.id === producer)!;
    return {
      layer,
      id,
      kind,
      rows: {},
      elementsPerToken: 0,
      constantElements: 0,
      cap: read.spec.cap,
      ...(producer !== undefined && { producer }),
    };
  }
  // a state of constant size keeps no tokens, so nothing is read of its cap
  if (kind !== 'recurrent' && !(cap === Infinity || (Number.isInteger(cap) && cap >= 1))) {
    throw new ValueError('kv', `cap of ${id}`, 'must be a whole number ≥ 1 or Infinity', cap);
  }
  const rows = sizes(spec.rows, id);
  const pooled = sum(Object.entries(spec.pooled ?? {}), ([name, { row, every, over = every }]) => {
    for (const size of [every, over]) checkCount('kv', `size of ${name} in ${id}`, size);
    return sizes({ [name]: row }, id)[name]! / every;
  });
  return {
    layer,
    id,
    kind,
    rows,
    cap,
    elementsPerToken: sum(Object.values(rows), (count) => count) + pooled,
    constantElements: sum(Object.values(sizes(spec.constant, id)), (count) => count),
  };
}

function sizes(shapes: Readonly<Record<string, readonly number[]>>, id: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      for (const size of shape) checkCount('kv', `size of ${name} in ${id}`, size);
      return [name, sizeOf(shape)];
    }),
  );
}
