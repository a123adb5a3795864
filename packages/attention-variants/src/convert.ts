import { checkFields, checkGiven, ShapeError, ValueError } from '@headwise/tensor';
import { checkCount, checkGroups } from './checks.ts';
import type { LayerShape } from './contract.ts';

/** Weights of one layer on the host, by the names of `parameters`, biases (`k.bias`) among them. */
export type HostWeights = Readonly<Record<string, Float32Array>>;

/**
 * Multi-head (or grouped) weights to fewer key/value heads: each new head is the mean of the heads of its group,
 * for keys and for values. `Hkv: 1` makes multi-query attention. Train a little afterwards: the GQA paper uses 5 %
 * of the pre-training steps, and finds the mean better than the first head, and that better than random heads.
 *
 * Ainslie et al. 2023, "GQA", section 2.1 and figure 4.
 *
 * @param weights of one layer: `q [H·D, E]`, `k [from·D, E]`, `v [from·Dv, E]`, `o`
 * @param heads `from` the key/value heads there are (default H), `Hkv` those wanted
 * @throws {ShapeError} if the heads do not divide or a weight is not of the shape's size.
 */
export function poolHeads(
  weights: HostWeights,
  shape: Pick<LayerShape, 'H' | 'D' | 'Dv'>,
  options: { readonly Hkv: number; readonly from?: number },
): HostWeights {
  checkGiven('poolHeads', { weights });
  checkFields('poolHeads', 'shape', shape, ['H', 'D']);
  checkFields('poolHeads', 'options', options, ['Hkv']);
  const { H, D, Dv = D } = shape;
  const { Hkv, from = H } = options;
  checkGroups('poolHeads', H, from);
  checkGroups('poolHeads', from, Hkv);
  const pooled = Object.entries(weights).map(([name, values]) => {
    const width = name.startsWith('k') ? D : Dv;
    const shared = ['k', 'v', 'k.bias', 'v.bias'].includes(name);
    return [name, shared ? meanOfGroups(name, values, width, from, Hkv) : values.slice()];
  });
  return Object.fromEntries(pooled);
}

/** `[from · width, …]` → `[Hkv · width, …]` */
function meanOfGroups(
  name: string,
  values: Float32Array,
  width: number,
  from: number,
  Hkv: number,
): Float32Array {
  if (values.length % (from * width) !== 0) {
    const shapes = [{ name, axes: ['elements'], shape: [values.length] }];
    throw new ShapeError('poolHeads', `${name} is not ${from} heads of ${width} rows`, shapes);
  }
  const size = values.length / from;
  const group = from / Hkv;
  return Float32Array.from({ length: Hkv * size }, (_, i) => {
    const first = Math.floor(i / size) * group;
    let sum = 0;
    for (let head = first; head < first + group; head++) sum += values[head * size + (i % size)]!;
    return sum / group;
  });
}

/**
 * Weights of all layers to a cross-layer layout: consumers lose their `k` and `v`, producers keep their own, or
 * with `pool: 'mean'` take the mean over the layers that will read them. Either needs training afterwards.
 *
 * @param layers weights of every layer, in order
 * @param table the producer of every layer, as `producers` gives it
 * @throws {ValueError} if the table has another length.
 */
export function shareLayers(
  layers: readonly HostWeights[],
  table: readonly number[],
  { pool = 'producer' }: { readonly pool?: 'producer' | 'mean' } = {},
): readonly HostWeights[] {
  checkGiven('shareLayers', { layers, table });
  if (table.length !== layers.length) {
    const rule = `must name the producer of each of the ${layers.length} layers`;
    throw new ValueError('shareLayers', 'table', rule, table);
  }
  return layers.map((weights, layer) => {
    const entries = Object.entries(weights).flatMap(([name, values]): [string, Float32Array][] => {
      if (!/^[kv](\.bias)?$/.test(name)) return [[name, values.slice()]];
      if (table[layer] !== layer) return [];
      const readers = layers.filter((_, other) => table[other] === layer);
      return [[name, pool === 'mean' ? meanOf(name, readers) : values.slice()]];
    });
    return Object.fromEntries(entries);
  });
}

function meanOf(name: string, layers: readonly HostWeights[]): Float32Array {
  const all = layers.map((weights, i) => {
    const values = weights[name];
    if (values?.length === layers[0]?.[name]?.length && values) return values;
    const shapes = [{ name, axes: ['elements'], shape: [values?.length ?? 0] }];
    throw new ShapeError(
      'shareLayers',
      `${name} of layer ${i} of a group is not of its producer's size`,
      shapes,
    );
  });
  return Float32Array.from(all[0]!, (_, i) => all.reduce((sum, values) => sum + values[i]!, 0) / all.length);
}

/**
 * DeepSeek's `kv_b_proj` to the two weights of multi-head latent attention.
 *
 * @param weight `[H · (D + Dv), dc]`: a head's rows of keys, then its rows of values
 * @returns `kUp [H, D, dc]` and `vUp [H, Dv, dc]`
 * @throws {ShapeError} if the size does not fit.
 */
export function splitLatentUp(
  weight: Float32Array,
  shape: Pick<LayerShape, 'H' | 'D' | 'Dv'> & { readonly latent: number },
): { readonly kUp: Float32Array; readonly vUp: Float32Array } {
  checkGiven('splitLatentUp', { weight });
  checkFields('splitLatentUp', 'shape', shape, ['H', 'D', 'latent']);
  const { H, D, Dv = D, latent } = shape;
  checkCount('splitLatentUp', 'latent', latent);
  if (weight.length !== H * (D + Dv) * latent) {
    const shapes = [{ name: 'weight', axes: ['elements'], shape: [weight.length] }];
    throw new ShapeError('splitLatentUp', `weight is not [${H} · (${D} + ${Dv}), ${latent}]`, shapes);
  }
  const rows = (start: number, count: number): Float32Array =>
    Float32Array.from({ length: H * count * latent }, (_, i) => {
      const head = Math.floor(i / (count * latent));
      return weight[(head * (D + Dv) + start) * latent + (i % (count * latent))]!;
    });
  return { kUp: rows(0, D), vUp: rows(D, Dv) };
}
