import { expect, it } from 'vitest';
import { SamplingError } from '../errors.ts';
import type { RandomState } from './contract.ts';
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

it.each([
  ['constructor', []],
  ['toString', []],
  ['__proto__', [1]],
  ['xorshift64*', ['abc']],
  ['xorshift64*', ['0x10']],
  ['xorshift64*', [1.5]],
  ['xorshift64*', [{}]],
  ['xorshift64*', []],
  ['xoshiro128**', ['1', 2, 3]],
  ['replay', ['a']],
])('refuses to go on from %s with the words %j', (algorithm, words) => {
  const state = { algorithm, words } as RandomState;
  expect(() => restoreRandom(state)).toThrow(SamplingError);
});

it('refuses a number outside [0, 1)', () => {
  expect(() => createReplay([0.5, 1])).toThrow('replay: uniforms[1] must be in [0, 1), got 1');
  expect(() => createReplay([Number.NaN])).toThrow('replay: uniforms[0] must be in [0, 1), got NaN');
});
