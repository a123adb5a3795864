import { sizeOf } from '../../../axes.ts';
import type { KernelPlan } from '../plan.ts';
import type { Shapes } from '../source.ts';

const gatherSource = `function (table, ids) {
    const id = Math.floor(ids[this.thread.y] + 0.5);
    const row = Math.max(0.0, Math.min(id, this.constants.V - 1));
    const value = table[row][this.thread.x];
    return id === row ? value : 0.0;
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
        constants: { V },
        args: [{ array: 'table', size: [E, V] }, 'ids'],
        length: N * E,
        threads: [E, N],
      },
    ],
    outputs: ['y'],
  };
}
