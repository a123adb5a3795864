import { expect, it } from 'vitest';
import golden from '../../golden/grouped-query.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { groupedQuery } from './grouped-query.ts';

checkVariant(groupedQuery, { golden, options: { Hkv: 2 } });

it('has H / 4 key/value heads unless told, and 1 where 4 does not divide H', () => {
  const heads = (H: number) =>
    groupedQuery.kv({ E: 8, H, D: 2, layers: 1 }, groupedQuery.defaults, 0).rows.k![0];
  expect([8, 32, 4, 6, 1].map(heads)).toEqual([2, 8, 1, 1, 1]);
});

it('refuses heads that do not divide into groups', () => {
  const options = { ...groupedQuery.defaults, Hkv: 3 };
  expect(() => groupedQuery.check({ E: 8, H: 8, D: 2, layers: 1 }, options)).toThrow(
    'grouped-query: H = 8 query heads cannot be split into Hkv = 3 groups; Hkv may be 1, 2, 4, 8',
  );
  expect(() => groupedQuery.check({ E: 8, H: 8, D: 2, layers: 1 }, { ...options, Hkv: 0 })).toThrow(
    'grouped-query: Hkv must be a whole number ≥ 1, got 0',
  );
});
