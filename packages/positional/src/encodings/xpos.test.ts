import { createPositions, createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/xpos.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { xpos } from './xpos.ts';

checkEncoding(xpos, {
  golden,
  except: {
    'the length of a vector stays, but for the attention factor': 'queries are stretched and keys shrunk',
  },
});

const device = createReference();
const x = seeded<'B L H D'>(device, [1, 1, 1, 8], 1);

it('sees a far key blurred: its fast pairs decay', () => {
  const encoding = xpos({ scaleBase: 64 });
  const { cos: near } = encoding.tables(8, [0], { side: 'q' });
  expect([...near]).toEqual([1, 1, 1, 1]);
  const size = (side: 'q' | 'k', i: number) => {
    const { cos, sin } = encoding.tables(8, [64], { side });
    return Math.hypot(cos[i]!, sin[i]!);
  };
  expect(size('q', 0)).toBeCloseTo(0.4 / 1.4, 12);
  expect(size('q', 0) * size('k', 0)).toBeCloseTo(1, 12);
  expect(size('q', 3)).toBeGreaterThan(size('q', 0));
});

it('refuses positions whose stretch float32 cannot hold', () => {
  const far = createPositions(device, [[30_000]]);
  expect(() => xpos().rotate(x, x, far)).toThrow(
    'xpos: position must lie within 28328 of center = 0, where float32 still holds its stretch; move center towards the middle of the sequence, got 30000',
  );
  expect(() => xpos({ center: 15_000 }).rotate(x, x, far)).not.toThrow();
  expect(() => xpos({ center: 30_000 }).rotate(x, x, far)).toThrow(
    'xpos: center must be at most 28328, for position 0, got 30000',
  );
});

it.each([
  [{ gamma: 0 }, 'xpos: gamma must be a finite number > 0, got 0'],
  [{ scaleBase: -512 }, 'xpos: scaleBase must be a finite number > 0, got -512'],
  [{ center: -1 }, 'xpos: center must be a finite number ≥ 0, got -1'],
  [{ width: 5 }, 'xpos: width must be an even number ≥ 2, since the numbers of a head turn in pairs, got 5'],
])('refuses %o', (options, message) => {
  expect(() => xpos(options)).toThrow(message);
});
