import { checkFields, type LayerSpec, stateId, ValueError } from '@headwise/tensor';
import { checkCount } from './checks.ts';

/** A model's caches in plain numbers, for estimates; a model itself has the specs of its variant. */
export type KvConfig = (RowsConfig | LatentConfig | RecurrentConfig) & {
  readonly layers: number;
  /**
   * Cross-layer sharing: a factor (2: pairs of layers share; where it does not divide, the short group stands
   * first), or for each layer the layer it reads, its own number when it stores.
   */
  readonly share?: number | readonly number[];
};

/** Keys and values. */
export interface RowsConfig {
  /** Key/value heads: H for multi-head, 1 for multi-query attention. */
  readonly Hkv: number;
  /** Width of a key head. */
  readonly D: number;
  /** Width of a value head. Default `D`. */
  readonly Dv?: number;
  /** Tokens a windowed layer keeps, the own one included. */
  readonly window?: number;
  /** First tokens a windowed layer keeps for ever, beside the window. */
  readonly sinks?: number;
  /** `[5, 1]`: five windowed layers, one full, and again; a rest is windowed first. Default all windowed. */
  readonly mix?: readonly [windowed: number, full: number];
}

/** Latents (MLA): `dc` compressed numbers and `dR` of the shared rotated key. */
export interface LatentConfig {
  readonly latent: { readonly dc: number; readonly dR: number };
}

/** States of constant size by name: `{ S: [H, D, Dv] }`. */
export interface RecurrentConfig {
  readonly constant: Readonly<Record<string, readonly number[]>>;
}

/**
 * The specs of a config, one a layer.
 * @throws {ValueError} for a size that is not a whole number ≥ 1, or a layer that reads a later one.
 */
export function specsOf(config: KvConfig): readonly LayerSpec[] {
  checkFields('kv', 'config', config, ['layers']);
  checkCount('kv', 'layers', config.layers);
  return Array.from({ length: config.layers }, (_, layer) => {
    const producer = producerOf(config, layer);
    if (producer === layer) return ownSpec(config, layer);
    return { kind: 'shared', rows: {}, cap: Infinity, constant: {}, producer: stateId(producer) };
  });
}

function ownSpec(config: KvConfig, layer: number): LayerSpec {
  if ('latent' in config) {
    const { dc, dR } = config.latent;
    checkCount('kv', 'latent.dc', dc);
    checkCount('kv', 'latent.dR', dR, 0);
    return { kind: 'latent', rows: { latent: [dc + dR] }, cap: Infinity, constant: {} };
  }
  if ('constant' in config) return { kind: 'recurrent', rows: {}, cap: Infinity, constant: config.constant };
  const { Hkv, D, Dv = D, window, sinks = 0, mix = [1, 0] } = config;
  for (const [name, value] of Object.entries({ Hkv, D, Dv })) checkCount('kv', name, value);
  const rows = { k: [Hkv, D], v: [Hkv, Dv] };
  if (window === undefined || layer % (mix[0] + mix[1]) >= mix[0]) {
    return { kind: 'full', rows, cap: Infinity, constant: {} };
  }
  checkCount('kv', 'window', window);
  checkCount('kv', 'sinks', sinks, 0);
  return { kind: 'window', rows, cap: window + sinks, ...(sinks > 0 && { sinks }), constant: {} };
}

function producerOf({ layers, share = 1 }: KvConfig, layer: number): number {
  if (typeof share === 'number') {
    checkCount('kv', 'share', share);
    // the short group of a factor that does not divide stands at layer 0
    const short = layers % share;
    if (layer < short) return 0;
    return short + Math.floor((layer - short) / share) * share;
  }
  const producer = share[layer];
  if (share.length !== layers || producer === undefined || !(producer >= 0 && producer <= layer)) {
    throw new ValueError(
      'kv',
      `share[${layer}]`,
      `must be a layer from 0 to ${layer}, one for each of ${layers}`,
      producer,
    );
  }
  return producer;
}
