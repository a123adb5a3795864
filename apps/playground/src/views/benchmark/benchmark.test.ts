import { describe, expect, it } from 'vitest';
import { hintOf, readChoices, toggled, usualDevices } from './model.ts';

const known = {
  profiles: ['quick', 'ci'],
  devices: ['wasm', 'gpujs:cpu', 'gpujs:webgpu'],
  variants: ['a', 'b', 'c'],
};
const none = { profile: 'quick', devices: '', variants: '' };

describe('a link', () => {
  it('that says nothing asks for the usual', () => {
    expect(readChoices(none, known, ['wasm'])).toEqual({
      choices: { profile: 'quick', devices: ['wasm'], variants: ['a', 'b', 'c'] },
      problems: [],
    });
  });

  it('names devices and variants, in any order', () => {
    const { choices, problems } = readChoices(
      { profile: 'ci', devices: 'gpujs:webgpu,wasm', variants: 'c,a' },
      known,
      ['wasm'],
    );
    expect(problems).toEqual([]);
    expect(choices).toEqual({ profile: 'ci', devices: ['wasm', 'gpujs:webgpu'], variants: ['a', 'c'] });
  });

  it('with unknown names says so, and keeps what is known', () => {
    const { choices, problems } = readChoices(
      { profile: 'slow', devices: 'cuda', variants: 'b,x,y' },
      known,
      ['wasm'],
    );
    expect(choices).toEqual({ profile: 'quick', devices: ['wasm'], variants: ['b'] });
    expect(problems).toEqual([
      'The link names devices that there are not: cuda. There are wasm, gpujs:cpu, gpujs:webgpu.',
      'The link names variants that there are not: x, y. There are a, b, c.',
      'There is no profile “slow”; there are quick, ci.',
    ]);
  });
});

it('a box that is ticked changes the link, and the usual choice leaves it short', () => {
  expect(toggled(['a', 'b', 'c'], 'b', known.variants, known.variants)).toBe('a,c');
  expect(toggled(['a', 'c'], 'b', known.variants, known.variants)).toBe('');
  expect(toggled(['a'], 'a', known.variants, known.variants)).toBe('');
});

it('takes what seems to be there, and neither emulated GPUs nor the plain CPU', () => {
  const real = hintOf('gpujs:webgpu', 'apple metal-3', false, '');
  const software = hintOf('gpujs:webgpu', 'google swiftshader', false, '');
  const missing = hintOf('gpujs:webgpu', undefined, false, 'not here: no WebGPU');
  expect(real).toEqual({ device: 'gpujs:webgpu', emulated: false, note: 'apple metal-3' });
  expect(software.note).toBe('google swiftshader: emulated by the CPU, its times say nothing about a GPU');
  expect(usualDevices(known.devices, [real])).toEqual(['wasm', 'gpujs:webgpu']);
  for (const hint of [software, missing, hintOf('gpujs:webgpu', '', true, '')])
    expect(usualDevices(known.devices, [hint])).toEqual(['wasm']);
  expect(usualDevices(['gpujs:cpu'], [])).toEqual(['gpujs:cpu']);
});
