import {
  keep,
  type Positions,
  type Rotation,
  type StateView,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import type { IndexTensor, Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { RingCache } from './ring.ts';

/**
 * StreamingLLM: the first `sinks` tokens and the last W, at positions counted inside the cache, so that a model
 * runs on without end and never meets a position it was not trained for.
 *
 * ```text
 * tokens     0 1 2 3 │ 4 … 91 forgotten │ 92 93 94 95      sinks 4, W 4, the query is token 95
 * positions  0 1 2 3 │                  │  4  5  6  7      of keys, and 7 of the query
 * ```
 *
 * A token's position sinks as older ones are forgotten, so keys must not be turned before they are kept. The
 * cache keeps them unturned and turns a copy for each view: a rotation of every key a step, which is the price
 * that the paper pays too. Queries are to be turned at the view's `turnQueriesAt`. Without a rotation (ALiBi, no
 * encoding) the rows are handed out as they are, and only the positions are counted anew.
 *
 * Law: attention over the tokens held before the append and those of it, at positions 0, 1, 2 … in order. Fed
 * token by token this is the paper's; a chunk of L tokens is counted as one block, so that its last query stands
 * up to L − 1 further from the sinks.
 *
 * Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks", section 3.2.
 */
export const sinkPreserving = defineCache({
  name: 'sink-preserving',
  title: 'Sinks and a window, at positions of its own (StreamingLLM)',
  summary: 'Runs without end in constant memory: keeps the first tokens and the last, re-indexed.',
  holds: ['window'],
  fidelity: 'lossy',
  paper: {
    title: 'Efficient Streaming Language Models with Attention Sinks',
    authors: 'Xiao et al.',
    year: 2023,
    arxiv: '2309.17453',
  },
  create: createSinkPreserving,
});

/** What a sink-preserving cache is made from. `spec.sinks` says how many tokens it never forgets. */
export interface SinkPreservingOptions extends CacheOptions {
  /** Turns the keys. Left out: an encoding that does not turn them. */
  readonly rotation?: Rotation | undefined;
  /** Names of the rows that are turned, each `[heads, D]`. Default those that begin with `k`. */
  readonly keys?: readonly string[] | undefined;
}

/** @throws {ValueError} as a ring, and when a name to turn is not kept. */
export function createSinkPreserving(options: SinkPreservingOptions): Cache {
  return new SinkPreservingCache(options);
}

class SinkPreservingCache extends BaseCache {
  readonly kind = 'sink-preserving';
  readonly turnsKeys: boolean;
  readonly #options: SinkPreservingOptions;
  readonly #ring: RingCache;
  readonly #sinks: number;
  readonly #window: number;
  readonly #keys: readonly string[];
  /** What the present view owns beside the ring's rows. */
  #owned: Tensor<string, 'i32' | 'f32'>[] = [];

  constructor(options: SinkPreservingOptions, copyOf?: RingCache) {
    super('sink-preserving', options, ['window'], true);
    this.#options = options;
    this.#sinks = this.spec.sinks ?? 0;
    this.#window = this.spec.cap - this.#sinks;
    this.turnsKeys = options.rotation !== undefined;
    const names = Object.keys(this.spec.rows);
    this.#keys = options.keys ?? names.filter((name) => name.startsWith('k'));
    for (const name of this.#keys) {
      if (names.includes(name)) continue;
      throw new ValueError('sink-preserving', 'keys', `must be among the rows ${names.join(', ')}`, name);
    }
    this.#ring = copyOf ?? new RingCache(options);
    this.#show(this.#ring.length);
  }

  override get length(): number {
    return this.#ring.length;
  }

  get held(): number {
    return this.#ring.held;
  }

  protected put(rows: Rows): void {
    const start = this.#ring.length;
    this.#ring.append(rows);
    this.#show(start);
  }

  protected override checkCut(length: number): void {
    this.#ring.checkCrop(length);
  }

  protected cut(length: number): void {
    this.#ring.crop(length);
    this.#show(length);
  }

  protected permute(order: readonly number[]): void {
    this.#ring.reorder(order);
    this.#show(this.length);
  }

  protected copy(): Cache {
    return new SinkPreservingCache(this.#options, this.#ring.clone() as RingCache);
  }

  protected measure(): CacheBytes {
    const ring = this.#ring.bytes();
    return { ...ring, device: ring.device + this.#owned.reduce((sum, { size }) => sum + 4 * size, 0) };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const { state, sections } = await this.#ring.snapshot();
    return { state, sections };
  }

  protected take(snapshot: Snapshot): () => void {
    const step = this.#ring.restore(snapshot);
    return () => {
      step();
      this.#show(this.length);
    };
  }

  protected free(): void {
    this.#ring.dispose();
    this.#drop();
  }

  /** Counts positions anew for the tokens from `start` on, and turns the keys to them. */
  #show(start: number): void {
    this.#drop();
    this.seen = this.#ring.length;
    const view = this.#ring.view();
    const oldest = Math.max(this.#sinks, start - this.#window + 1);
    const inside = (position: number): number => {
      if (position < this.#sinks) return position;
      return position < oldest ? -1 : this.#sinks + position - oldest;
    };
    const positions = this.#ring.viewPositions.map(inside);
    const queries = Int32Array.from({ length: this.seen - start }, (_, i) => inside(start + i));
    const { valid, offset } = view;
    const keyPositions = this.#own(this.#positionsAt(positions).tensor);
    const rows = this.#turn(view, positions);
    this.current = { rows, valid, offset, keyPositions };
    if (queries.length === 0) return;
    const at = this.#positionsAt(queries);
    const queryPositions: IndexTensor = this.#own(at.tensor);
    this.current = { ...this.current, queryPositions, ...(this.turnsKeys && { turnQueriesAt: at }) };
  }

  #turn({ rows }: StateView, positions: Int32Array): Rows {
    const { rotation } = this.#options;
    if (!rotation) return rows;
    // an empty slot is turned like position 0; attention does not see it
    const at = this.#positionsAt(positions.map((position) => Math.max(0, position)));
    const turned = this.#keys.map((name) => {
      const kept = rows[name] as Tensor<'B L H D'>;
      if (rotation.turn) return [name, this.#own(rotation.turn(kept, at, 'k'))] as const;
      const { q, k } = rotation.rotate(kept, kept, at);
      q.dispose();
      return [name, this.#own(k)] as const;
    });
    at.tensor.dispose();
    return { ...rows, ...Object.fromEntries(turned) };
  }

  #positionsAt(host: Int32Array): Positions & { readonly tensor: IndexTensor } {
    const shape = [1, host.length] as const;
    const end = host.reduce((most, position) => Math.max(most, position + 1), 0);
    return { host, shape, end, ends: [end], tensor: tensor(this.device, host, shape) };
  }

  #own<T extends Tensor<string, 'i32'> | Tensor>(made: T): T {
    this.#owned.push(made);
    return keep(made);
  }

  #drop(): void {
    for (const made of this.#owned) made.dispose();
    this.#owned = [];
  }
}
