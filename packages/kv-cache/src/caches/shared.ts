import { type LayerSpec, type StateView, ValueError } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, defineCache } from '../contract.ts';

/**
 * The state of a layer that keeps nothing and reads an earlier layer's: cross-layer attention (CLA), the shared
 * tail of Gemma-3n, YOCO's decoder. It holds no memory, only the way to its producer, and follows it by itself.
 *
 * What changes content (append, crop, reorder, load, …) is refused: it is done to the producer, once.
 *
 * Brandon et al. 2024, "Reducing Transformer Key-Value Cache Size with Cross-Layer Attention".
 */
export const shared = defineCache({
  name: 'shared',
  title: "Another layer's state",
  summary: 'Keeps nothing and reads an earlier layer; the cache shrinks by the layers that share.',
  holds: ['shared'],
  fidelity: 'exact',
  paper: {
    title: 'Reducing Transformer Key-Value Cache Size with Cross-Layer Attention',
    authors: 'Brandon et al.',
    year: 2024,
    arxiv: '2405.12981',
  },
  create: createShared,
});

/** What a shared state is made from. */
export interface SharedOptions {
  readonly spec: LayerSpec;
  readonly layer: number;
  /** The state it reads. */
  readonly producer: Cache;
}

/** @throws {ValueError} unless the layer is `shared` and its producer an earlier layer that is not. */
export function createShared({ spec, layer, producer }: SharedOptions): Cache {
  checkSpecKind(spec);
  if (producer === undefined) {
    throw new ValueError('shared', 'producer', `must be the state of layer ${spec.producer}`, producer);
  }
  if (producer.spec.kind === 'shared' || producer.layer >= layer || spec.producer !== producer.layer) {
    throw new ValueError(
      'shared',
      'producer',
      `must be the state of layer ${spec.producer}, before layer ${layer}, which keeps rows of its own`,
      `layer ${producer.layer} (${producer.spec.kind})`,
    );
  }
  return new SharedCache(spec, layer, producer);
}

function checkSpecKind(spec: LayerSpec): void {
  if (spec?.kind === 'shared') return;
  throw new ValueError('shared', 'spec.kind', 'must be shared', spec?.kind);
}

class SharedCache implements Cache {
  readonly kind = 'shared';
  readonly spec: LayerSpec;
  readonly layer: number;
  readonly #producer: Cache;

  constructor(spec: LayerSpec, layer: number, producer: Cache) {
    this.spec = spec;
    this.layer = layer;
    this.#producer = producer;
  }

  get B(): number {
    return this.#producer.B;
  }

  get capacity(): number {
    return this.#producer.capacity;
  }

  get length(): number {
    return this.#producer.length;
  }

  get held(): number {
    return this.#producer.held;
  }

  view(): StateView {
    return this.#producer.view();
  }

  constants(): Rows {
    return this.#producer.constants();
  }

  append(): never {
    throw this.#refusal('append');
  }

  advance(): never {
    throw this.#refusal('advance');
  }

  checkAppend(): never {
    throw this.#refusal('append');
  }

  crop(): never {
    throw this.#refusal('crop');
  }

  checkCrop(): never {
    throw this.#refusal('crop');
  }

  reorder(): never {
    throw this.#refusal('reorder');
  }

  clone(): never {
    throw this.#refusal('clone');
  }

  reset(): never {
    throw this.#refusal('reset');
  }

  bytes(): CacheBytes {
    return { used: 0, full: 0, device: 0 };
  }

  async save(): Promise<never> {
    throw this.#refusal('save');
  }

  load(): never {
    throw this.#refusal('load');
  }

  dispose(): void {}

  #refusal(what: string): ValueError {
    return new ValueError(
      `shared.${what}`,
      `layer ${this.layer}`,
      `keeps nothing of its own; ${what} layer ${this.#producer.layer}, which it reads`,
      'a shared state',
    );
  }
}
