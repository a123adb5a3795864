import type { KernelPlan } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';

interface Form {
  readonly bias: boolean;
  /** One row of x for all ids of it. */
  readonly shared: boolean;
}

const source = sourceOf(
  ({ bias, shared }: Form) => `function (x, weight, ids${bias ? ', bias' : ''}) {
    const id = Math.floor(ids[this.thread.z * this.constants.S + this.thread.y] + 0.5);
    const expert = Math.max(0.0, Math.min(id, this.constants.X - 1));
    const from = this.thread.z${shared ? '' : ' * this.constants.S + this.thread.y'};
    const row = expert * this.constants.O + this.thread.x;
    let sum = ${bias ? 'bias[expert][this.thread.x]' : '0.0'};
    for (let i = 0; i < this.constants.I; i++) sum += x[from][i] * weight[row][i];
    return id === expert ? sum : 0.0;
  }`,
);

/** x `[N, S | 1, I]`, weight `[X · O, I]`, ids `[N, S]`, bias `[X, O]` → `[N, S, O]`; zeros for an id outside */
export function expertLinearPlan(
  { x, weight, ids, bias }: Shapes<'x' | 'weight' | 'ids', 'bias'>,
  { experts: X }: { readonly experts: number },
): KernelPlan {
  const [N, S] = ids.shape as [number, number];
  const [R, I] = weight.shape as [number, number];
  const O = R / X;
  const rows = x.shape[1]!;
  return {
    steps: [
      {
        name: 'y',
        source: source({ bias: bias !== undefined, shared: rows === 1 }),
        constants: { S, X, O, I },
        args: [
          { array: 'x', size: [I, N * rows] },
          { array: 'weight', size: [I, R] },
          'ids',
          ...(bias ? [{ array: 'bias', size: [O, X] } as const] : []),
        ],
        length: N * S * O,
        threads: [O, S, N],
      },
    ],
    outputs: ['y'],
  };
}
