/** The types of the layers of a family where the file has no `layer_types`. */
export interface LayerPattern {
  /** The field that says the period, where the family reads one. */
  readonly field?: string;
  /** The period where the file says none. */
  readonly every: number;
  readonly typeOf: (layer: number, layers: number, every: number) => string;
}

const others = (isFull: boolean, other: string): string => (isFull ? 'full_attention' : other);

/** The last of n layers is full, the others slide. */
export function lastFull(every: number, field?: string, other = 'sliding_attention'): LayerPattern {
  return { ...named(field), every, typeOf: (layer, _, n) => others((layer + 1) % n === 0, other) };
}

/** The first of n layers is full. */
export function firstFull(every: number, field?: string, other = 'sliding_attention'): LayerPattern {
  return { ...named(field), every, typeOf: (layer, _, n) => others(layer % n === 0, other) };
}

/** Counted from the end: the last layer is full, and every n-th before it. */
export const fullFromTheEnd = (every: number): LayerPattern => ({
  every,
  typeOf: (layer, layers, n) => others((layers - 1 - layer) % n === 0, 'sliding_attention'),
});

/** The last of n layers is full, and the last of all. */
export const lastFullAndLast = (every: number): LayerPattern => ({
  every,
  typeOf: (layer, layers, n) => others((layer + 1) % n === 0 || layer === layers - 1, 'sliding_attention'),
});

/** The same few types again and again. */
export const cycle = (...types: readonly string[]): LayerPattern => ({
  every: types.length,
  typeOf: (layer, _, n) => types[layer % n]!,
});

/** Flint: the first two are full, then every fourth from the sixth, and the last. */
export const flintLayers: LayerPattern = {
  every: 4,
  typeOf: (layer, layers, n) =>
    others(layer < 2 || layer % n === 1 || layer === layers - 1, 'sliding_attention'),
};

/** MiMo-V2-Flash: the first is full, and the last of six. */
export const mimoLayers: LayerPattern = {
  every: 6,
  typeOf: (layer, _, n) => others(layer === 0 || (layer + 1) % n === 0, 'sliding_attention'),
};

/** dots3: two, then every fourth, attend through an index; the others slide. */
export const dots3Layers: LayerPattern = {
  every: 4,
  typeOf: (layer, _, n) => (layer < 2 || layer % n === 1 ? 'indexed_attention' : 'sliding_attention'),
};

/** LFM3: convolutions, with a full or a sliding layer after each. */
export const lfm3Layers: LayerPattern = {
  every: 4,
  typeOf: (layer, _, n) => {
    if (layer % n === 2) return 'full_attention';
    return layer % n === 0 && layer > 0 ? 'sliding_attention' : 'conv';
  },
};

/** OLMo hybrid: the last of four is full; of fewer than four layers the last. */
export const olmoHybridLayers: LayerPattern = {
  every: 4,
  typeOf: (layer, layers, n) =>
    others((layer + 1) % n === 0 || (layers < n && layer === layers - 1), 'linear_attention'),
};

function named(field: string | undefined): { readonly field?: string } {
  return field === undefined ? {} : { field };
}
