import { expect, it } from 'vitest';
import golden from '../../golden/chunked.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { chunked } from './chunked.ts';

checkVariant(chunked, { golden, options: { chunk: 4 } });

it('starts anew at every cut', () => {
  const shape = { E: 8, H: 2, D: 4, layers: 1 };
  const at = (Lk: number) =>
    chunked.cost(shape, { ...chunked.defaults, chunk: 16 }, { B: 1, Lq: 1, Lk, layer: 0 });
  expect(at(17).attentionFlops).toBe(at(1).attentionFlops);
  expect(chunked.kv(shape, chunked.defaults, 0).cap).toBe(128);
});
