import { concat, type Device, gather, permute, scope, type Tensor, tensor } from '@headwise/tensor';

/** What the forms of linear attention need, heads first: `G = H / Hkv` query heads read one state, `N = B · Hkv` states. */
export interface HeadsFirst {
  readonly device: Device;
  readonly L: number;
  readonly G: number;
  /** `[N · G, L, D]` */
  readonly q: Tensor;
  /** `[N, L, D]` */
  readonly k: Tensor;
  /** `[N, L, W]`; with a normaliser W is Dv + 1, and the last number of each row is 1 */
  readonly v: Tensor;
  /** `[N, D, W]`; the normaliser is its last column */
  readonly S: Tensor;
}

/**
 * Steps `from … to − 1`, each from the state that the one before leaves: their outputs side by side, and the last
 * state. Halves are joined in scopes, so a few outputs and states are alive at once, and a number is copied log(steps)
 * times.
 */
export function joined(
  from: number,
  to: number,
  S: Tensor,
  step: (n: number, S: Tensor) => { y: Tensor; S: Tensor },
): { y: Tensor; S: Tensor } {
  return scope(() => {
    if (to - from === 1) return step(from, S);
    const middle = Math.ceil((from + to) / 2);
    const left = joined(from, middle, S, step);
    const right = joined(middle, to, left.S, step);
    return { y: concat(left.y, right.y), S: right.S };
  });
}

/** Rows `start … start + count − 1` of each matrix `[N, L, W]`. */
export function rows(x: Tensor, start: number, count: number): Tensor {
  const [N, L, W] = x.shape as [number, number, number];
  if (count === L) return x;
  const ids = Int32Array.from(
    { length: N * count },
    (_, n) => Math.floor(n / count) * L + start + (n % count),
  );
  return gather(x.reshape([N * L, W]), tensor(x.device, ids, [N, count]));
}

/** What a token says, `[B, L, Hkv | 1, width]`, as `[N, L, width]`. */
export function headwise({ device, L, k }: HeadsFirst, x: Tensor): Tensor {
  const N = k.shape[0]!;
  const [B, , heads, width] = x.shape as [number, number, number, number];
  const each = permute(x, [0, 2, 1, 3]);
  if (B * heads === N) return each.reshape([N, L, width]);
  // one number for all heads of a token
  const Hkv = N / B;
  const ids = Int32Array.from({ length: N * L }, (_, n) => Math.floor(n / (Hkv * L)) * L + (n % L));
  return gather(each.reshape([B * L, width]), tensor(device, ids, [N, L]));
}
