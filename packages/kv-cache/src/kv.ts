import { type LayerSpec, sizeOf, ValueError } from '@headwise/tensor';
import { checkCount } from './checks.ts';
import { bytesOfConstant, bytesOfRows, bytesPerToken, type StorageType } from './dtype.ts';
import { type KvConfig, specsOf } from './layer-plan.ts';

/** What one layer keeps. */
export interface LayerFootprint {
  readonly layer: number;
  readonly kind: LayerSpec['kind'];
  /** Numbers a token adds, per sequence: `{ k: 512, v: 512 }`. Empty for a layer that shares. */
  readonly rows: Readonly<Record<string, number>>;
  /** Their sum. */
  readonly elementsPerToken: number;
  /** Numbers of a state that does not grow, per sequence. */
  readonly constantElements: number;
  /** Most tokens kept; Infinity for all. */
  readonly cap: number;
  /** The layer whose state this one reads, where it stores nothing. */
  readonly producer?: number;
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
  /** Bytes a token adds over all layers while no window is full. @throws {ValueError} for a dtype that there is not. */
  bytesPerToken(dtype?: StorageType): number;
  /** Numbers kept at a length. @throws {ValueError} for tokens or a B that are no whole numbers. */
  elements(point: KvPoint): number;
  /**
   * Bytes kept at a length, scales included, over all layers.
   * @throws {ValueError} for tokens or a B that are no whole numbers, or a dtype that there is not.
   */
  bytes(point: KvPoint): number;
  /** The same, layer by layer. @throws {ValueError} as `bytes`. */
  layerBytes(point: KvPoint): readonly number[];
  /**
   * What `createStates` allocates with its own caches: float32 rows at capacity, and a position for each slot of
   * a window that forgets.
   * @throws {ValueError} for a capacity or a B that is no whole number.
   */
  deviceBytes(room: { readonly capacity: number; readonly B?: number; readonly slack?: number }): number;
}

/**
 * What layers keep, from config alone: computes, allocates nothing. The estimator of the command line, the
 * allocator (`createStates`) and the benchmarks all read it.
 *
 * ```text
 * elements at S tokens = Σ_layers  constant + min(S, cap) · Σ_rows Π sizes      0 for a layer that shares
 * ```
 *
 * @example
 * kv({ layers: 32, Hkv: 8, D: 128 }).bytesPerToken('f16'); // 131072: Llama 3 8B
 * kv(specs).bytes({ tokens: 4096, B: 2 });
 *
 * @param model the specs of a model's layers, as its variant's `kv` gives them, or plain numbers
 * @throws {ValueError} for a size that is not a whole number ≥ 1, or a layer that reads one without a state.
 */
export function kv(model: readonly LayerSpec[] | KvConfig): KvFootprint {
  if (typeof model !== 'object' || model === null) {
    throw new ValueError('kv', 'model', 'must be the specs of layers, or plain numbers', model);
  }
  const specs = isSpecs(model) ? model : specsOf(model);
  const layers = specs.map((spec, layer) => footprint(specs, spec, layer));
  const sum = (of: (layer: number) => number): number =>
    layers.reduce((total, { layer }) => total + of(layer), 0);
  const own = (layer: number): (readonly number[])[] =>
    specs[layer]!.kind === 'shared' ? [] : Object.values(specs[layer]!.rows);

  const layerBytes = ({ tokens, B = 1, dtype = 'f32' }: KvPoint): number[] => {
    checkPoint(tokens, B);
    return layers.map(({ layer, cap, constantElements }) => {
      const kept = Math.min(tokens, cap);
      const rows = own(layer).reduce((total, row) => total + bytesOfRows(row, kept, dtype), 0);
      return B * (rows + constantElements * bytesOfConstant(dtype));
    });
  };
  return {
    layers,
    storing: layers.filter(({ kind }) => kind !== 'shared').length,
    elementsPerToken: sum((layer) => layers[layer]!.elementsPerToken),
    constantElements: sum((layer) => layers[layer]!.constantElements),
    bytesPerToken: (dtype = 'f32') =>
      sum((layer) => own(layer).reduce((total, row) => total + bytesPerToken(row, dtype), 0)),
    elements({ tokens, B = 1 }) {
      checkPoint(tokens, B);
      return layers.reduce(
        (total, { elementsPerToken, constantElements, cap }) =>
          total + B * (elementsPerToken * Math.min(tokens, cap) + constantElements),
        0,
      );
    },
    layerBytes,
    bytes: (point) => layerBytes(point).reduce((total, bytes) => total + bytes, 0),
    deviceBytes({ capacity, B = 1, slack = 0 }) {
      checkPoint(capacity, B);
      return specs.reduce((total, spec, layer) => {
        const { elementsPerToken, constantElements } = layers[layer]!;
        const forgets = spec.kind === 'window' && spec.cap + slack <= capacity;
        const slots = forgets ? spec.cap + slack : capacity;
        return total + 4 * (B * (elementsPerToken * slots + constantElements) + (forgets ? slots : 0));
      }, 0);
    },
  };
}

function isSpecs(model: readonly LayerSpec[] | KvConfig): model is readonly LayerSpec[] {
  return Array.isArray(model);
}

function checkPoint(tokens: number, B: number): void {
  checkCount('kv', 'tokens', tokens, 0);
  checkCount('kv', 'B', B);
}

function footprint(specs: readonly LayerSpec[], spec: LayerSpec, layer: number): LayerFootprint {
  const { kind, cap } = spec;
  if (kind === 'shared') {
    const producer = checkProducer('kv', specs, layer);
    return {
      layer,
      kind,
      rows: {},
      elementsPerToken: 0,
      constantElements: 0,
      cap: specs[producer]!.cap,
      producer,
    };
  }
  // a state of constant size keeps no tokens, so nothing is read of its cap
  if (kind !== 'recurrent' && !(cap === Infinity || (Number.isInteger(cap) && cap >= 1))) {
    throw new ValueError('kv', `cap of layer ${layer}`, 'must be a whole number ≥ 1 or Infinity', cap);
  }
  const rows = sizes(spec.rows, layer);
  return {
    layer,
    kind,
    rows,
    cap,
    elementsPerToken: total(rows),
    constantElements: total(sizes(spec.constant, layer)),
  };
}

function sizes(shapes: Readonly<Record<string, readonly number[]>>, layer: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      for (const size of shape) checkCount('kv', `size of ${name} in layer ${layer}`, size);
      return [name, sizeOf(shape)];
    }),
  );
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/**
 * The layer that a shared one reads.
 * @throws {ValueError} unless it is an earlier layer that keeps a state of its own.
 */
export function checkProducer(op: string, specs: readonly LayerSpec[], layer: number): number {
  const { producer } = specs[layer]!;
  const read = producer === undefined ? undefined : specs[producer];
  if (producer !== undefined && producer < layer && read && read.kind !== 'shared') return producer;
  throw new ValueError(
    op,
    `producer of layer ${layer}`,
    'must be an earlier layer with a state of its own',
    read && producer !== undefined && producer < layer ? `layer ${producer}, which shares itself` : producer,
  );
}
