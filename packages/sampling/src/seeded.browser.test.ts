import { expect, it } from 'vitest';
import { seededRun, wantedRun } from './testing/seeded-run.ts';

it('gives the same tokens for the same seed in a browser as anywhere', () => {
  expect(seededRun()).toEqual(wantedRun);
});
