import { createReference, type Positions, stopGradient, type Tensor, tensor } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import alibiGolden from '../../golden/alibi.json' with { type: 'json' };
import learnedGolden from '../../golden/learned.json' with { type: 'json' };
import noneGolden from '../../golden/none.json' with { type: 'json' };
import rotaryGolden from '../../golden/rotary.json' with { type: 'json' };
import shawGolden from '../../golden/shaw.json' with { type: 'json' };
import sinusoidalGolden from '../../golden/sinusoidal.json' with { type: 'json' };
import t5Golden from '../../golden/t5.json' with { type: 'json' };
import type { RelativeAttention, ScoreBias, TableEncoding } from '../contract.ts';
import { type AlibiOptions, alibi, alibiMatrix } from '../encodings/alibi.ts';
import { type LearnedOptions, learned } from '../encodings/learned.ts';
import { rotary } from '../encodings/rotary.ts';
import { type ShawOptions, shaw } from '../encodings/shaw.ts';
import { type SinusoidalOptions, sinusoidal } from '../encodings/sinusoidal.ts';
import { type T5Options, t5 } from '../encodings/t5.ts';
import { attentionLaws } from './attention-laws.ts';
import { biasLaws } from './bias-laws.ts';
import type { GoldenFile } from './golden.ts';
import { checkEncoding, type EncodingMaker, findFaults } from './index.ts';
import { inputLaws } from './input-laws.ts';
import { checkFaults, firstRow, mapPositions } from './planted.ts';

function spoilBias(real: ScoreBias, over: Partial<ScoreBias>): ScoreBias {
  return {
    kind: 'bias',
    name: real.name,
    bias: (...call) => real.bias(...call),
    matrix: (...call) => real.matrix(...call),
    dispose: () => real.dispose(),
    [Symbol.dispose]: () => real.dispose(),
    ...over,
  };
}

const GRADIENT = 'keeps the gradient of its table to itself';

const biases: Record<string, [EncodingMaker, GoldenFile]> = {
  [GRADIENT]: [
    ({ table, ...options }: T5Options) => t5({ ...options, table: stopGradient(table) }),
    t5Golden,
  ],
  'has slopes for powers of two only': [
    ({ maxBias = 8, slopes }: AlibiOptions) => {
      const slopesOf = (H: number) =>
        alibi({ slopes: slopes ?? Array.from({ length: H }, (_, h) => 2 ** ((-maxBias * (h + 1)) / H)) });
      return spoilBias(alibi(), {
        bias: (device, H, ...rest) => slopesOf(H).bias(device, H, ...rest),
        matrix: (H, ...rest) => slopesOf(H).matrix(H, ...rest),
      });
    },
    alibiGolden,
  ],
  'rewards distance': [
    (options: AlibiOptions) =>
      spoilBias(alibi(options), {
        matrix: async (...call) => (await alibi(options).matrix(...call)).map((value) => -value),
      }),
    alibiGolden,
  ],
  'counts from the first key instead of the query': [
    (options: AlibiOptions) =>
      spoilBias(alibi(options), {
        matrix: async (H, Lq, Lk, offset) =>
          (await alibi(options).matrix(H, Lq, Lk, offset)).map((value, n) => value - (n % Lk)),
      }),
    alibiGolden,
  ],
  'counts queries from 0': [
    (options: AlibiOptions) =>
      spoilBias(alibi(options), { matrix: (H, Lq, Lk) => alibi(options).matrix(H, Lq, Lk, 0) }),
    alibiGolden,
  ],
  'shows another matrix than its slopes': [
    (options: AlibiOptions) =>
      spoilBias(alibi(options), {
        matrix: async (H, Lq, Lk, offset) => alibiMatrix(Array(H).fill(0.1), Lq, Lk, offset),
      }),
    alibiGolden,
  ],
  'does not free its slopes': [
    (options: AlibiOptions) => spoilBias(alibi(options), { dispose: () => undefined }),
    alibiGolden,
  ],
  'sees the wrong way': [
    (options: T5Options) => {
      const real = t5(options);
      return spoilBias(real, {
        bias: (device, H, Lq, Lk, offset) => real.bias(device, H, Lq, Lk, Math.max(0, Lk - Lq - offset)),
      });
    },
    t5Golden,
  ],
  'forgets the offset': [
    (options: T5Options) => {
      const real = t5(options);
      return spoilBias(real, { bias: (device, H, Lq, Lk, _, at) => real.bias(device, H, Lq, Lk, 0, at) });
    },
    t5Golden,
  ],
  'forgets the positions it is given': [
    (options: T5Options) => {
      const real = t5(options);
      return spoilBias(real, { bias: (device, H, Lq, Lk, offset) => real.bias(device, H, Lq, Lk, offset) });
    },
    t5Golden,
  ],
  'takes an encoder for a decoder': [({ bidirectional: _, ...options }: T5Options) => t5(options), t5Golden],
  'has its own largest distance': [
    ({ maxDistance: _, ...options }: T5Options) => t5({ ...options, maxDistance: 500 }),
    t5Golden,
  ],
};

function spoilInput(real: TableEncoding, over: Partial<TableEncoding>): TableEncoding {
  return {
    kind: 'input',
    name: real.name,
    encode: (x, positions) => real.encode(x, positions),
    rows: (E, positions) => real.rows(E, positions),
    dispose: () => real.dispose(),
    [Symbol.dispose]: () => real.dispose(),
    ...over,
  };
}

const spoilEncode = (real: TableEncoding, move: (positions: Positions) => Positions): TableEncoding =>
  spoilInput(real, { encode: (x, positions) => real.encode(x, move(positions)) });

