import { checkFields, type LayerSpec, type StateView, ValueError } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, defineCache } from '../contract.ts';

/**
 * The state of a layer that keeps nothing and reads an earlier layer's: cross-layer attention (CLA), the shared
 * tail of Gemma-3n, YOCO's decoder. It holds no memory, only the way to its producer, and follows it by itself.
 *
 * What changes content (append, crop, take, load, …) is refused: it is done to the producer, once.
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
  /** Which state of the model: `stateId(layer, part)`. */
  readonly id: string;
  /** The state it reads. */
  readonly producer: Cache;
}

/** @throws {ValueError} unless the layer is `shared` and its producer is the one it names, which is not. */
export function createShared(options: SharedOptions): Cache {
  checkFields('shared', 'options', options);
  const { spec, id, producer } = options;
  checkSpecKind(spec);
  if (producer === undefined) {
    throw new ValueError('shared', 'producer', `must be the state ${spec.producer}`, producer);
  }
  if (producer.spec.kind === 'shared' || producer.id === id || spec.producer !== producer.id) {
    throw new ValueError(
      'shared',
      'producer',
      `must be the state ${spec.producer}, which keeps something itself`,
      `${producer.id} (${producer.spec.kind})`,
    );
  }
  return new SharedCache(spec, id, producer);
}

function checkSpecKind(spec: LayerSpec): void {
  if (spec?.kind === 'shared') return;
  throw new ValueError('shared', 'spec.kind', 'must be shared', spec?.kind);
}

class SharedCache implements Cache {
  readonly kind = 'shared';
  readonly spec: LayerSpec;
  readonly id: string;
  readonly #producer: Cache;

  constructor(spec: LayerSpec, id: string, producer: Cache) {
    this.spec = spec;
    this.id = id;
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

  get lengths(): readonly number[] {
    return this.#producer.lengths;
  }

  get held(): number {
    return this.#producer.held;
  }

  /** Nothing is appended to it, so nothing is in the way. */
  check(): void {}

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

  crop(): never {
    throw this.#refusal('crop');
  }

  checkCrop(): never {
    throw this.#refusal('crop');
  }

  take(): never {
    throw this.#refusal('take');
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
      `state ${this.id}`,
      `keeps nothing of its own; ${what} state ${this.#producer.id}, which it reads`,
      'a shared state',
    );
  }
}
