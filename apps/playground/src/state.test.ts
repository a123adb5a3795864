import { expect, it } from 'vitest';
import { readState, writeState } from './state.ts';

it('opens what a link says', () => {
  expect(readState('#profile=ci&devices=gpujs:webgpu,gpujs:cpu&variants=a')).toEqual({
    profile: 'ci',
    devices: ['gpujs:webgpu', 'gpujs:cpu'],
    variants: ['a'],
  });
  expect(readState('')).toEqual({ profile: 'quick', devices: [], variants: [] });
});

it.each([
  { profile: 'quick', devices: [], variants: [] },
  { profile: 'full', devices: ['gpujs:webasm'], variants: ['one', 'a&b=c#d'] },
])('writes %o so that it reads the same', (state) => {
  expect(readState(writeState(state))).toEqual(state);
});

it('keeps links readable', () => {
  expect(writeState({ profile: 'quick', devices: ['gpujs:webgpu', 'gpujs:cpu'], variants: [] })).toBe(
    '#profile=quick&devices=gpujs:webgpu,gpujs:cpu',
  );
});
