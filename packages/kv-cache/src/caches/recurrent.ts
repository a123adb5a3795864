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
 * The layer computes the next state and hands it over with `advance`, which frees the old one; a token at position
 * −1 is to leave its sequence's sums as they were. What was folded in cannot be taken out again, by a step that
 * failed after it either: `crop` takes each sequence to its present length or to 0.
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

class RecurrentCache extends BaseCache {
  readonly kind = 'recurrent';
  protected readonly adding = 'advance';
  readonly #options: CacheOptions;
  #constants: Record<string, Tensor>;
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
    const { after } = this.place(tokens);
    for (const [name, old] of Object.entries(this.#constants)) this.#checkOne(name, constants[name], old);
    const offset = this.length;
    this.#replace(
      Object.fromEntries(Object.keys(this.#constants).map((name) => [name, keep(constants[name]!)])),
    );
    this.settle(after);
    this.#offset = offset;
  }

  protected override settle(lengths: readonly number[]): void {
    super.settle(lengths);
    this.#offset = this.length;
  }

  protected override checkCut(lengths: readonly number[]): void {
    this.lengths.forEach((length, b) => {
      if (lengths[b] === length || lengths[b] === 0) return;
      throw new ValueError(
        'recurrent.crop',
        this.B > 1 ? `length of sequence ${b}` : 'length',
        `must be 0 or ${length}: a recurrent state cannot take tokens out again (clone it before tokens you may take back)`,
        lengths[b],
      );
    });
  }

  protected trim(lengths: readonly number[]): void {
    if (lengths.every((length) => length === 0)) {
      this.#replace(this.#zeros(this.B));
      return;
    }
    for (const tensor of Object.values(this.#constants)) {
      const width = tensor.size / this.B;
      lengths.forEach((length, b) => {
        if (length === 0) tensor.write(b * width, new Float32Array(width));
      });
    }
  }

  protected rearrange(order: readonly number[]): void {
    const next = this.#zeros(order.length);
    try {
      for (const [name, old] of Object.entries(this.#constants)) {
        const width = old.size / this.B;
        order.forEach((from, b) => {
          next[name]!.write(b * width, old, from * width, width);
        });
      }
    } catch (error) {
      for (const tensor of Object.values(next)) tensor.dispose();
      throw error;
    }
    this.#replace(next);
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

  protected measure(): CacheBytes {
    const bytes = 4 * Object.values(this.#constants).reduce((sum, { size }) => sum + size, 0);
    return { used: bytes, full: bytes, device: bytes };
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
    for (const tensor of Object.values(this.#constants)) tensor.dispose();
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

  #replace(next: Record<string, Tensor>): void {
    const old = this.#constants;
    this.#constants = next;
    const kept = new Set(Object.values(next));
    for (const tensor of Object.values(old)) if (!kept.has(tensor)) tensor.dispose();
  }
}
