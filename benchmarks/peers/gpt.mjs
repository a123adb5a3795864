/**
 * A small GPT and one step of its training: what every peer builds. Learned positions, pre-norm blocks with LayerNorm and
 * biases, causal attention, exact GELU, the output projection shares the embedding table; mean cross-entropy of the next
 * id over all tokens; Adam with the numbers of `ADAM`. All of it in f32.
 */

/** Dropout 0, no decay, no clipping. */
export const ADAM = { rate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** The loss of this step is compared: it knows whether the gradients and the updates before it were right. */
export const CHECKED = 3;

export const trainingShapes = [
  { kind: 'training', name: 'task size', V: 256, E: 64, H: 4, layers: 2, F: 256, T: 64, B: 32 },
  { kind: 'training', name: 'GPT', V: 256, E: 128, H: 4, layers: 4, F: 512, T: 128, B: 16 },
  { kind: 'training', name: '12 layers', V: 256, E: 768, H: 12, layers: 12, F: 3072, T: 512, B: 1 },
];

/** Name and shape of every parameter, with `[out, in]` matrices; the names are Headwise's. */
export function parameters({ V, E, layers, F, T }) {
  const norm = (name) => [
    [`${name}.weight`, [E]],
    [`${name}.bias`, [E]],
  ];
  const product = (name, O, I) => [
    [name, [O, I]],
    [`${name}.bias`, [O]],
  ];
  const block = (layer) => [
    ...norm(`layers.${layer}.attentionNorm`),
    ...[...'qkvo'].flatMap((which) => product(`layers.${layer}.attention.${which}`, E, E)),
    ...norm(`layers.${layer}.mlpNorm`),
    ...product(`layers.${layer}.mlp.up`, F, E),
    ...product(`layers.${layer}.mlp.down`, E, F),
  ];
  return [
    ['embed', [V, E]],
    ['position.table', [T, E]],
    ...Array.from({ length: layers }, (_, layer) => block(layer)).flat(),
    ...norm('norm'),
  ];
}

/** Matrices of variance 1 / (3 · inputs), gains of 1, biases of 0; the same numbers for the same name. */
export function initial(shape) {
  let state = 20240607;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24 - 0.5;
  };
  return parameters(shape).map(([name, axes]) => {
    const size = axes.reduce((product, axis) => product * axis, 1);
    const bound = 2 / Math.sqrt(axes.at(-1));
    const values =
      axes.length > 1
        ? Float32Array.from({ length: size }, () => bound * next())
        : new Float32Array(size).fill(name.endsWith('weight') ? 1 : 0);
    return { name, axes, values };
  });
}

/** `[B, T]` ids and the ids that come after them: a sequence that can be learnt in part. */
export function batch({ V, T, B }) {
  const text = Array.from({ length: B }, (_, b) => {
    let id = (b * 37) % V;
    return Int32Array.from({ length: T + 1 }, (_, t) => {
      id = (id * 5 + b + (t % 3)) % V;
      return id;
    });
  });
  const join = (from) => {
    const all = new Int32Array(B * T);
    text.forEach((row, b) => void all.set(row.subarray(from, from + T), b * T));
    return all;
  };
  return { ids: join(0), targets: join(1) };
}

/** Multiply-adds of products count twice, the way back twice the way there; of attention what the mask leaves. */
export function trainingFlop({ V, E, layers, F, T, B }) {
  const weights = layers * (4 * E * E + 2 * E * F) + V * E;
  const pairs = (T * (T + 1)) / 2;
  return 3 * B * (2 * T * weights + layers * 4 * pairs * E);
}
