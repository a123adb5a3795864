import {
  keep,
  type Positions,
  type Rotation,
  type StateView,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { Indices, positionsOver } from '../indices.ts';
import { queriesOf, RowsCache } from '../rows-cache.ts';
import type { Placement } from '../tokens.ts';
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

class SinkPreservingCache extends RowsCache {
  readonly kind = 'sink-preserving';
  readonly turnsKeys: boolean;
  readonly #options: SinkPreservingOptions;
  readonly #ring: RingCache;
  readonly #sinks: number;
  readonly #window: number;
  readonly #names: readonly string[];
  readonly #keys: Indices; // [1 | B, slots]
  readonly #keysAt: Indices; // [1 | B, slots], where keys are turned
  readonly #queries: Indices; // [1 | B, L]
  readonly #queriesAt: Indices; // [1 | B, L], where queries are turned
  /** Turned keys of the present view. */
  #turned: Readonly<Record<string, Tensor>> = {};

  constructor(options: SinkPreservingOptions, copyOf?: RingCache) {
    super('sink-preserving', options, ['window'], { keepsFormats: true });
    this.#options = options;
    this.#sinks = this.spec.sinks ?? 0;
    this.#window = this.spec.cap - this.#sinks;
    this.turnsKeys = options.rotation !== undefined;
    const names = Object.keys(this.spec.rows);
    this.#names = options.keys ?? names.filter((name) => name.startsWith('k'));
    for (const name of this.#names) {
      if (names.includes(name)) continue;
      throw new ValueError('sink-preserving', 'keys', `must be among the rows ${names.join(', ')}`, name);
    }
    this.#ring = copyOf ?? new RingCache(options);
    [this.#keys, this.#keysAt, this.#queries, this.#queriesAt] = Array.from(
      { length: 4 },
      () => new Indices(this.device),
    ) as [Indices, Indices, Indices, Indices];
  }

  get held(): number {
    return this.#ring.held;
  }

  protected put(rows: Rows, _placed: Placement, at: Positions | undefined): void {
    this.#ring.append(rows, at);
  }

  protected override checkCut(lengths: readonly number[]): void {
    this.#ring.checkCrop(lengths);
  }

  protected trim(lengths: readonly number[]): void {
    this.#ring.crop(lengths);
    this.#dropTurned();
  }

  protected rearrange(order: readonly number[]): void {
    this.#ring.take(order);
    this.#dropTurned();
  }

  protected copy(): SinkPreservingCache {
    return new SinkPreservingCache({ ...this.#options, B: this.B }, this.#ring.clone() as RingCache);
  }

  protected measure(): CacheBytes {
    const ring = this.#ring.bytes();
    const turned = Object.values(this.#turned).reduce((sum, { size }) => sum + 4 * size, 0);
    const numbers = [this.#keys, this.#keysAt, this.#queries, this.#queriesAt];
    const own = numbers.reduce((sum, { bytes }) => sum + bytes, this.indexBytes);
    return { ...ring, device: ring.device + turned + own };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const { state, sections } = await this.#ring.snapshot();
    return { state, sections };
  }

  protected accept(snapshot: Snapshot): () => void {
    const step = this.#ring.restore(snapshot);
    return () => {
      step();
      this.#dropTurned();
    };
  }

  protected override free(): void {
    super.free();
    this.#ring.dispose();
    for (const indices of [this.#keys, this.#keysAt, this.#queries, this.#queriesAt]) indices.clear();
    this.#dropTurned();
  }

  /** Counts positions anew for what is held and the tokens of an append, and turns the keys to them. */
  protected look(placed: Placement | undefined): StateView {
    const { rows: kept, valid } = this.#ring.view();
    const held = this.#ring.viewPositions;
    const sequences = this.ragged ? this.B : 1;
    const slots = held.length / sequences;
    const starts = placed?.before ?? this.lengths;
    const positions = held.map((position, i) => this.#inside(position, starts[Math.floor(i / slots)]!));
    const keyPositions = this.#keys.set(positions, [sequences, slots]);
    const rows = this.#turn(kept, positions, [sequences, slots]);
    const shown = { rows, valid, keyPositions };
    if (!placed || placed.L === 0) return this.show(shown, placed);
    // without a token that is nobody, all sequences of an even append stand at the same positions
    const shape = [placed.even && !this.ragged ? 1 : this.B, placed.L] as const;
    const queries = queriesOf(placed)
      .subarray(0, shape[0] * placed.L)
      .map((position, i) => this.#inside(position, starts[Math.floor(i / placed.L)]!));
    const queryPositions = this.#queries.set(queries, shape);
    if (!this.turnsKeys) return this.show({ ...shown, queryPositions }, placed);
    const turnQueriesAt = turnedAt(this.#queriesAt, queries, shape);
    return this.show({ ...shown, queryPositions, turnQueriesAt }, placed);
  }

  /** The position inside the cache of a position of the text, for queries from `start` on; −1 for none. */
  #inside(position: number, start: number): number {
    if (position < this.#sinks) return position;
    const oldest = Math.max(this.#sinks, start - this.#window + 1);
    return position < oldest ? -1 : this.#sinks + position - oldest;
  }

  #turn(rows: Rows, positions: Int32Array, shape: readonly [number, number]): Rows {
    const { rotation } = this.#options;
    if (!rotation) return rows;
    const at = turnedAt(this.#keysAt, positions, shape);
    const turned: Record<string, Tensor> = {};
    try {
      for (const name of this.#names) {
        const kept = rows[name] as Tensor<'B L H D'>;
        if (rotation.turn) {
          turned[name] = keep(rotation.turn(kept, at, 'k'));
        } else {
          const { q, k } = rotation.rotate(kept, kept, at);
          q.dispose();
          turned[name] = keep(k);
        }
      }
    } catch (error) {
      for (const made of Object.values(turned)) made.dispose();
      throw error;
    }
    this.#dropTurned();
    this.#turned = turned;
    return { ...rows, ...turned };
  }

  #dropTurned(): void {
    for (const made of Object.values(this.#turned)) made.dispose();
    this.#turned = {};
  }
}

/** Where to turn rows: nobody's and an empty slot's are turned like position 0; attention does not see them. */
function turnedAt(indices: Indices, positions: Int32Array, shape: readonly [number, number]): Positions {
  const at = positions.map((position) => Math.max(0, position));
  return positionsOver(indices.set(at, shape), at);
}
