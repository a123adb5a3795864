import { createPositions, createReference, type Modifier, type Tensor, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { plainStates } from './conformance/plain-states.ts';
import {
  configure,
  crossAttention,
  groupedQuery,
  linear,
  multiHead,
  multiHeadLatent,
  multiQuery,
  slidingWindow,
} from './index.ts';

const shape = { E: 8, H: 4, D: 2, layers: 2 };
const attention = configure(groupedQuery, { Hkv: 2 });

function goodCall() {
  const device = createReference();
  const weights: Record<string, Tensor> = Object.fromEntries(
    Object.entries(attention.parameters(shape, 0)).map(([name, size], i) => [name, seeded(device, size, i)]),
  );
  const [state, other] = plainStates(device, 1, [attention.kv(shape, 0), attention.kv(shape, 1)]);
  return {
    x: seeded<'B L E'>(device, [1, 3, 8], 9),
    weights,
    state: state!,
    other: other!,
    positions: createPositions(device, { start: 0, L: 3 }),
    shape,
    layer: 0,
  };
}

type Call = ReturnType<typeof goodCall>;

it.each<[what: string, change: (call: Call) => Partial<Call>, message: string]>([
  [
    'an x of another width',
    ({ x }) => ({ x: seeded<'B L E'>(x.device, [1, 3, 7], 1) }),
    'grouped-query: x is 7 wide, the model is E = 8\n  x  [B=1, L=3, E=7]',
  ],
  [
    'positions of another length',
    ({ x }) => ({ positions: createPositions(x.device, { start: 0, L: 2 }) }),
    'grouped-query: axis L has two sizes: x says 3, positions says 2',
  ],
  [
    'a weight that is not there',
    ({ weights: { k: _, ...weights } }) => ({ weights }),
    'grouped-query: weights["k"] is missing: layer 0 needs [4, 8], got undefined',
  ],
  [
    'a weight of another width',
    ({ x, weights }) => ({ weights: { ...weights, v: seeded(x.device, [8, 8], 1) } }),
    'grouped-query: weights["v"] must be [4, 8] for layer 0 of E = 8, H = 4, D = 2',
  ],
  [
    'the state of another layer',
    ({ other }) => ({ state: other }),
    'grouped-query: state must be 0.self, that of the layer which is called, got "1.self"',
  ],
  [
    'the state of another variant',
    ({ x }) => ({ state: plainStates(x.device, 1, [configure(multiHeadLatent).kv(shape, 0)])[0]! }),
    'grouped-query: state must keep full: k [2, 2], v [2, 2]; make it from kv(shape, options, 0), got "one that keeps latent: latent [10]"',
  ],
  [
    'the state of a window',
    ({ x }) => ({
      state: plainStates(x.device, 1, [configure(slidingWindow, { window: 4, Hkv: 2 }).kv(shape, 0)])[0]!,
    }),
    'got "one that keeps window of 4 tokens: k [2, 2], v [2, 2]"',
  ],
  [
    'the state of other sequences',
    ({ x }) => ({ state: plainStates(x.device, 2, [attention.kv(shape, 0)])[0]! }),
    'grouped-query: state must hold the 1 sequences of x, got "one of 2"',
  ],
  ['a layer that the model has not', () => ({ layer: 2 }), 'grouped-query: layer must be from 0 to 1, got 2'],
  [
    'a shape without heads',
    () => ({ shape: { ...shape, H: 0 } }),
    'grouped-query: shape.H must be a whole number ≥ 1, got 0',
  ],
  [
    'heads that do not divide',
    () => ({ shape: { ...shape, H: 3 } }),
    'grouped-query: H = 3 query heads cannot be split into Hkv = 2 groups; Hkv may be 1, 3',
  ],
])('refuses %s before anything is computed', (_, change, message) => {
  const call = goodCall();
  expect(() => attention.layer({ ...call, ...change(call) })).toThrow(message);
  expect(call.state.length).toBe(0);
  expect(() => attention.layer(call)).not.toThrow();
});

it('refuses a state that turns keys in a variant that turns them first', () => {
  const device = createReference();
  const latent = configure(multiHeadLatent, { rope: 2 });
  const weights = Object.fromEntries(
    Object.entries(latent.parameters(shape, 0)).map(([name, size], i) => [name, seeded(device, size, i)]),
  );
  const [plain] = plainStates(device, 1, [latent.kv(shape, 0)]);
  const state = Object.assign(plain!, { turnsKeys: true });
  const x = seeded<'B L E'>(device, [1, 3, 8], 9);
  const positions = createPositions(device, { start: 0, L: 3 });
  expect(() => latent.layer({ x, weights, state, positions, shape, layer: 0 })).toThrow(
    'attention: state must leave keys as they are: this variant turns them before they are kept',
  );
});

it('refuses options out of range and raw functions without a layer too', () => {
  const q: Tensor = seeded(createReference(), [1, 2, 1, 2], 1);
  expect(() => slidingWindow.attend({ q, k: q, v: q }, { window: 0 })).toThrow(
    'sliding-window: window must be a whole number ≥ 1',
  );
  const raw = ((_b: number, _h: number, i: number, j: number) => (j <= i ? 1 : 0)) as unknown as Modifier;
  expect(() => groupedQuery.attend({ q, k: q, v: q, modifiers: [raw] })).toThrow(
    'grouped-query: modifiers[0] must be the text of a function expression, made with scoreModifier or maskModifier, got "function"',
  );
  const arrow: Modifier = { kind: 'mask', source: '(b, h, q, k) => 1' };
  expect(() => groupedQuery.attend({ q, k: q, v: q, modifiers: [arrow] })).toThrow(
    'modifiers[0] must be the text of a function expression',
  );
});

it('refuses an offset that is no position', () => {
  const device = createReference();
  const q = tensor(device, [1, 2], [1, 1, 1, 2]);
  for (const offset of [-1, 0.5])
    expect(() => groupedQuery.attend({ q, k: q, v: q, offset })).toThrow(
      `grouped-query: offset must be a whole number ≥ 0 (the position of query 0), got ${offset}`,
    );
});

it('names the option that a variant does not have, and those it has', () => {
  expect(() => configure(groupedQuery, { heads: 2 } as object)).toThrow(
    'grouped-query: heads is not an option of this variant (it has Hkv, causal, scale), got 2',
  );
});

it('attends with the key heads that were configured, and no others', () => {
  const device = createReference();
  const heads = (H: number) => tensor(device, new Float32Array(3 * H * 4), [1, 3, H, 4]);
  const with4 = { q: heads(8), k: heads(4), v: heads(4) };
  expect(() => configure(groupedQuery, { Hkv: 2 }).attend(with4)).toThrow(
    /^grouped-query: k has 4 heads, and Hkv = 2 of H = 8 is what this variant is configured for\n/,
  );
  expect(configure(groupedQuery, { Hkv: 4 }).attend(with4).out.shape).toEqual([1, 3, 8, 4]);
  // nobody has said a number: the keys do
  expect(groupedQuery.attend(with4).out.shape).toEqual([1, 3, 8, 4]);
  expect(() => multiHead.attend({ ...with4, k: heads(2), v: heads(2) })).toThrow(/Hkv = 8 of H = 8/);
  expect(() => multiQuery.attend(with4)).toThrow(/Hkv = 1 of H = 8/);
  expect(() => linear.attend({ ...with4 }, { Hkv: 2 })).toThrow(/Hkv = 2 of H = 8/);
  expect(() => crossAttention.attend(with4, { Hkv: 2 })).toThrow(/Hkv = 2 of H = 8/);
  expect(() => slidingWindow.attend(with4, { Hkv: 2 })).toThrow(/Hkv = 2 of H = 8/);
});
