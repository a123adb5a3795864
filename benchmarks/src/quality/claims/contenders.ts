import type { LayerShape } from '@headwise/attention-variants';
import {
  configure,
  crossLayer,
  differential,
  groupedQuery,
  multiHead,
  multiHeadLatent,
  multiQuery,
  poolHeads,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { alibi, linear, none, ntkAware, sinusoidal, yarn } from '@headwise/positional';
import { type Device, keep, seededBits, type Tensor, tensor } from '@headwise/tensor';
import type { Params } from '@headwise/training';
import type { Contender } from './contract.ts';

/** How far past the length of training a stretched encoding is asked to reach: the longest row of the suite. */
export const REACH = 4;

/** All decoders of the suite for one shape, roots before those that begin with what they learnt. */
export function contendersOf(shape: LayerShape, T: number): readonly Contender[] {
  const { H, D } = shape;
  const few = Math.max(1, H >> 1);
  const window = T >> 2;
  const stretched = { factor: REACH };
  const same = { contender: 'mha', convert: copied };
  const pooled = (how: 'mean' | 'first' | 'random') => ({
    contender: 'mha',
    convert: (device: Device, weights: Params, seed: number) => oneHead(device, weights, shape, how, seed),
  });
  return [
    { name: 'mha', attention: configure(multiHead), past: [2, REACH] },
    { name: 'gqa', attention: configure(groupedQuery, { Hkv: few }) },
    { name: 'mqa', attention: configure(multiQuery) },
    ...(['mean', 'first', 'random'] as const).map(
      (how): Contender => ({
        name: `mha → mqa by ${how}`,
        attention: configure(multiQuery),
        from: pooled(how),
        share: 0.05,
      }),
    ),
    { name: 'mqa + cla2', attention: configure(crossLayer, { Hkv: 1, factor: 2 }) },
    { name: 'mqa + cla3', attention: configure(crossLayer, { Hkv: 1, factor: 3 }) },
    {
      name: 'mqa + cla2, ends kept',
      attention: configure(crossLayer, { Hkv: 1, factor: 2, pattern: 'keep-ends' }),
    },
    {
      name: 'mqa + cla2, dense front',
      attention: configure(crossLayer, { Hkv: 1, factor: 2, pattern: 'dense-front' }),
    },
    { name: 'window 1/4', attention: configure(slidingWindow, { window }) },
    { name: 'window 1/16', attention: configure(slidingWindow, { window: Math.max(2, T >> 4) }) },
    {
      name: 'mha seen through a window',
      attention: configure(slidingWindow, { window }),
      from: same,
      share: 0,
      past: [REACH],
    },
    {
      name: 'mha seen through a window with sinks',
      attention: configure(sinkTokens, { window, sinks: 4 }),
      from: same,
      share: 0,
      past: [REACH],
    },
    { name: 'alibi', attention: configure(multiHead), position: alibi(), past: [2, REACH] },
    { name: 'no positions', attention: configure(multiHead), position: none(), past: [2, REACH] },
    {
      name: 'sinusoidal',
      attention: configure(multiHead),
      position: none(),
      added: sinusoidal(),
      past: [2, REACH],
    },
    {
      name: 'rotary, interpolated',
      attention: configure(multiHead),
      position: linear(stretched),
      from: same,
      share: 0,
      past: [REACH],
    },
    {
      name: 'rotary, ntk-aware',
      attention: configure(multiHead),
      position: ntkAware({ factor: REACH }),
      from: same,
      share: 0,
      past: [REACH],
    },
    {
      name: 'rotary, yarn',
      attention: configure(multiHead),
      position: yarn({ factor: REACH, originalLength: T }),
      from: same,
      share: 0,
      past: [REACH],
    },
    {
      name: 'rotary, interpolated, tuned',
      attention: configure(multiHead),
      position: linear(stretched),
      from: same,
      share: 0.05,
      past: [REACH],
    },
    { name: 'differential', attention: configure(differential) },
    // as many numbers a token as one key and one value head: the fair cache for a latent
    {
      name: 'mla, cache of mqa',
      attention: configure(multiHeadLatent, { latent: 2 * D - (D >> 1), rope: D >> 1 }),
    },
  ];
}

async function copied(device: Device, weights: Params): Promise<Params> {
  return made(device, weights, Object.fromEntries(await values(weights)));
}

async function values(weights: Params): Promise<[string, Float32Array][]> {
  return Promise.all(
    Object.entries(weights).map(
      async ([name, one]) => [name, Float32Array.from(await one.data())] as [string, Float32Array],
    ),
  );
}

function made(device: Device, like: Params, all: Readonly<Record<string, Float32Array>>): Params {
  return Object.fromEntries(
    Object.entries(all).map(([name, data]): [string, Tensor] => {
      const [rows, ...rest] = like[name]!.shape;
      const width = rest.reduce((product, size) => product * size, 1);
      // heads that were joined leave fewer rows
      return [name, keep(tensor(device, data, rest.length === 0 ? [rows!] : [data.length / width, ...rest]))];
    }),
  );
}

/** Keys and values of all heads as one: the mean (Ainslie et al. 2023), the first, or random ones. */
async function oneHead(
  device: Device,
  weights: Params,
  { H, D }: LayerShape,
  how: 'mean' | 'first' | 'random',
  seed: number,
): Promise<Params> {
  const bits = seededBits(seed);
  const all = (await values(weights)).map(([name, data]): [string, Float32Array] => {
    const kind = /attention\.([kv])$/.exec(name)?.[1];
    if (kind === undefined) return [name, data];
    const E = data.length / (H * D);
    if (how === 'mean') return [name, poolHeads({ [kind]: data }, { H, D }, { Hkv: 1 })[kind]!];
    const first = data.slice(0, D * E);
    return [name, how === 'first' ? first : first.map(() => (bits() / 2 ** 32 - 0.5) * Math.sqrt(12 / E))];
  });
  return made(device, weights, Object.fromEntries(all));
}
