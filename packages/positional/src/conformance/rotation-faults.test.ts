import { keep, type Positions, stopGradient, zeros } from '@headwise/tensor';
import dynamicGolden from '../../golden/dynamic-ntk.json' with { type: 'json' };
import rotaryGolden from '../../golden/rotary.json' with { type: 'json' };
import yarnGolden from '../../golden/yarn.json' with { type: 'json' };
import type { RotaryEncoding } from '../contract.ts';
import { type DynamicNtkOptions, dynamicNtk } from '../encodings/dynamic-ntk.ts';
import { type RotaryOptions, rotary } from '../encodings/rotary.ts';
import { type YarnOptions, yarn } from '../encodings/yarn.ts';
import { createRotation, inverseFrequencies } from '../rotation.ts';
import type { GoldenFile } from './golden.ts';
import type { EncodingMaker } from './index.ts';
import { checkFaults, firstRow, mapPositions } from './planted.ts';
import { rotationLaws } from './rotation-laws.ts';

/** A right rotation with some methods of its own. */
function spoilRotation(real: RotaryEncoding, over: Partial<RotaryEncoding>): RotaryEncoding {
  return {
    kind: 'rotation',
    name: real.name,
    layout: real.layout,
    dependsOnLength: real.dependsOnLength,
    spectrum: (D, length) => real.spectrum(D, length),
    tables: (D, positions, options) => real.tables(D, positions, options),
    rotate: (q, k, positions, keyPositions) => real.rotate(q, k, positions, keyPositions),
    turn: (x, positions, side) => real.turn(x, positions, side),
    reserve: (device, end, D) => real.reserve?.(device, end, D),
    dispose: () => real.dispose(),
    [Symbol.dispose]: () => real.dispose(),
    ...over,
  };
}

/** Every call at other positions than asked for. */
function misplace(real: RotaryEncoding, move: (positions: Positions) => Positions): RotaryEncoding {
  return spoilRotation(real, {
    rotate: (q, k, positions, keyPositions = positions) =>
      real.rotate(q, k, move(positions), move(keyPositions)),
    turn: (x, positions, side) => real.turn(x, move(positions), side),
  });
}

function growsNoMore(real: RotaryEncoding): RotaryEncoding {
  let rows: number | undefined;
  return misplace(real, (positions) => {
    rows ??= positions.end;
    return mapPositions(positions, (p) => Math.min(p, rows! - 1));
  });
}

