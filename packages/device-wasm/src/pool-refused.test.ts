import { beforeEach, expect, it } from 'vitest';
import type { Helper } from './helper.ts';
import { Pool } from './pool.ts';

/** Threads that the runtime does not give. */
const refused = new Set<number>();
const stopped: number[] = [];
async function startHelper(_bell: Int32Array, thread: number): Promise<Helper> {
  if (refused.has(thread)) throw new Error('no worker');
  return { thread, post: () => {}, lives: () => true, stop: () => void stopped.push(thread) };
}
beforeEach(() => {
  refused.clear();
  stopped.length = 0;
});

it.each([
  [[1], 0, [2, 3, 4]],
  [[2], 1, [3, 4]],
  [[2, 4], 1, [3]],
  [[4], 3, []],
  [[], 4, []],
])(
  'of four helpers without %j it keeps %i, without a gap, and ends the others',
  async (missing, kept, ended) => {
    for (const thread of missing) refused.add(thread);
    const pool = new Pool(startHelper);
    expect(await pool.ensure(4)).toBe(kept);
    expect(stopped).toEqual(ended);
    // asked again, it has what it can get now
    refused.clear();
    expect(await pool.ensure(4)).toBe(4);
    expect(await pool.ensure(2)).toBe(4);
  },
);
