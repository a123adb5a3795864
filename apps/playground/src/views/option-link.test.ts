import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readOptions, readRules, writeOptions, writeRules } from './option-link.ts';

it('is short, and can be read', () => {
  expect(writeOptions({ base: 5e5, layout: 'half', longFactors: [1, 2.5], width: undefined })).toBe(
    'base:500000,layout:half,longFactors:1|2.5',
  );
  expect(
    writeRules([
      { name: 'temperature', options: { temperature: 0.8 } },
      { name: 'draw', options: {} },
    ]),
  ).toBe('temperature@temperature:0.8/draw');
  expect(readOptions('window:Infinity,nonsense,:3')).toEqual({ window: Infinity });
});

const name = fc.stringMatching(/^[a-z][A-Za-z-]{0,8}$/).filter((each) => each !== '__proto__');
const number = fc.double({ noNaN: true, noDefaultInfinity: false }).map((value) => value + 0);
// a text that looks like a number or a switch is read as one
const word = fc.string().filter((text) => Number.isNaN(Number(text)) && !['true', 'false'].includes(text));
const value = fc.oneof(number, fc.boolean(), word, fc.array(number, { minLength: 2, maxLength: 4 }));
const options = fc.dictionary(name, value, { noNullPrototype: true });

it('reads what it wrote', () => {
  fc.assert(
    fc.property(options, (given) => {
      expect(readOptions(writeOptions(given))).toEqual(given);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ name, options })), (given) => {
      expect(readRules(writeRules(given))).toEqual(given);
    }),
  );
});
