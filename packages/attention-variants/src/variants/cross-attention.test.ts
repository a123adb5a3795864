import { createPositions, createReference, tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import golden from '../../golden/cross-attention.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { plainStates } from '../conformance/plain-states.ts';
import { crossAttention } from './cross-attention.ts';

checkVariant(crossAttention, { golden, except: { causal: 'a source is seen as a whole' } });

const shape = { E: 4, Es: 6, H: 2, D: 2, layers: 1 };
const options = crossAttention.defaults;

function call(device = createReference()) {
  const weights = Object.fromEntries(
    Object.entries(crossAttention.parameters(shape, options, 0)).map(([name, size], i) => [
      name,
      seeded(device, size, i),
    ]),
  );
  const [state] = plainStates(device, 1, [crossAttention.kv(shape, options, 0)]);
  const positions = createPositions(device, { start: 0, L: 3 });
  const x = seeded<'B L E'>(device, [1, 3, 4], 9);
  return { x, weights, state: state!, positions, shape, options, layer: 0 };
}

it('reads its source once, and keeps nothing of later calls', async () => {
  const first = call();
  const source = seeded<'B Ls Es'>(first.x.device, [1, 5, 6], 10);
  const { y } = crossAttention.layer({ ...first, source });
  expect(first.state.length).toBe(5);
  const again = crossAttention.layer(first);
  expect(await again.y.data()).toEqual(await y.data());
  expect(first.state.length).toBe(5);
});

it('leaves padding of a source out of the state', async () => {
  const padded = call();
  const { device } = padded.x;
  const source = seeded<'B Ls Es'>(device, [1, 5, 6], 10);
  const sourcePositions = createPositions(device, [[0, 1, -1, 3, -1]]);
  const { weights } = crossAttention.layer({ ...padded, source, sourcePositions, extras: ['weights'] });
  const row = ((await weights!.data()) as Float32Array).subarray(0, weights!.shape[3]);
  expect([...row].map((weight) => weight > 0)).toEqual([true, true, true, false, false, false, false, false]);
  expect(padded.state.length).toBe(3);
});

it('hides the padding of every row of a batch, each its own', async () => {
  const device = createReference();
  const one = call(device);
  const [state] = plainStates(device, 3, [crossAttention.kv(shape, options, 0)]);
  const batch = { ...one, state: state!, x: seeded<'B L E'>(device, [3, 3, 4], 9) };
  const source = seeded<'B Ls Es'>(device, [3, 5, 6], 10);
  const seen = [
    [0, 1, -1, 3, -1],
    [-1, 0, 1, 2, 3],
    [0, -1, -1, -1, -1],
  ];
  const sourcePositions = createPositions(device, seen);
  const { y } = crossAttention.layer({ ...batch, source, sourcePositions });
  expect(batch.state.lengths).toEqual([3, 4, 1]);
  // a row of the batch is what it is alone, without its padding
  const values = await source.data();
  const out = await y.data();
  for (const [b, positions] of seen.entries()) {
    const kept = positions.flatMap((p, j) =>
      p < 0 ? [] : [...values.subarray((b * 5 + j) * 6, (b * 5 + j + 1) * 6)],
    );
    const alone = call(device);
    const x = tensor<'B L E'>(device, (await batch.x.data()).slice(b * 12, (b + 1) * 12), [1, 3, 4]);
    const short = tensor<'B Ls Es'>(device, Float32Array.from(kept), [1, kept.length / 6, 6]);
    const result = crossAttention.layer({ ...alone, x, source: short });
    assertClose(await result.y.data(), out.subarray(b * 12, (b + 1) * 12));
  }
});

it('refuses a first call without a source, another source, and one of another width', () => {
  expect(() => crossAttention.layer(call())).toThrow(
    'cross-attention: source must be given to the first call of a state: keys and values come from it, got undefined',
  );
  const used = call();
  const { device } = used.x;
  crossAttention.layer({ ...used, source: seeded<'B Ls Es'>(device, [1, 5, 6], 10) });
  expect(() => crossAttention.layer({ ...used, source: seeded<'B Ls Es'>(device, [1, 4, 6], 10) })).toThrow(
    'cross-attention: source must be the 5 tokens that the state has read; a new source needs a new state, got "4 tokens"',
  );
  expect(() =>
    crossAttention.layer({ ...call(device), source: seeded<'B Ls Es'>(device, [1, 5, 7], 10) }),
  ).toThrow('cross-attention: source is 7 wide, the model reads Es = 6');
});
