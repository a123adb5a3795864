import { attention, type Device, type LayerSpec, scope, sizeOf, type Tensor, tensor } from '@headwise/tensor';
import type { Rows } from '../checks.ts';
import type { Cache } from '../contract.ts';
import { headsOf, queryRows, recompute, scoreParts, tokenRow, tokenRows } from './recompute.ts';
import { type CacheSubject, plainSpec, type Recalled } from './subject.ts';

/** What float32 rounds in these attentions; far below what any fault makes. */
const ROUNDING = 2e-5;

/** A law does not hold; the message says where. */
export class LawError extends Error {
  override readonly name = 'LawError';
}

/**
 * A cache and what it must be equal to: lists of tokens, to which cropping is slicing and reordering is
 * reordering. Each append compares attention over the cache with attention computed from the lists.
 */
export class Twin {
  readonly cache: Cache;
  readonly subject: CacheSubject;
  readonly device: Device;
  /** By sequence, every token it has, as a number that stands for its rows. */
  tokens: number[][];
  /** Which sequence each one was at first. */
  #origins: number[];
  /** Times that rows may have been packed again. */
  #packings = 1;
  /** The next unused token. */
  #next: number;

  constructor(
    subject: CacheSubject,
    device: Device,
    cache: Cache,
    tokens?: readonly (readonly number[])[],
    next = 1,
  ) {
    this.subject = subject;
    this.device = device;
    this.cache = cache;
    this.tokens = tokens ? tokens.map((list) => [...list]) : Array.from({ length: cache.B }, () => []);
    this.#next = next;
    this.#origins = this.tokens.map((_, b) => b);
  }

  get spec(): LayerSpec {
    return this.cache.spec;
  }

  get length(): number {
    return this.tokens[0]!.length;
  }