const rotations: Record<string, [EncodingMaker, GoldenFile]> = {
  'lets no gradient of keys pass': [
    (options: RotaryOptions) => {
      const real = rotary(options);
      return spoilRotation(real, {
        rotate: (q, k, positions, keyPositions) => real.rotate(q, stopGradient(k), positions, keyPositions),
      });
    },
    rotaryGolden,
  ],
  'turns the other way': [
    ({ base = 1e4, ...options }: RotaryOptions) =>
      spoilRotation(
        createRotation(
          { name: 'rotary', frequencies: (R) => inverseFrequencies(base, R).map((f) => -f) },
          options,
        ),
        { spectrum: (D, length) => rotary({ base, ...options }).spectrum(D, length) },
      ),
    rotaryGolden,
  ],
  'has exponents of i instead of 2i': [
    ({ base = 1e4, ...options }: RotaryOptions) =>
      createRotation({ name: 'rotary', frequencies: (R) => inverseFrequencies(Math.sqrt(base), R) }, options),
    rotaryGolden,
  ],
  'ignores the layout': [({ layout: _, ...options }: RotaryOptions) => rotary(options), rotaryGolden],
  'ignores the base': [({ base: _, ...options }: RotaryOptions) => rotary(options), rotaryGolden],
  'turns the whole head': [({ base, layout }: RotaryOptions) => rotary({ base, layout }), rotaryGolden],
  'reads the first row of positions for all': [
    (options: RotaryOptions) => misplace(rotary(options), firstRow),
    rotaryGolden,
  ],
  'is one position off': [
    (options: RotaryOptions) =>
      misplace(rotary(options), (positions) => mapPositions(positions, (p) => p + 1)),
    rotaryGolden,
  ],
  'counts from the start of a chunk': [
    (options: RotaryOptions) =>
      misplace(rotary(options), (positions) =>
        mapPositions(positions, (p) => p - Math.min(...positions.host)),
      ),
    rotaryGolden,
  ],
  'leaves keys unturned': [
    (options: RotaryOptions) => {
      const real = rotary(options);
      return spoilRotation(real, {
        rotate: (q, k, positions) => ({ q: real.rotate(q, k, positions).q, k: k.reshape(k.shape) }),
      });
    },
    rotaryGolden,
  ],
  'turns keys at the positions of queries': [
    (options: RotaryOptions) => {
      const real = rotary(options);
      return spoilRotation(real, {
        rotate: (q, k, positions, keys = positions) => ({
          q: real.turn(q, positions, 'q'),
          k: real.turn(
            k,
            mapPositions(keys, (_, n) => positions.host[n % positions.host.length]!),
            'k',
          ),
        }),
      });
    },
    rotaryGolden,
  ],
  'sharpens queries but not keys': [
    (options: YarnOptions) => {
      const [real, blunt] = [yarn(options), yarn({ ...options, attentionFactor: 1 })];
      return spoilRotation(real, {
        rotate: (q, k, positions, keys) => ({
          q: real.rotate(q, k, positions, keys).q,
          k: blunt.rotate(q, k, positions, keys).k,
        }),
      });
    },
    yarnGolden,
  ],
  'slows all pairs': [
    ({ factor, base = 1e4, fraction, layout, attentionFactor }: YarnOptions) =>
      createRotation(
        {
          name: 'yarn',
          frequencies: (R) => inverseFrequencies(base, R).map((f) => f / factor),
          attentionFactor: attentionFactor ?? 0.1 * Math.log(factor) + 1,
        },
        { base, fraction, layout },
      ),
    yarnGolden,
  ],
  'shows other tables than it turns by': [
    (options: RotaryOptions) =>
      spoilRotation(rotary(options), {
        tables: (D, positions, tableOptions) =>
          rotary({ ...options, base: 500 }).tables(D, positions, tableOptions),
      }),
    rotaryGolden,
  ],
  'keeps the table of the first call': [
    (options: RotaryOptions) => growsNoMore(rotary(options)),
    rotaryGolden,
  ],
  'does not free its tables': [
    (options: RotaryOptions) => spoilRotation(rotary(options), { dispose: () => undefined }),
    rotaryGolden,
  ],
  'takes a negative position for 0': [
    (options: RotaryOptions) =>
      misplace(rotary(options), (positions) => mapPositions(positions, (p) => Math.max(0, p))),
    rotaryGolden,
  ],
  'takes the longest row for all': [
    (options: DynamicNtkOptions) =>
      misplace(dynamicNtk(options), (positions) => ({
        ...positions,
        ends: positions.ends.map(() => positions.end),
      })),
    dynamicGolden,
  ],
  'makes a table that it does not free': [
    (options: RotaryOptions) =>
      spoilRotation(rotary(options), {
        reserve: (device) => void keep(zeros(device, [2])),
      }),
    rotaryGolden,
  ],
  'hides that it depends on the length': [
    (options: DynamicNtkOptions) => spoilRotation(dynamicNtk(options), { dependsOnLength: undefined }),
    dynamicGolden,
  ],
  'does not turn kept keys again': [
    (options: DynamicNtkOptions) => {
      const real = dynamicNtk(options);
      const rule = real.dependsOnLength;
      return spoilRotation(real, {
        dependsOnLength: rule && { ...rule, turnAgain: (k) => k.reshape(k.shape) },
      });
    },
    dynamicGolden,
  ],
  'stretches queries with their position': [
    (options: RotaryOptions) =>
      createRotation(
        {
          name: 'rotary',
          frequencies: (R) => inverseFrequencies(options.base ?? 1e4, R),
          stretch: (side, position) => (side === 'q' ? 1 + position / 100 : 1),
        },
        options,
      ),
    rotaryGolden,
  ],
};

checkFaults(rotations, rotationLaws);
