import { createPositions, createReference } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
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
