import { DeviceError, keep, ShapeError, sizeOf, Tensor, ValueError, zeros } from '@headwise/tensor';
import { BaseCache } from '../base.ts';
import { checkCount, checkRoom, type Rows } from '../checks.ts';
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
 * The layer computes the next state and hands it over with `advance`, which frees the old one. What was folded
 * in cannot be taken out again: `crop` goes to the present length or to 0.
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
  return new RecurrentCache({ ...options, capacity: options.capacity ?? 1 });
}

class RecurrentCache extends BaseCache {
  readonly kind = 'recurrent';
  readonly #options: CacheOptions;
  #constants: Record<string, Tensor>;

  constructor(options: CacheOptions) {
    super('recurrent', options, ['recurrent']);
    this.#options = options;
    this.#constants = this.#zeros();
  }

  get held(): number {
    return 0;
  }

  override append(): never {
    throw new ValueError(
      'recurrent.append',
      'rows',
      'are not kept by a recurrent layer; use advance',
      'rows',
    );
  }

  override constants(): Rows {
    this.check('constants');
    return this.#constants;
  }

  override checkAppend(tokens: number): void {
    this.check('advance');
    checkRoom('recurrent.advance', tokens, this.seen, this.limit);
  }

  override advance(constants: Rows, tokens: number): void {
    this.check('advance');
    checkCount('recurrent.advance', 'tokens', tokens, 0);
    this.gate?.(tokens);
    this.checkAppend(tokens);
    for (const [name, old] of Object.entries(this.#constants)) this.#checkOne(name, constants[name], old);
    this.#replace(
      Object.fromEntries(Object.keys(this.#constants).map((name) => [name, keep(constants[name]!)])),
    );
    this.#moveTo(this.seen + tokens, this.seen);
  }

  protected put(): never {
    return this.append();
  }

  protected override checkCut(length: number): void {
    if (length === this.seen || length === 0) return;
    throw new ValueError(
      'recurrent.crop',
      'length',
      `must be 0 or ${this.seen}: a recurrent state cannot take tokens out again (clone it before tokens you may take back)`,
      length,
    );
  }

  protected cut(length: number): void {
    if (length > 0) return;
    this.#replace(this.#zeros());
    this.#moveTo(0, 0);
  }

  protected permute(order: readonly number[]): void {
    this.#replace(
      Object.fromEntries(
        Object.entries(this.#constants).map(([name, old]) => {
          const next = keep(zeros(this.device, old.shape));
          const width = old.size / this.B;
          order.forEach((from, b) => {
            next.write(b * width, old, from * width, width);
          });
          return [name, next];
        }),
      ),
    );
  }

  protected copy(): Cache {
    const twin = new RecurrentCache(this.#options);
    for (const [name, tensor] of Object.entries(this.#constants)) twin.#constants[name]!.write(0, tensor);
    twin.#moveTo(this.seen, this.seen);
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

  protected take(snapshot: Snapshot): () => void {
    checkFits(this, snapshot.length, this.limit);
    const host = Object.entries(this.#constants).map(
      ([name, tensor]) => [tensor, floats(snapshot, name, tensor.size)] as const,
    );
    return () => {
      for (const [tensor, values] of host) tensor.write(0, values);
      this.#moveTo(snapshot.length, snapshot.length);
    };
  }

  protected free(): void {
    for (const tensor of Object.values(this.#constants)) tensor.dispose();
  }

  #zeros(): Record<string, Tensor> {
    return Object.fromEntries(
      Object.entries(this.spec.constant).map(([name, shape]) => [
        name,
        keep(zeros(this.device, [this.B, ...shape])),
      ]),
    );
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

  #moveTo(length: number, offset: number): void {
    this.seen = length;
    this.current = { rows: {}, valid: 0, offset };
  }
}
