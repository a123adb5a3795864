import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readLink, readValues, writeLink } from './link.ts';

const defaults = { text: 'a cat', layer: 3, on: false };

it('any state comes back from its link', () => {
  const states = fc.record({
    text: fc.string({ unit: 'grapheme' }),
    layer: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    on: fc.boolean(),
  });
  fc.assert(
    fc.property(states, (state) => {
      const link = readLink(writeLink({ view: 'attention', device: undefined }, state, defaults));
      expect(link.view).toBe('attention');
      expect(readValues(link.values, defaults)).toEqual({ state, problems: [] });
    }),
  );
});

it('is short, and can be read', () => {
  const state = { ...defaults, text: 'one dog, two' };
  expect(writeLink({ view: 'attention', device: 'gpujs:webgpu' }, state, defaults)).toBe(
    '#view=attention&device=gpujs:webgpu&text=one+dog,+two',
  );
  expect(writeLink({ view: 'cache', device: undefined }, defaults, defaults)).toBe('#view=cache');
});

it('says what it does not know, and what is no number', () => {
  const { state, problems } = readValues({ foo: '1', layer: 'many', on: 'yes', text: 'x' }, defaults);
  expect(state).toEqual({ text: 'x', layer: 3, on: false });
  expect(problems).toEqual([
    'The link says “foo”, which this view does not know. It knows view, device, text, layer, on.',
    '“layer” in the link must be a number, it is “many”; it is 3 instead.',
    '“on” in the link must be true or false, it is “yes”; it is false instead.',
  ]);
});
