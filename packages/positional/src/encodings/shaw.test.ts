import { createDevice, createReference, type Device } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/shaw.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { shaw } from './shaw.ts';

checkEncoding(shaw, { golden });

const device = createReference();
const make = <Axes extends string>(...shape: number[]) => seeded<Axes>(device, shape, 1);

it('shares the last row among all farther keys', () => {
  const encoding = shaw({ keys: make(5, 4) });
  expect(encoding.clip).toBe(2);
  expect([...encoding.rows(2, 6, 2)]).toEqual([0, 1, 2, 3, 4, 4, 0, 0, 1, 2, 3, 4]);
});

it('refuses tables that do not fit', () => {
  expect(() => shaw({ keys: make(4, 4) })).toThrow(
    'shaw: keys must have an odd number of rows, one for each distance −c … c, got "4 rows"',
  );
  expect(() => shaw({ keys: make(5, 4), values: make(3, 4) })).toThrow(
    'shaw: axis R has two sizes: keys says 5, values says 3',
  );
  const qkv = {
    q: make<'B Lq H D'>(1, 2, 2, 6),
    k: make<'B Lk Hkv D'>(1, 2, 2, 6),
    v: make<'B Lk Hkv Dv'>(1, 2, 2, 6),
  };
  expect(() => shaw({ keys: make(5, 4) }).attend(qkv)).toThrow(
    'shaw-attention: axis D has two sizes: q says 6, relativeKeys says 4',
  );
  const encoding = shaw({ keys: make(5, 6) });
  expect(() => encoding.attend({ ...qkv, k: make(1, 2, 3, 6), v: make(1, 2, 3, 6) })).toThrow(
    'shaw-attention: H = 2 query heads cannot be split into Hkv = 3 groups',
  );
  expect(() => encoding.attend(qkv, { valid: 3 })).toThrow(
    'shaw-attention: valid must be a whole number from 0 to Lk = 2, got 3',
  );
  expect(() => encoding.attend(qkv, { causal: { offset: -1 } })).toThrow(
    'shaw-attention: causal.offset must be a whole number ≥ 0, got -1',
  );
  expect(() => encoding.attend(qkv, { scale: Number.NaN })).toThrow(
    'shaw-attention: scale must be a finite number, got NaN',
  );
});

it.each(['gpujs:cpu', 'gpujs:webasm'])(
  'computes on %s what the reference does, at sizes that divide nothing',
  async (name) => {
    const compute = async (on: Device) => {
      const of = <Axes extends string>(seed: number, ...shape: number[]) => seeded<Axes>(on, shape, seed);
      const encoding = shaw({ keys: of<'R D'>(1, 15, 17), values: of<'R Dv'>(2, 15, 13) });
      const given = {
        q: of<'B Lq H D'>(3, 3, 21, 6, 17),
        k: of<'B Lk Hkv D'>(4, 3, 67, 2, 17),
        v: of<'B Lk Hkv Dv'>(5, 3, 67, 2, 13),
      };
      const { out, weights } = encoding.attendWithWeights(given, { causal: { offset: 40 }, valid: 61 });
      return [await out.data(), await weights.data()] as const;
    };
    const other = await createDevice(name);
    const [got, want] = [await compute(other), await compute(device)];
    assertClose(got[0], want[0], { atol: 2e-6, rtol: 2e-6 });
    assertClose(got[1], want[1], { atol: 2e-6, rtol: 2e-6 });
    other.dispose();
  },
);
