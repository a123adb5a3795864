import { kv } from '@headwise/kv-cache';
import type { LayerSpec } from '@headwise/tensor';

/** What a variant keeps, from config alone. */
export interface Footprint {
  /** `full`, `window`, `latent`, `recurrent`, `shared`: of the layer that is looked at. */
  readonly kind: LayerSpec['kind'];
  /** Numbers a token adds to this layer, by name. */
  readonly rows: Readonly<Record<string, readonly number[]>>;
  readonly constant: Readonly<Record<string, readonly number[]>>;
  /** Most tokens kept; Infinity for all. */
  readonly cap: number;
  /** Layers that store something, of all. */
  readonly storing: number;
  readonly layers: number;
  /** Over all layers, float32. */
  readonly bytesPerToken: number;
  readonly constantBytes: number;
  /** Over all layers at the length of the text, and at `far` tokens. */
  readonly bytes: number;
  readonly farBytes: number;
  readonly far: number;
}

const FAR = 4096;

/** @param tokens length of the text */
export function footprintOf(
  specs: Readonly<Record<string, LayerSpec>>,
  layer: number,
  tokens: number,
): Footprint {
  const all = kv(specs);
  const { kind, rows, constant, cap } = Object.values(specs)[layer]!;
  return {
    kind,
    rows,
    constant,
    cap,
    storing: all.storing,
    layers: Object.keys(specs).length,
    bytesPerToken: all.bytesPerToken(),
    constantBytes: 4 * all.constantElements,
    bytes: all.bytes({ tokens }),
    farBytes: all.bytes({ tokens: FAR }),
    far: FAR,
  };
}
