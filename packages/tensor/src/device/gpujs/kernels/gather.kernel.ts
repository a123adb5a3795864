import { sizeOf } from '../../../axes.ts';
import type { KernelPlan } from '../plan.ts';
import type { Shapes } from '../source.ts';

const gatherSource = `function (table, ids) {
    const id = Math.floor(ids[this.thread.y]);
    let y = 0.0;
    if (id >= 0) {
      if (id < this.constants.V) {
        y = table[id * this.constants.E + this.thread.x];
      }
    }
    return y;
  }`;

/** table `[V, E]`, ids `[...]` → `[..., E]`; zeros for an id outside */
export function gatherPlan({ table, ids }: Shapes<'table' | 'ids'>): KernelPlan {
  const [V, E] = table.shape as [number, number];
  const N = sizeOf(ids.shape);
  return {
    steps: [
      {
        name: 'y',
        source: gatherSource,
        constants: { V, E },
        args: ['table', 'ids'],
        length: N * E,
        threads: [E, N],
      },
    ],
    outputs: ['y'],
  };
}
