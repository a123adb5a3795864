import {
  checkFields,
  DeviceError,
  keep,
  ShapeError,
  type StateView,
  sizeOf,
  Tensor,
  type Tokens,
  ValueError,
  zeros,
} from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import type { Rows } from '../checks.ts';
import { type Cache, type CacheBytes, type CacheOptions, defineCache } from '../contract.ts';
import { checkFits, floats, type Snapshot, sectionsOf } from '../format/snapshot.ts';

/**
 * A state of constant size: linear attention folds every token into it, and it never grows.
 *
 * ```text
 * S [B, H, D, Dv]     what the layer's spec names under `constant`
 * z [B, H, D]
 * ```
 *
 * The layer computes the next state and hands it over with `advance`; a token at position −1 is to leave its sequence's
 * sums as they were. What was folded in cannot be taken out again, so the state of before the last advance is kept until
 * the next: `crop` takes each sequence to its present length, to that of before (which is how a step that fails in a
 * later layer is undone), or to 0. A cache of other sequences (`take`), or loaded from a file, has no before.
 *
 * Katharopoulos et al. 2020, "Transformers are RNNs", section 3.3.
 */
export const recurrent = defineCache({
  name: 'recurrent',
  title: 'Recurrent state of constant size',
  summary: 'Keeps the running sums of linear attention; the same bytes after one token and after a million.',
  holds: ['recurrent'],
  fidelity: 'exact',
  paper: { title: 'Transformers are RNNs', authors: 'Katharopoulos et al.', year: 2020, arxiv: '2006.16236' },
  create: createRecurrent,
});

/** @throws {ValueError} if the layer is not recurrent. The capacity does not matter to its size. */
export function createRecurrent(
  options: Omit<CacheOptions, 'capacity'> & { readonly capacity?: number },
): Cache {
  checkFields('recurrent', 'options', options);
  return new RecurrentCache({ ...options, capacity: options.capacity ?? 1 });
}

/** A state as it was before an advance. */
interface Before {
  readonly constants: Record<string, Tensor>;
  readonly lengths: readonly number[];
}

class RecurrentCache extends BaseCache {
  readonly kind = 'recurrent';
  protected readonly adding = 'advance';
  readonly #options: CacheOptions;
  #constants: Record<string, Tensor>;
  /** What the last advance has changed. */
  #before: Before | undefined;
  /** Longest sequence before the last advance. */
  #offset = 0;

  constructor(options: CacheOptions) {
    super('recurrent', options, ['recurrent']);
    this.#options = options;
    this.#constants = this.#zeros(this.B);
  }

  get held(): number {
    return 0;
  }

  append(): never {
    throw new ValueError(
      'recurrent.append',
      'rows',
      'are not kept by a recurrent layer; use advance',
      'rows',
    );
  }

