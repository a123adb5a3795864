import { appendFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';

/** Which changes a file of tests could notice: the copy that is probed calls `reached` where they would be. */
const seen = new Set<number>();
Object.assign(globalThis, { reached: (n: number) => seen.add(n) });

afterAll(() => {
  const line = JSON.stringify([expect.getState().testPath, [...seen]]);
  appendFileSync(process.env.HEADWISE_REACHED!, `${line}\n`);
});
