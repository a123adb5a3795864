import {
  attention,
  createPositions,
  createReference,
  type Device,
  type Positions,
  type Rotation,
  rotary,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { expect, it } from 'vitest';
import { checkCache, plainSpec } from '../conformance/index.ts';
import { tokenRows } from '../conformance/recompute.ts';
import { subjects } from '../testing/subjects.ts';
import { createSinkPreserving } from './sink-preserving.ts';

checkCache('sink-preserving', subjects['sink-preserving']);

const SINKS = 2;
const WINDOW = 4;
const spec = { ...plainSpec, kind: 'window', cap: SINKS + WINDOW, sinks: SINKS } as const;
/** Positions the tables have: no more than the cache holds and a chunk, however long the stream. */
const N = SINKS + WINDOW + 3;

/** Plain rotary encoding of heads of 4, with tables that end. */
function createRotation(device: Device, oneSide: boolean): Rotation {
  const angles = Float64Array.from({ length: N * 2 }, (_, i) => Math.floor(i / 2) / 10 ** (i % 2));
  const tables = {
    cos: tensor(device, Float32Array.from(angles, Math.cos), [N, 2]),
    sin: tensor(device, Float32Array.from(angles, Math.sin), [N, 2]),
  };
  const turn = (x: Tensor, at: Positions) => rotary(x, tables, at.tensor);
  const both = {
    kind: 'rotation',
    name: 'test',
    rotate: (q: Tensor, k: Tensor, at: Positions) => ({ q: turn(q, at), k: turn(k, at) }),
  } as const;
  return oneSide ? { ...both, turn } : both;
}

function rows(device: Device, name: string, heads: number, tokens: readonly number[]): Tensor {
  return tensor(device, tokenRows(name, [heads, 4], [tokens]), [1, tokens.length, heads, 4]);
}

it.each([
  ['token by token', Array(20).fill(1), true],
  ['in chunks', [3, 1, 2, 1, 1, 3, 2, 1, 3], false],
])(
  'turned at positions of its own, %s: attention over the tokens it keeps',
  async (_, chunks: number[], oneSide) => {
    const device = createReference();
    const rotation = createRotation(device, oneSide);
    const cache = createSinkPreserving({ device, spec, B: 1, capacity: spec.cap, rotation });
    expect(cache.turnsKeys).toBe(true);
    let start = 0;
    for (const L of chunks) {
      const fresh = Array.from({ length: L }, (_, i) => start + i);
      const q = rows(device, 'q', 4, fresh) as Tensor<'B L H D'>;
      const view = cache.append({ k: rows(device, 'k', 2, fresh), v: rows(device, 'v', 2, fresh) });
      const turned = rotation.rotate(q, q, view.turnQueriesAt!).q;
      const { keyPositions, queryPositions, valid } = view;
      const options = { causal: true, window: [WINDOW - 1, 0] as const, sinkTokens: SINKS };
      const inputs = { k: view.rows.k!, v: view.rows.v!, keyPositions, queryPositions };
      const got = await attention({ q: turned as Tensor, ...inputs }, { ...options, valid }).data();

      // from scratch: the sinks, what the window held, and the new tokens, counted 0, 1, 2 …
      const older = Array.from({ length: start }, (_, token) => token);
      const kept = [...older.filter((token) => token < SINKS || token > start - WINDOW), ...fresh];
      const at = createPositions(device, { start: 0, L: kept.length });
      const last = createPositions(device, { start: kept.length - L, L });
      const unturned = rows(device, 'k', 2, kept) as Tensor<'B L H D'>;
      const k: Tensor = rotation.rotate(unturned, unturned, at).k;
      const want = attention(
        { q: rotation.rotate(q, q, last).q as Tensor, k, v: rows(device, 'v', 2, kept) },
        { ...options, causal: { offset: kept.length - L } },
      );
      expect([...got]).toEqual([...(await want.data())]);
      start += L;
    }
  },
);

it('asks for names it keeps', () => {
  const options = { device: createReference(), spec, B: 1, capacity: spec.cap };
  expect(() => createSinkPreserving({ ...options, keys: ['key'] })).toThrow(
    'sink-preserving: keys must be among the rows k, v, got "key"',
  );
});
