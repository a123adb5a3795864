import { expect, it } from 'vitest';
import golden from '../../golden/multi-query.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { multiQuery } from './multi-query.ts';

checkVariant(multiQuery, { golden });

it('keeps H times less than multi-head attention', () => {
  const shape = { E: 512, H: 8, D: 64, layers: 4 };
  expect(multiQuery.kv(shape, multiQuery.defaults, 0).rows).toEqual({ k: [1, 64], v: [1, 64] });
  expect(multiQuery.parameters(shape, multiQuery.defaults, 0).k).toEqual([64, 512]);
});
