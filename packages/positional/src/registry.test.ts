import { createReference, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { expect, it } from 'vitest';
import type { AnyEncoding, RotaryEncoding } from './contract.ts';
import { type EncodingName, encodings } from './registry.ts';

const device = createReference();
const zeros = (...shape: number[]): Tensor =>
  tensor(device, new Float32Array(shape.reduce((a, b) => a * b)), shape);

/** What cannot be left out. */
const required: Readonly<Partial<Record<EncodingName, object>>> = {
  linear: { factor: 2 },
  'ntk-aware': { factor: 2 },
  'dynamic-ntk': { factor: 2, originalLength: 64 },
  yarn: { factor: 2, originalLength: 64 },
  longrope: { shortFactors: [1, 1, 1, 1], longFactors: [2, 2, 2, 2], originalLength: 64 },
  llama3: { factor: 2, originalLength: 64 },
  learned: { table: zeros(4, 2) },
  t5: { table: zeros(32, 2) },
  shaw: { keys: zeros(5, 2) },
};
const all = Object.entries(encodings) as [EncodingName, (typeof encodings)[EncodingName]][];
const make = (name: EncodingName, options: object = {}) =>
  (encodings[name] as (options: object) => AnyEncoding)({ ...required[name], ...options });

it.each(all)('%s says what it is', (name, { about }) => {
  const encoding = make(name);
  expect(encoding.name).toBe(name);
  expect(encoding.kind).toBe(about.kind);
  expect(about.dependsOnLength ?? false).toBe((encoding as RotaryEncoding).dependsOnLength !== undefined);
  expect(about.paper.arxiv ?? about.paper.url).toBeTruthy();
});

it.each(all)('%s has the defaults it says it has', async (name, { defaults }) => {
  const said = Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined));
  for (const key of Object.keys(required[name] ?? {})) expect(Object.keys(defaults)).toContain(key);
  expect(await story(make(name, said))).toEqual(await story(make(name)));
});

it.each(all)('%s refuses an option it does not know', (name, { defaults }) => {
  const known = Object.keys(defaults).join(', ') || 'none';
  expect(() => make(name, { theta: 5e5 })).toThrow(ValueError);
  expect(() => make(name, { theta: 5e5 })).toThrow(`${name}: options must be among ${known}, got "theta"`);
});

it('refuses what is no tensor, no options and no positions', () => {
  const none = undefined as never;
  const x = zeros(1, 2, 2, 4);
  const { rotary, learned, sinusoidal, t5, shaw, alibi } = encodings;
  expect(() => rotary(null as never)).toThrow('rotary: options must be an object, got null');
  expect(() => rotary({ fraction: '0.5' as never })).toThrow('rotary: fraction must be in (0, 1]');
  expect(() => rotary().rotate(x, none, none)).toThrow('rotary: k must be a tensor, got undefined');
  expect(() => rotary().rotate(x, x, none)).toThrow(
    'rotary: positions must come from createPositions, got undefined',
  );
  expect(() => rotary().turn(none, none, 'q')).toThrow('rotary: x must be a tensor, got undefined');
  expect(() => sinusoidal().encode(zeros(1, 2, 4), none)).toThrow(
    'sinusoidal: positions must come from createPositions',
  );
  expect(() => learned({ table: none })).toThrow('learned: table must be a tensor, got undefined');
  expect(() => learned({ table: zeros(4, 2) }).encode(none, none)).toThrow(
    'learned: x must be a tensor, got undefined',
  );
  expect(() => t5({ table: [[1, 2]] as never })).toThrow('t5: table must be a tensor');
  expect(() => shaw({ keys: none })).toThrow('shaw: keys must be a tensor, got undefined');
  expect(() => shaw({ keys: zeros(5, 4) }).attend({ q: x, k: none, v: x })).toThrow(
    'shaw: k must be a tensor, got undefined',
  );
  expect(() => alibi({ slopes: 2 as never })).toThrow('alibi: slopes must be a list of numbers, got 2');
});

/** Everything that options can change. */
async function story(encoding: AnyEncoding): Promise<unknown> {
  if (encoding.kind === 'rotation')
    return [
      encoding.layout,
      encoding.spectrum(8, 99),
      encoding.tables(8, [0, 9, 98], { side: 'k' }),
      encoding.dependsOnLength?.boundary,
    ];
  if (encoding.kind === 'bias') return await encoding.matrix(2, 3, 40);
  if (encoding.kind === 'input') return await encoding.rows(2, [0, 3]);
  return encoding.kind;
}
