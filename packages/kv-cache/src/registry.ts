import { anchorEvicting } from './caches/anchor-evicting.ts';
import { contiguous } from './caches/contiguous.ts';
import { latent } from './caches/latent.ts';
import { paged } from './caches/paged.ts';
import { quantized } from './caches/quantized.ts';
import { recurrent } from './caches/recurrent.ts';
import { ring } from './caches/ring.ts';
import { shared } from './caches/shared.ts';
import { sinkPreserving } from './caches/sink-preserving.ts';
import { defineCaches } from './contract.ts';

/** Every built-in cache by name. The benchmarks, the playground and the README table read this map. */
export const caches = defineCaches({
  contiguous,
  ring,
  latent,
  recurrent,
  shared,
  paged,
  quantized,
  'sink-preserving': sinkPreserving,
  'anchor-evicting': anchorEvicting,
});

/** Name of a built-in cache: a key of {@link caches}. */
export type CacheName = keyof typeof caches;