  /**
   * Appends L tokens that no sequence had before, and compares.
   * @throws {LawError} where attention over the cache is another, and what the cache refuses.
   */
  async append(L: number): Promise<void> {
    const start = this.length;
    const fresh = this.tokens.map(() => Array.from({ length: L }, () => this.#next++));
    // what a recurrent layer would read to make its next state
    await this.compareConstants();
    const got = this.spec.kind === 'recurrent' ? this.#advance(fresh, L) : this.#attend(fresh, L);
    fresh.forEach((list, b) => {
      this.tokens[b]!.push(...list);
    });
    this.#compareCounts('append');
    if (got === undefined) return this.compareConstants();
    await this.#compare(await got.data(), fresh, start, L);
    got.dispose();
  }

  /** Appends L tokens without asking anything, for many steps. @throws what the cache refuses. */
  feed(L: number): void {
    const fresh = this.tokens.map(() => Array.from({ length: L }, () => this.#next++));
    scope(() => {
      if (this.spec.kind === 'recurrent') this.#advance(fresh, L);
      else this.cache.append(this.#rowsOf(fresh, L));
    });
    fresh.forEach((list, b) => {
      this.tokens[b]!.push(...list);
    });
  }

  /** @throws {LawError} if the length is another, and what the cache refuses. */
  crop(length: number): void {
    this.cache.crop(length);
    this.tokens = this.tokens.map((list) => list.slice(0, length));
    this.#packings++;
    this.#compareCounts('crop');
  }

  /** @throws {LawError} if the length is another, and what the cache refuses. */
  reorder(order: readonly number[]): void {
    this.cache.reorder(order);
    this.tokens = order.map((from) => [...this.tokens[from]!]);
    this.#origins = order.map((from) => this.#origins[from]!);
    this.#compareCounts('reorder');
  }

  /** @throws {LawError} if the length is another, and what the cache refuses. */
  reset(): void {
    this.cache.reset();
    this.tokens = this.tokens.map(() => []);
    this.#origins = this.tokens.map((_, b) => b);
    this.#compareCounts('reset');
  }

  /** A twin of the cache's clone. @throws what the cache refuses. */
  clone(): Twin {
    return this.with(this.cache.clone());
  }

  /** The same expectations of another cache, whose new tokens are its own. Never throws. */
  with(cache: Cache): Twin {
    const twin = new Twin(this.subject, this.device, cache, this.tokens, this.#next + 100_000);
    twin.#packings = this.#packings;
    twin.#origins = [...this.#origins];
    return twin;
  }

  /** Rows that fit, for calls that are to be refused for another reason. @throws {DeviceError} if there is no room. */
  rows(L: number, shape: (row: readonly number[]) => readonly number[] = (row) => row): Rows {
    return Object.fromEntries(
      Object.entries(this.spec.rows).map(([name, row]) => {
        const full = [this.cache.B, L, ...shape(row)];
        return [name, tensor(this.device, new Float32Array(sizeOf(full)), full)];
      }),
    );
  }

  /** For a recurrent state: its numbers are those of the tokens folded so far. @throws {LawError} if not. */
  async compareConstants(): Promise<void> {
    for (const [name, state] of Object.entries(this.cache.constants())) {
      const got = await state.data();
      const want = this.#folded(name);
      const off = got.findIndex((value, i) => Math.abs(value - want[i]!) > ROUNDING);
      if (off >= 0)
        throw new LawError(`${name}[${off}] is ${got[off]}, folding its tokens gives ${want[off]}`);
    }
  }

  #compareCounts(what: string): void {
    if (this.cache.length === this.length) return;
    throw new LawError(
      `after ${what} the cache says length ${this.cache.length}, it has seen ${this.length}`,
    );
  }

  /** Appends and asks, inside a scope, as a model does. */
  #attend(fresh: readonly (readonly number[])[], L: number): Tensor | undefined {
    const { device, spec, cache } = this;
    const { k, v, Hkv, D, Dv } = headsOf(spec);
    const { H, slopes, options } = scoreParts(spec);
    return scope(() => {
      const start = this.length;
      const view = cache.append(this.#rowsOf(fresh, L));
      if (view.offset !== start)
        throw new LawError(`the view's offset is ${view.offset}, the tokens stand at ${start}`);
      if (L === 0) return tensor(device, new Float32Array(0), [0]);
      const slots = view.rows[k]!.shape[1]!;
      const { keyPositions, queryPositions, keyUntil, offset, valid } = view;
      return attention(
        {
          q: tensor<'B Lq H D'>(device, queryRows(spec, fresh), [cache.B, L, H, D]),
          k: view.rows[k]!.reshape<'B Lk Hkv D'>([cache.B, slots, Hkv, D]),
          v: view.rows[v]!.reshape<'B Lk Hkv Dv'>([cache.B, slots, Hkv, Dv]),
          slopes: tensor<'H'>(device, slopes, [H]),
          keyPositions,
          queryPositions,
          keyUntil,
        },
        { ...options, causal: { offset }, valid },
      );
    });
  }

  #rowsOf(fresh: readonly (readonly number[])[], L: number): Rows {
    const rows = Object.entries(this.spec.rows).map(([name, row]) => {
      return [name, tensor(this.device, tokenRows(name, row, fresh), [this.cache.B, L, ...row])] as const;
    });
    return Object.fromEntries(rows);
  }

  async #compare(got: Float32Array, fresh: number[][], start: number, L: number): Promise<void> {
    if (L === 0) return;
    const recall = this.subject.recall ?? recallAll;
    const recalled = this.tokens.map((_, b) => recall({ b, origin: this.#origins[b]!, start, L }));
    const bound = (this.subject.bound ?? 0) * this.#packings;
    const { out, allowed } = await recompute(this.spec, this.tokens, fresh, recalled, bound);
    got.forEach((value, i) => {
      if (Math.abs(value - out[i]!) <= ROUNDING + allowed[i]!) return;
      const query = start + (Math.floor(i / (got.length / (this.cache.B * L))) % L);
      throw new LawError(
        `attention of the token at ${query} gives ${value}, recomputing gives ${out[i]} (allowed off: ${(ROUNDING + allowed[i]!).toPrecision(3)})`,
      );
    });
  }

  #advance(fresh: readonly (readonly number[])[], L: number): undefined {
    const after = this.tokens.map((list, b) => [...list, ...fresh[b]!]);
    scope(() => {
      const next = Object.entries(this.spec.constant).map(([name, shape]) => {
        return [name, tensor(this.device, this.#folded(name, after), [this.cache.B, ...shape])] as const;
      });
      this.cache.advance(Object.fromEntries(next), L);
    });
  }

  /** A stand-in for a recurrence in which order matters: `s ← s / 2 + token`. */
  #folded(name: string, tokens: readonly (readonly number[])[] = this.tokens): Float32Array {
    const shape = this.spec.constant[name]!;
    const all = new Float32Array(tokens.length * sizeOf(shape));
    tokens.forEach((list, b) => {
      const state = new Float64Array(sizeOf(shape));
      for (const token of list.slice(-40)) {
        const row = tokenRow(name, shape, token);
        state.forEach((value, i) => {
          state[i] = value / 2 + row[i]!;
        });
      }
      all.set(state, b * state.length);
    });
    return all;
  }
}

/** A new cache of a subject on a device, and its twin. @throws what making the cache throws. */
export function createTwin(subject: CacheSubject, device: Device, B = 2): Twin {
  const { spec = plainSpec, capacity = 24 } = subject;
  return new Twin(subject, device, subject.create({ device, spec, B, capacity }));
}

function recallAll({ start, L }: { readonly start: number; readonly L: number }): Recalled {
  return {
    keys: Array.from({ length: start + L }, (_, position) => ({ token: position, position })),
    queries: Array.from({ length: L }, (_, i) => start + i),
  };
}
