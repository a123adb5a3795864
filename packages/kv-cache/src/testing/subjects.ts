import { createAnchorEvicting } from '../caches/anchor-evicting.ts';
import { createContiguous } from '../caches/contiguous.ts';
import { createLatent } from '../caches/latent.ts';
import { createPaged } from '../caches/paged.ts';
import { createQuantized } from '../caches/quantized.ts';
import { createRecurrent } from '../caches/recurrent.ts';
import { createRing } from '../caches/ring.ts';
import { createSinkPreserving } from '../caches/sink-preserving.ts';
import { type CacheSubject, plainSpec, type RecallCall, type Recalled } from '../conformance/subject.ts';

const windowed = { ...plainSpec, kind: 'window', cap: 5 } as const;
const withSinks = { ...plainSpec, kind: 'window', cap: 7, sinks: 3 } as const;

/** Sinks and the window as it stood before the append, counted from 0 without gaps. */
function recallReindexed({ start, L }: RecallCall): Recalled {
  const { cap, sinks } = withSinks;
  const oldest = Math.max(sinks, start - (cap - sinks) + 1);
  const kept = Array.from({ length: start + L }, (_, token) => token).filter(
    (token) => token < sinks || token >= oldest,
  );
  const keys = kept.map((token, position) => ({ token, position }));
  return { keys, queries: keys.slice(-L).map(({ position }) => position) };
}

/** All tokens at their own positions; a token is seen until the anchor that ends its segment, an anchor always. */
export const recallSegments =
  (isAnchor: (b: number, position: number) => boolean) =>
  ({ b, start, L }: RecallCall): Recalled => ({
    queries: Array.from({ length: L }, (_, i) => start + i),
    keys: Array.from({ length: start + L }, (_, token) => {
      let until = token;
      while (until < start + L && !isAnchor(b, until)) until++;
      const closed = !isAnchor(b, token) && until < start + L;
      return { token, position: token, ...(closed && { until }) };
    }),
  });

export const everyFourth = (_: number, position: number): boolean => position % 4 === 3;

/** Every cache of the package, as the kit tries it: on the reference beside each cache, on devices elsewhere. */
export const subjects = {
  contiguous: { create: createContiguous },
  latent: { create: createLatent, spec: { ...plainSpec, kind: 'latent', rows: { latent: [7] } } },
  ring: { create: createRing, spec: windowed, capacity: 5, endless: true, cropsBack: 1 },
  'ring with slack': { create: createRing, spec: windowed, capacity: 9, endless: true, cropsBack: 5 },
  'ring of one': { create: createRing, spec: { ...windowed, cap: 1 }, capacity: 1, endless: true },
  'ring with sinks': { create: createRing, spec: withSinks, capacity: 7, endless: true, cropsBack: 1 },
  recurrent: {
    create: createRecurrent,
    spec: { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2, 3, 3], z: [2, 3] } },
    endless: true,
    cropsBack: 0,
  },
  'sink-preserving': {
    create: createSinkPreserving,
    spec: withSinks,
    capacity: 7,
    endless: true,
    recall: recallReindexed,
    cropsBack: 1,
  },
  'anchor-evicting': {
    create: (options) => createAnchorEvicting({ ...options, isAnchor: everyFourth }),
    recall: recallSegments(everyFourth),
    cropsBack: 1,
  },
  paged: { create: (options) => createPaged({ ...options, blockSize: 4, blocks: 60 }) },
  'quantized to 8 bits': {
    create: (options) => createQuantized({ ...options, bits: 8, group: 4, residual: 3 }),
    bound: 1.01 / 255,
  },
  'quantized to 4 bits, keys by channel': {
    create: (options) =>
      createQuantized({ ...options, bits: 4, along: { k: 'channel', v: 'token' }, group: 3, residual: 0 }),
    bound: 1.01 / 15,
  },
} as const satisfies Record<string, CacheSubject>;
