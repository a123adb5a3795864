import {
  attention,
  createPositions,
  type Device,
  type LayerSpec,
  NOBODY,
  type Positions,
  type StateView,
  scope,
  sizeOf,
  type Tensor,
  tensor,
} from '@headwise/tensor';
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

/** The columns of an append, by sequence: whether a token stands there, or nobody. */
export type Columns = readonly (readonly boolean[])[];

/** As many tokens of each sequence, filled up on the right or on the left to the most of them. Never throws. */
export function padded(counts: readonly number[], side: 'left' | 'right'): Columns {
  const L = Math.max(...counts);
  return counts.map((count) =>
    Array.from({ length: L }, (_, i) => (side === 'right' ? i < count : i >= L - count)),
  );
}

/** Stands for nobody among the numbers of tokens. */
const NONE = 0;

/**
 * A cache and what it must be equal to: lists of tokens, to which cropping is slicing and taking is picking. Each
 * append compares attention over the cache with attention computed from the lists, each sequence alone.
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

  /** Of the longest sequence. */
  get length(): number {
    return Math.max(...this.lengths);
  }

  get lengths(): readonly number[] {
    return this.tokens.map((list) => list.length);
  }

  /**
   * Appends L tokens that no sequence had before, or those of these columns, and compares.
   * @throws {LawError} where attention over the cache is another, and what the cache refuses.
   */
  async append(tokens: number | Columns): Promise<void> {
    const before = this.lengths;
    const fresh = this.#freshOf(tokens);
    // what a recurrent layer would read to make its next state
    await this.compareConstants();
    if (this.spec.kind === 'recurrent') {
      this.#advance(fresh, tokens);
      this.#took(fresh);
      return this.compareConstants();
    }
    const { outs, view } = this.#attend(fresh, tokens);
    this.#took(fresh);
    const [offset, valid] = (await view.cursor?.data()) ?? [view.offset, view.valid];
    if (offset !== view.offset || valid !== view.valid) {
      const said = `offset ${view.offset} and valid ${view.valid}`;
      throw new LawError(`the cursor holds ${offset} and ${valid}, the view says ${said}`);
    }
    for (const [way, out] of Object.entries(outs)) {
      await this.#compare(await out.data(), fresh, before, way === 'causal');
      out.dispose();
    }
  }

  /** Appends without asking anything, for many steps. @throws what the cache refuses. */
  feed(tokens: number | Columns): StateView | undefined {
    const fresh = this.#freshOf(tokens);
    let view: StateView | undefined;
    scope(() => {
      if (this.spec.kind === 'recurrent') this.#advance(fresh, tokens);
      else view = this.cache.append(this.#rowsOf(fresh), this.positions(tokens));
    });
    this.#took(fresh);
    return view;
  }

  /** An append that ends in an error which is not its own; nothing may have changed. @throws {LawError} if it has. */
  fail(tokens: number | Columns): unknown {
    const fresh = this.#freshOf(tokens);
    // what a failed append packed stays packed
    this.#packings++;
    try {
      scope(() => {
        if (this.spec.kind === 'recurrent') this.#advance(fresh, tokens);
        else this.cache.append(this.#rowsOf(fresh), this.positions(tokens));
      });
    } catch (error) {
      this.#compareCounts('a failed append');
      return error;
    }
    this.#took(fresh);
    return undefined;
  }

  /** Where columns stand; undefined for as many tokens of every sequence. @throws {DeviceError} if there is no room. */
  positions(tokens: number | Columns): Positions | undefined {
    if (typeof tokens === 'number') return undefined;
    const rows = tokens.map((columns, b) => {
      let next = this.tokens[b]!.length;
      return columns.map((stands) => (stands ? next++ : NOBODY));
    });
    return createPositions(this.device, rows);
  }

  /** Asks whether tokens at these positions fit, as the call that takes them would say. @throws what the cache refuses. */
  checkAt(rows: readonly (readonly number[])[]): void {
    scope(() => this.cache.check(createPositions(this.device, rows)));
  }

  /** Takes tokens at these positions, for calls that are to be refused. @throws what the cache refuses. */
  appendAt(rows: readonly (readonly number[])[]): void {
    scope(() => {
      const at = createPositions(this.device, rows);
      if (this.spec.kind === 'recurrent') this.cache.advance(this.cache.constants(), at);
      else this.cache.append(this.rows(at.shape[1]), at);
    });
  }

  /** @throws {LawError} if the lengths are others, and what the cache refuses. */
  crop(length: number | readonly number[]): void {
    this.cache.crop(length);
    this.tokens = this.tokens.map((list, b) =>
      list.slice(0, typeof length === 'number' ? length : length[b]),
    );
    this.#packings++;
    this.#compareCounts('crop');
  }

  /** @throws {LawError} if the lengths are others, and what the cache refuses. */
  take(order: readonly number[]): void {
    this.cache.take(order);
    this.tokens = order.map((from) => [...this.tokens[from]!]);
    this.#origins = order.map((from) => this.#origins[from]!);
    this.#compareCounts('take');
  }

  /** @throws {LawError} if the lengths are others, and what the cache refuses. */
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
    const { B, length, lengths } = this.cache;
    if (B !== this.tokens.length)
      throw new LawError(`after ${what} the cache says B ${B}, there are ${this.tokens.length} sequences`);
    if (length !== this.length)
      throw new LawError(`after ${what} the cache says length ${length}, it has seen ${this.length}`);
    if (lengths.join() !== this.lengths.join())
      throw new LawError(`after ${what} the cache says lengths ${lengths}, it has seen ${this.lengths}`);
  }

  /** Numbers of new tokens, one list a sequence, `NONE` for nobody. */
  #freshOf(tokens: number | Columns): number[][] {
    const columns = typeof tokens === 'number' ? this.tokens.map(() => Array(tokens).fill(true)) : tokens;
    return columns.map((list) => list.map((stands) => (stands ? this.#next++ : NONE)));
  }

  #took(fresh: readonly (readonly number[])[]): void {
    fresh.forEach((list, b) => {
      this.tokens[b]!.push(...list.filter((token) => token !== NONE));
    });
    this.#compareCounts('append');
  }

  /**
   * Appends and asks, inside a scope, as a model does; where sequences are given columns of their own, without the
   * causal mask too, which would hide what stands behind the end of a sequence.
   */
  #attend(fresh: readonly (readonly number[])[], tokens: number | Columns) {
    const { device, spec, cache } = this;
    const { k, v, Hkv, D, Dv } = headsOf(spec);
    const { H, slopes, options } = scoreParts(spec);
    const L = fresh[0]!.length;
    let view: StateView | undefined;
    const outs = scope((): Record<string, Tensor> => {
      const start = this.length;
      const { rows, ...shown } = cache.append(this.#rowsOf(fresh), this.positions(tokens));
      view = { rows, ...shown };
      const { keyPositions, queryPositions, keyUntil, offset, valid } = shown;
      if (offset !== start)
        throw new LawError(`the view's offset is ${offset}, the tokens stand at ${start}`);
      if (L === 0) return {};
      const slots = rows[k]!.shape[1]!;
      const inputs = {
        q: tensor<'B Lq H D'>(device, queryRows(spec, fresh), [cache.B, L, H, D]),
        k: rows[k]!.reshape<'B Lk Hkv D'>([cache.B, slots, Hkv, D]),
        v: rows[v]!.reshape<'B Lk Hkv Dv'>([cache.B, slots, Hkv, Dv]),
        slopes: tensor<'H'>(device, slopes, [H]),
        keyPositions,
        queryPositions,
        keyUntil,
      };
      const at = { offset: queryPositions ? 0 : offset };
      const causal = attention(inputs, { ...options, causal: at, valid });
      // without positions in the view, only the mask says where queries stand
      if (typeof tokens === 'number' || !queryPositions) return { causal };
      return { causal, all: attention(inputs, { ...options, causal: false, valid }) };
    });
    return { outs, view: view! };
  }

  /** Rows of tokens; those of nobody are not numbers, so that each trace of them shows. */
  #rowsOf(fresh: readonly (readonly number[])[]): Rows {
    const L = fresh[0]!.length;
    const rows = Object.entries(this.spec.rows).map(([name, row]) => {
      const values = tokenRows(name, row, fresh);
      const width = sizeOf(row);
      fresh.flat().forEach((token, i) => {
        if (token === NONE) values.fill(Number.NaN, i * width, (i + 1) * width);
      });
      return [name, tensor(this.device, values, [this.cache.B, L, ...row])] as const;
    });
    return Object.fromEntries(rows);
  }

  async #compare(
    got: Float32Array,
    fresh: number[][],
    before: readonly number[],
    causal: boolean,
  ): Promise<void> {
    const L = fresh[0]!.length;
    if (L === 0) return;
    const recall = this.subject.recall ?? recallAll;
    const recalled = fresh.map((list, b): Recalled => {
      const count = list.filter((token) => token !== NONE).length;
      const own = recall({ b, origin: this.#origins[b]!, start: before[b]!, L: count });
      let next = 0;
      return { ...own, queries: list.map((token) => (token === NONE ? NOBODY : own.queries[next++]!)) };
    });
    const bound = (this.subject.bound ?? 0) * this.#packings;
    const { out, allowed } = await recompute(this.spec, this.tokens, fresh, recalled, { bound, causal });
    got.forEach((value, i) => {
      if (Math.abs(value - out[i]!) <= ROUNDING + allowed[i]!) return;
      const query = Math.floor(i / (got.length / (this.cache.B * L)));
      const [b, column] = [Math.floor(query / L), query % L];
      // without the causal mask nobody's query sees something, which means nothing
      if (!causal && fresh[b]![column] === NONE) return;
      const place = before[b]! + fresh[b]!.slice(0, column).filter((token) => token !== NONE).length;
      const which = fresh[b]![column] === NONE ? `nobody in column ${column}` : `the token at ${place}`;
      const of = this.cache.B > 1 && b > 0 ? ` of sequence ${b}` : '';
      throw new LawError(
        `attention of ${which}${of} gives ${value}, recomputing gives ${out[i]} (allowed off: ${(ROUNDING + allowed[i]!).toPrecision(3)})`,
      );
    });
  }

  #advance(fresh: readonly (readonly number[])[], tokens: number | Columns): void {
    const after = this.tokens.map((list, b) => [...list, ...fresh[b]!.filter((token) => token !== NONE)]);
    scope(() => {
      const next = Object.entries(this.spec.constant).map(([name, shape]) => {
        return [name, tensor(this.device, this.#folded(name, after), [this.cache.B, ...shape])] as const;
      });
      this.cache.advance(Object.fromEntries(next), this.positions(tokens) ?? (tokens as number));
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
