import { expect, it } from 'vitest';
import { createReplay } from './replay.ts';
import { restoreRandom } from './restore.ts';

it('gives what it was given, and says when it is used up', () => {
  const random = createReplay([0.25, 0.5]);
  expect(random.next()).toBe(0.25);
  expect(restoreRandom(random.state()).next()).toBe(0.5);
  expect(random.clone().next()).toBe(0.5);
  expect(random.next()).toBe(0.5);
  expect(() => random.next()).toThrow('replay: all 2 numbers are used up; give more of them');
});

it('refuses a number outside [0, 1)', () => {
  expect(() => createReplay([0.5, 1])).toThrow('replay: uniforms[1] must be in [0, 1), got 1');
  expect(() => createReplay([Number.NaN])).toThrow('replay: uniforms[0] must be in [0, 1), got NaN');
});