const inputs: Record<string, [EncodingMaker, GoldenFile]> = {
  [GRADIENT]: [
    ({ table, ...options }: LearnedOptions) => learned({ ...options, table: stopGradient(table) }),
    learnedGolden,
  ],
  'swaps the layouts': [
    ({ layout, ...options }: SinusoidalOptions) =>
      sinusoidal({ ...options, layout: layout === 'half' ? 'interleaved' : 'half' }),
    sinusoidalGolden,
  ],
  'ignores the spacing': [
    ({ spacing: _, ...options }: SinusoidalOptions) => sinusoidal(options),
    sinusoidalGolden,
  ],
  'ignores the offset': [({ offset: _, ...options }: LearnedOptions) => learned(options), learnedGolden],
  'counts from the start of a chunk': [
    (options: SinusoidalOptions) =>
      spoilEncode(sinusoidal(options), (positions) =>
        mapPositions(positions, (p) => p - Math.min(...positions.host)),
      ),
    sinusoidalGolden,
  ],
  'reads the first row of positions for all': [
    (options: LearnedOptions) => spoilEncode(learned(options), firstRow),
    learnedGolden,
  ],
  'forgets the embedding': [
    (options: SinusoidalOptions) => {
      const real = sinusoidal(options);
      return spoilInput(real, {
        encode: (x, positions) => real.encode(tensor(x.device, new Float32Array(x.size), x.shape), positions),
      });
    },
    sinusoidalGolden,
  ],
  'does not free its table': [
    (options: SinusoidalOptions) => spoilInput(sinusoidal(options), { dispose: () => undefined }),
    sinusoidalGolden,
  ],
};

function spoilAttention(
  real: RelativeAttention,
  attendWithWeights: RelativeAttention['attendWithWeights'],
): RelativeAttention {
  return { ...real, attendWithWeights, attend: (given, options) => attendWithWeights(given, options).out };
}

/** The table with its rows moved, last row kept. */
const rolled = (values: Tensor, golden: GoldenFile, name: string): Tensor => {
  const one = golden.cases.find(({ weights }) => weights?.[name]?.shape[0] === values.shape[0])!;
  const { data, shape } = one.weights![name]!;
  return tensor(values.device, [...data.slice(shape[1]), ...data.slice(-shape[1]!)], shape);
};

const attentions: Record<string, [EncodingMaker, GoldenFile]> = {
  [GRADIENT]: [
    ({ keys, ...options }: ShawOptions) => shaw({ ...options, keys: stopGradient(keys) }),
    shawGolden,
  ],
  'is a row off': [
    ({ keys, ...rest }: ShawOptions) => shaw({ ...rest, keys: rolled(keys, shawGolden, 'keys') }),
    shawGolden,
  ],
  'forgets the values': [({ keys }: ShawOptions) => shaw({ keys }), shawGolden],
  'forgets the offset': [
    (options: ShawOptions) => {
      const real = shaw(options);
      return spoilAttention(real, (given, call = {}) =>
        real.attendWithWeights(given, {
          ...call,
          causal: call.causal !== undefined && call.causal !== false,
        }),
      );
    },
    shawGolden,
  ],
  'forgets the positions it is given': [
    (options: ShawOptions) => {
      const real = shaw(options);
      return spoilAttention(real, ({ q, k, v }, call) => real.attendWithWeights({ q, k, v }, call));
    },
    shawGolden,
  ],
  'sees absolute positions': [
    (options: ShawOptions) => {
      const real = shaw(options);
      return spoilAttention(real, ({ queryPositions, keyPositions, ...given }, call) =>
        real.attendWithWeights({ ...given, keyPositions: queryPositions && keyPositions }, call),
      );
    },
    shawGolden,
  ],
  'sees keys past the valid ones': [
    (options: ShawOptions) => {
      const real = shaw(options);
      return spoilAttention(real, (given, { valid: _, ...call } = {}) => real.attendWithWeights(given, call));
    },
    shawGolden,
  ],
  'leaves something behind': [
    (options: ShawOptions) => {
      const real = shaw(options);
      const kept: Tensor[] = [];
      return spoilAttention(real, (given, call) => {
        kept.push(tensor(given.q.device, [1], [1]));
        return real.attendWithWeights(given, call);
      });
    },
    shawGolden,
  ],
  'scales by its own measure': [
    (options: ShawOptions) => {
      const real = shaw(options);
      return spoilAttention(real, (given, call = {}) =>
        real.attendWithWeights(given, { ...call, scale: 2 * (call.scale ?? 0.5) }),
      );
    },
    shawGolden,
  ],
};

describe('biases', () => checkFaults(biases, biasLaws));
describe('inputs', () => checkFaults(inputs, inputLaws));
describe('attention', () => checkFaults(attentions, attentionLaws));

it('finds what is added to no encoding', async () => {
  const faults = await findFaults(
    () => ({ kind: 'none', name: 'none', bias: 1 }) as never,
    noneGolden,
    createReference(),
  );
  expect(faults).toEqual(['golden cases: causal attention alone: has more than a kind and a name']);
});

it('finds nothing in a right encoding', async () => {
  expect(await findFaults(rotary, rotaryGolden, createReference())).toEqual([]);
});

it('demands golden cases, and exceptions that name a law', () => {
  expect(() => checkEncoding(rotary, { golden: { source: 'nobody', cases: [] } })).toThrow(
    'the golden file has no case: laws alone do not see a wrong sign or base',
  );
  expect(() => checkEncoding(rotary, { golden: rotaryGolden, except: { 'is fast': 'no' } })).toThrow(
    'no such law: is fast; the laws are golden cases, scores depend',
  );
});