  view(): StateView {
    this.checkAlive('view');
    return { rows: {}, valid: 0, offset: this.#offset };
  }

  constants(): Rows {
    this.checkAlive('constants');
    return this.#constants;
  }

  advance(constants: Rows, tokens: Tokens): void {
    this.checkAlive('advance');
    this.gate?.(tokens);
    const { after, counts } = this.place(tokens);
    for (const [name, old] of Object.entries(this.#constants)) this.#checkOne(name, constants[name], old);
    const next = Object.fromEntries(
      Object.keys(this.#constants).map((name) => [name, keep(constants[name]!)]),
    );
    const { lengths, length } = this;
    // no token comes, so the advance before this one may still be taken back
    const before = counts.every((count) => count === 0)
      ? this.#before
      : { constants: this.#constants, lengths };
    this.#hold(next, before);
    super.settle(after);
    this.#offset = length;
  }

  override clone(): Cache {
    const twin = super.clone() as RecurrentCache;
    if (!this.#before) return twin;
    try {
      const { lengths, constants } = this.#before;
      twin.#before = { lengths, constants: twin.#rowsFrom(lengths.map((_, b) => [constants, b])) };
      return twin;
    } catch (error) {
      twin.dispose();
      throw error;
    }
  }

  protected override settle(lengths: readonly number[]): void {
    super.settle(lengths);
    this.#hold(this.#constants, undefined);
    this.#offset = this.length;
  }

  protected override checkCut(lengths: readonly number[]): void {
    this.lengths.forEach((length, b) => {
      const allowed = [...new Set([0, ...(this.#before ? [this.#before.lengths[b]!] : []), length])];
      if (allowed.includes(lengths[b]!)) return;
      const choice = allowed.length > 1 ? `${allowed.slice(0, -1).join(', ')} or ${length}` : '0';
      throw new ValueError(
        'recurrent.crop',
        this.B > 1 ? `length of sequence ${b}` : 'length',
        `must be ${choice}: a recurrent state takes back its last advance, and no other tokens (clone it before those you may take back)`,
        lengths[b],
      );
    });
  }

  protected trim(lengths: readonly number[]): void {
    const before = this.#before;
    if (before && lengths.every((length, b) => length === before.lengths[b])) {
      this.#hold(before.constants, undefined);
      return;
    }
    if (lengths.every((length, b) => length === this.lengths[b])) return;
    const next = this.#rowsFrom(
      lengths.map((length, b) => {
        if (length === this.lengths[b]) return [this.#constants, b];
        return length === 0 ? undefined : [before!.constants, b];
      }),
    );
    this.#hold(next, undefined);
  }

  protected rearrange(order: readonly number[]): void {
    this.#hold(this.#rowsFrom(order.map((from) => [this.#constants, from])), undefined);
  }

  protected copy(): RecurrentCache {
    const twin = new RecurrentCache({ ...this.#options, B: this.B });
    try {
      for (const [name, tensor] of Object.entries(this.#constants)) twin.#constants[name]!.write(0, tensor);
    } catch (error) {
      twin.dispose();
      throw error;
    }
    return twin;
  }

  /** `device` counts what an advance can be taken back to as well. */
  protected measure(): CacheBytes {
    const bytesOf = (constants: Rows): number =>
      4 * Object.values(constants).reduce((sum, { size }) => sum + size, 0);
    const bytes = bytesOf(this.#constants);
    return { used: bytes, full: bytes, device: bytes + bytesOf(this.#earlier()) };
  }

  protected async content(): Promise<Pick<Snapshot, 'state' | 'sections'>> {
    const reads = Object.entries(this.#constants).map(
      async ([name, tensor]) => [name, await tensor.data()] as const,
    );
    return { state: {}, sections: sectionsOf(Object.fromEntries(await Promise.all(reads))) };
  }

  protected accept(snapshot: Snapshot): () => void {
    checkFits(this, snapshot.lengths, this.limit);
    const host = Object.entries(this.#constants).map(
      ([name, tensor]) => [tensor, floats(snapshot, name, tensor.size)] as const,
    );
    return () => {
      for (const [tensor, values] of host) tensor.write(0, values);
    };
  }

  protected free(): void {
    this.#hold({}, undefined);
  }

  /** Tensors of the state of before that are no longer the present one's. */
  #earlier(): Rows {
    const present = new Set(Object.values(this.#constants));
    const earlier = Object.entries(this.#before?.constants ?? {});
    return Object.fromEntries(earlier.filter(([, tensor]) => !present.has(tensor)));
  }

  /** New tensors whose sequence b is one of other tensors; zeros where none is named. */
  #rowsFrom(rows: readonly (readonly [from: Rows, b: number] | undefined)[]): Record<string, Tensor> {
    const next = this.#zeros(rows.length);
    try {
      for (const [name, tensor] of Object.entries(next)) {
        const width = tensor.size / rows.length;
        rows.forEach((row, b) => {
          if (row) tensor.write(b * width, row[0][name]!, row[1] * width, width);
        });
      }
    } catch (error) {
      for (const tensor of Object.values(next)) tensor.dispose();
      throw error;
    }
    return next;
  }

  #zeros(B: number): Record<string, Tensor> {
    const made: Record<string, Tensor> = {};
    try {
      for (const [name, shape] of Object.entries(this.spec.constant))
        made[name] = keep(zeros(this.device, [B, ...shape]));
    } catch (error) {
      for (const tensor of Object.values(made)) tensor.dispose();
      throw error;
    }
    return made;
  }

  #checkOne(name: string, next: Tensor | undefined, old: Tensor): void {
    const op = 'recurrent.advance';
    const wanted = `[${old.shape.join(', ')}]`;
    if (!Tensor.isInstance(next))
      throw new ValueError(op, `constants.${name}`, `must be a tensor ${wanted}`, next);
    next.use(op, name);
    if (next.device !== this.device) {
      throw new DeviceError(
        this.device.name,
        `${op} was given ${name} from another device, ${next.device.name}`,
      );
    }
    if (next.size !== sizeOf(old.shape) || next.shape.join() !== old.shape.join()) {
      const shapes = [{ name, axes: ['B'], shape: next.shape }];
      throw new ShapeError(op, `${name} must be ${wanted}, the size of the state`, shapes);
    }
  }

  /** Has these tensors from now on, and frees those it had beside them. */
  #hold(constants: Record<string, Tensor>, before: Before | undefined): void {
    const old = [this.#constants, this.#before?.constants ?? {}].flatMap((held) => Object.values(held));
    this.#constants = constants;
    this.#before = before;
    const kept = new Set([constants, before?.constants ?? {}].flatMap((held) => Object.values(held)));
    for (const tensor of old) if (!kept.has(tensor)) tensor.dispose();
  }
}
