import { sizeOf } from '../axes.ts';
import type { LayerSpec, Pool, PooledRow } from '../contracts/state.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { gather } from '../ops/gather.ts';
import { type Tensor, tensor } from '../tensor.ts';

/**
 * How many pooled rows there are of so many tokens: those whose last token is there. Never throws.
 *
 * @example
 * pooledCount({ of: 'k', row: [2, 64], every: 16, over: 32 }, 48); // 2: of tokens 0 to 31 and 16 to 47
 */
export function pooledCount({ every, over = every }: PooledRow, tokens: number): number {
  return Math.max(0, Math.floor((tokens - over) / every) + 1);
}

/** @throws {ValueError} unless an append to a state that pools brings the function for it, and no other does. */
export function checkPool(op: string, { pooled }: LayerSpec, pool: Pool | undefined): void {
  if ((pool === undefined) === (pooled === undefined)) return;
  const names = Object.keys(pooled ?? {}).join(', ');
  const rule = pooled
    ? `must be the function that makes ${names} of the rows of tokens`
    : 'must be left out: this state pools no rows';
  throw new ValueError(op, 'pool', rule, pool);
}

/**
 * Pooled rows of some tokens, for states that keep them.
 *
 * @param tokens `[B, L, ...row]`, of the name that the pooled row is made of
 * @param slots for each pooled row its tokens as rows of `[B · L]`, `[N · over]`; −1 for none, which is a row of zeros
 * @returns `[N, ...pooled row]`
 * @throws {ShapeError} if `pool` gives rows of another shape.
 */
export function poolRows(
  op: string,
  { rows, pooled }: LayerSpec,
  name: string,
  tokens: Tensor,
  slots: Int32Array,
  pool: Pool,
): Tensor {
  const { of, row, every, over = every } = pooled![name]!;
  const N = slots.length / over;
  const size = rows[of]!;
  const [B, L] = tokens.shape as [number, number];
  const ids = tensor(tokens.device, slots, [N, over]);
  const found = gather(tokens.reshape([B * L, sizeOf(size)]), ids);
  const made = pool(name, found.reshape([N, over, ...size]));
  if (String(made.shape) !== String([N, ...row])) {
    const shapes = [{ name, axes: ['N', ...row.map(() => '…')], shape: made.shape }];
    throw new ShapeError(op, `pool must give ${name} as [${[N, ...row].join(', ')}]`, shapes);
  }
  return made;
}
