import { type Device, DeviceError, type StateView, scope, type Tensor, ValueError } from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import { checkCount, checkRoom, type Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { bytesOfRows, type Quantization } from '../dtype.ts';
import { packedIn } from '../format/bookkeeping.ts';
import { damaged } from '../format/errors.ts';
import { checkFits, floats, type Snapshot, sectionsOf } from '../format/snapshot.ts';
import { codesToBytes, packedBytes } from '../packing/bytes.ts';
import { type PackLayout, packLayout } from '../packing/layout.ts';
import { pack, packOp } from '../packing/pack.ts';
import { unpack, unpackOp } from '../packing/unpack.ts';
import { RowStore, type Run } from '../row-store.ts';
import { Workspace } from '../workspace.ts';

/**
 * Rows as whole numbers of 8 or 4 bits, the newest ones in full precision: `x̂ = low + code · scale`, a scale and
 * a minimum for each group of numbers.
 *
 * ```text
 * tokens    0 … 31 │ 32 … 63 │ 64 … 103        group 32, residual 32
 *           packed │ packed  │ float32          a block is packed when `residual` newer tokens stand behind it
 * along     'token'    one scale a head and token, as values like it
 *           'channel'  one scale a channel and block, as keys like it: their outliers sit in few channels
 * ```
 *
 * A number is off by at most half a step of its group (`packingBound`). Rows that are cropped into and packed
 * again with others are off by as many half steps as they were packed. Devices hold float32, in which 24 bits are
 * exact: a packed number takes 4/3 (or 2/3) of a byte there. Attention reads rows of float32, so a running cache
 * keeps them in a workspace; the layers of a model can share one (`createWorkspace`), and then memory is that of
 * the packed rows and one view.
 *
 * Liu et al. 2024, "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache", sections 3 and 4.
 */
export const quantized = defineCache({
  name: 'quantized',
  title: 'Packed to 8 or 4 bits, with a residual window',
  summary: 'Keeps older tokens in 8 or 4 bits a number, within a stated bound; the newest stay as they are.',
  holds: ['full', 'latent'],
  fidelity: 'lossy',
  paper: {
    title: 'KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache',
    authors: 'Liu et al.',
    year: 2024,
    arxiv: '2402.02750',
  },
  create: createQuantized,
});

/** What a quantized cache is made from. */
export interface QuantizedOptions extends CacheOptions {
  /** Default 8. */
  readonly bits?: 8 | 4 | undefined;
  /** What shares a scale, for all rows or by name: `{ k: 'channel', v: 'token' }` is KIVI's. Default `token`. */
  readonly along?: Quantization['along'] | Readonly<Record<string, Quantization['along']>> | undefined;
  /** Tokens that are packed at a time, and that a `channel` group has. Default 32. */
  readonly group?: number | undefined;
  /** Newest tokens that stay in full precision. Default 32. */
  readonly residual?: number | undefined;
  /** Memory for the view, shared with other caches. Default an own one. */
  readonly workspace?: Workspace | undefined;
}

/**
 * @throws {ValueError} for other bits than 8 and 4, or sizes that are not whole numbers.
 * @throws {DeviceError} if the device does not know the operations that pack (they run on reference and gpu.js).
 */
export function createQuantized(options: QuantizedOptions): Cache {
  return new QuantizedCache(options);
}

class QuantizedCache extends BaseCache {
  readonly kind = 'quantized';
  readonly #options: QuantizedOptions;
  readonly #layouts: Readonly<Record<string, PackLayout>>;
  /** Tokens of a block. */
  readonly #group: number;
  readonly #residual: number;
  /** Blocks: `name.codes`, `name.scales`, `name.lows`, `[B, blocks, …]`. */
  readonly #packed: RowStore;
  /** The rows that are not packed, position p in slot `p mod capacity`; a whole number of blocks. */
  readonly #recent: RowStore;
  readonly #workspace: Workspace;
  /** Blocks that are packed. */
  #blocks = 0;
  #offset = 0;

  constructor(options: QuantizedOptions, from?: QuantizedCache) {
    super('quantized', options, ['full', 'latent']);
    const { bits = 8, along = 'token', group = 32, residual = 32 } = options;
    if (bits !== 8 && bits !== 4) throw new ValueError('quantized', 'bits', 'must be 8 or 4', bits);
    checkCount('quantized', 'group', group);
    checkCount('quantized', 'residual', residual, 0);
    checkSupport(options.device);
    this.#options = options;
    this.#group = group;
    this.#residual = residual;
    const { device, spec, B, capacity } = this;
    this.#layouts = Object.fromEntries(
      Object.entries(spec.rows).map(([name, row]) => {
        const axis = typeof along === 'string' ? along : along[name];
        if (axis !== 'token' && axis !== 'channel') {
          throw new ValueError('quantized', `along.${name}`, 'must be token or channel', axis);
        }
        return [name, packLayout(row, { bits, along: axis, group })];
      }),
    );
    const blocks = Math.max(0, Math.floor((capacity - residual) / group));
    const recent = Math.ceil((residual + group) / group) * group;
    this.#packed = from ? from.#packed.clone() : new RowStore(device, packedRows(this.#layouts), B, blocks);
    this.#recent = from ? from.#recent.clone() : new RowStore(device, spec.rows, B, recent);
    this.#workspace = (options.workspace ?? new Workspace()).join();
    this.#blocks = from ? from.#blocks : 0;
    this.seen = from?.seen ?? 0;
    this.#offset = this.seen;
  }

  get held(): number {
    return this.seen;
  }

  override view(): StateView {
    this.check('view');
    return this.#look();
  }

  protected override checkPut(L: number): void {
    checkRoom('quantized.append', L, this.seen, this.capacity);
  }

  protected put(rows: Rows, L: number): void {
    const view = this.#workspace.isOwner(this) ? this.#claim().store : undefined;
    view?.copy(rows, { from: 0, to: this.seen, count: L });
    this.#offset = this.seen;
    for (let from = 0; from < L; ) {
      const room = this.#recent.capacity - (this.seen - this.#packedTokens);
      const count = Math.min(L - from, room);
      this.#write(this.#recent, rows, from, count);
      this.seen += count;
      from += count;
      while (this.#blocks < this.#packed.capacity && this.#unpacked >= this.#residual + this.#group) {
        this.#packNext(view);
      }
    }
    this.current = this.#look();
  }

  protected cut(length: number): void {
    const block = Math.floor(length / this.#group);
    if (block < this.#blocks) {
      // the rows before the cut come out of their block, as they are by now
      const count = length - block * this.#group;
      scope(() => this.#recent.copy(this.#unpack(block, 1), { from: 0, to: this.#slot(block), count }));
      this.#blocks = block;
    }
    this.seen = length;
    this.#offset = length;
  }

  protected permute(order: readonly number[]): void {
    this.#packed.reorder(order, this.#blocks);
    this.#recent.reorder(order, this.#recent.capacity);
    if (this.#workspace.isOwner(this)) this.#claim().store.reorder(order, this.seen);
    this.#offset = this.seen;
  }

  protected copy(): Cache {
    return new QuantizedCache(this.#options, this);
  }

  /** `used` and `full` count a packed number as 8 or 4 bits, as a file has it; `device` what the device has. */
  protected measure(): CacheBytes {
    const bytesAt = (packed: number, total: number): number =>
      Object.entries(this.spec.rows).reduce((sum, [name, row]) => {
        const { bits, along } = this.#layouts[name]!;
        const dtype = { bits, along, group: this.#group };
        return sum + bytesOfRows(row, packed, dtype) + bytesOfRows(row, total - packed, 'f32');
      }, 0);
    return {
      used: this.B * bytesAt(this.#packedTokens, this.seen),
      full: this.B * bytesAt(this.#packed.capacity * this.#group, this.capacity),
      device: this.#packed.bytes + this.#recent.bytes + this.#workspace.bytesFor(this),
    };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const layouts = this.#layouts;
    const blocks = this.#blocks;
    const state = { ...this.#format(), blocks };
    const reads = [
      this.#packed.read(() => [{ start: 0, count: blocks }]),
      this.#recent.read(() => this.#recentRuns()),
    ];
    const [packed, recent] = (await Promise.all(reads)) as [
      Record<string, Float32Array>,
      Record<string, Float32Array>,
    ];
    const numbers = Object.entries(packed).map(([key, data]) => {
      const [name, what] = key.split('.') as [string, string];
      return [key, what === 'codes' ? codesToBytes(data, layouts[name]!) : data] as const;
    });
    return { state, sections: sectionsOf({ ...recent, ...Object.fromEntries(numbers) }) };
  }

  protected take(snapshot: Snapshot): () => void {
    const { length } = snapshot;
    const blocks = packedIn(snapshot, this.#format());
    checkFits(this, length, Math.min(this.capacity, this.limit));
    const rest = length - blocks * this.#group;
    if (!(blocks <= this.#packed.capacity && rest >= 0 && rest <= this.#recent.capacity))
      throw damaged(`${length} tokens cannot be ${blocks} blocks and a rest`);
    const packed = packedBytes(snapshot, this.#layouts, blocks);
    const recent = Object.fromEntries(
      Object.entries(this.#layouts).map(([name, { n }]) => [name, floats(snapshot, name, this.B * rest * n)]),
    );
    return () => {
      this.#blocks = blocks;
      this.seen = length;
      this.#offset = length;
      for (let b = 0; b < this.B; b++) {
        this.#packed.fill(packed, b, { from: b * blocks, to: 0, count: blocks });
        let from = b * rest;
        for (const { start, count } of this.#recentRuns()) {
          this.#recent.fill(recent, b, { from, to: start, count });
          from += count;
        }
      }
      this.#workspace.forget(this);
    };
  }

  protected free(): void {
    this.#packed.dispose();
    this.#recent.dispose();
    this.#workspace.leave(this);
  }

  get #packedTokens(): number {
    return this.#blocks * this.#group;
  }

  get #unpacked(): number {
    return this.seen - this.#packedTokens;
  }

  /** What two caches must have in common so that one reads the other's file. */
  #format(): Record<string, unknown> {
    const layouts = Object.entries(this.#layouts).map(([name, { bits, along }]) => [
      name,
      `${bits} bits by ${along}`,
    ]);
    return { ...Object.fromEntries(layouts), group: this.#group, residual: this.#residual };
  }

  /** Slot of the first token of a block among the recent ones. */
  #slot(block: number): number {
    return (block * this.#group) % this.#recent.capacity;
  }

  /** Slots of the tokens that are not packed, in order. */
  #recentRuns(): Run[] {
    const { capacity } = this.#recent;
    const start = this.#packedTokens % capacity;
    const first = Math.min(this.#unpacked, capacity - start);
    return [
      { start, count: first },
      { start: 0, count: this.#unpacked - first },
    ];
  }

  #write(recent: RowStore, rows: Rows, from: number, count: number): void {
    const to = this.seen % recent.capacity;
    const first = Math.min(count, recent.capacity - to);
    recent.copy(rows, { from, to, count: first });
    recent.copy(rows, { from: from + first, to: 0, count: count - first });
  }

  /** Packs the oldest block that is not, and shows it as it is from now on. */
  #packNext(view: RowStore | undefined): void {
    const block = this.#blocks++;
    scope(() => {
      const packed: Record<string, Tensor> = {};
      for (const [name, layout] of Object.entries(this.#layouts)) {
        const x = this.#recent.tensors[name]!.reshape([this.B, this.#recent.capacity, layout.n]);
        for (const [what, made] of Object.entries(pack(x, { ...layout, start: this.#slot(block) }))) {
          packed[`${name}.${what}`] = made.reshape([this.B, 1, made.shape[1]!]);
        }
      }
      this.#packed.copy(packed, { from: 0, to: block, count: 1 });
      view?.copy(this.#unpack(block, 1), { from: 0, to: block * this.#group, count: this.#group });
    });
  }

  /** The rows `[B, count · group, ...row]` of packed blocks. */
  #unpack(first: number, count: number): Rows {
    return Object.fromEntries(
      Object.entries(this.#layouts).map(([name, layout]) => {
        const [codes, scales, lows] = ['codes', 'scales', 'lows'].map(
          (what) => this.#packed.tensors[`${name}.${what}`]!,
        );
        const rows = unpack({ codes: codes!, scales: scales!, lows: lows! }, { ...layout, first, count });
        return [name, rows.reshape([this.B, count * this.#group, ...this.spec.rows[name]!])];
      }),
    );
  }

  #claim() {
    return this.#workspace.claim(this, this.device, this.spec.rows, this);
  }

  #look(): StateView {
    const { store, stale } = this.#claim();
    if (stale) this.#refill(store);
    return { rows: store.tensors, valid: this.seen, offset: this.#offset };
  }

  #refill(view: RowStore): void {
    if (this.#blocks > 0) {
      // all blocks, so that the operation has one size
      scope(() =>
        view.copy(this.#unpack(0, this.#packed.capacity), { from: 0, to: 0, count: this.#packedTokens }),
      );
    }
    let to = this.#packedTokens;
    for (const { start, count } of this.#recentRuns()) {
      view.copy(this.#recent.tensors, { from: start, to, count });
      to += count;
    }
  }
}

/** Refused here, because an append that finds out would have written half of its rows. */
function checkSupport(device: Device): void {
  const reasons = [...device.supports(packOp), ...device.supports(unpackOp)];
  if (reasons.length === 0) return;
  throw new DeviceError(
    device.name,
    'cannot pack the rows of a quantized cache',
    reasons,
    'Choose reference or a gpujs device, or another cache.',
  );
}

function packedRows(layouts: Readonly<Record<string, PackLayout>>): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(layouts).flatMap(([name, { elements, groups }]) => [
      [`${name}.codes`, [elements]],
      [`${name}.scales`, [groups]],
      [`${name}.lows`, [groups]],
    ]),
  );
}
