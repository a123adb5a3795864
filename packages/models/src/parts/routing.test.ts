import { createDevice, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { createExperts } from './experts.ts';
import { createSwiglu } from './feed-forward.ts';
import {
  groupedSoftmaxRouting,
  type Routing,
  type SigmoidRoutingOptions,
  sigmoidRouting,
  softmaxOfAll,
} from './routing.ts';
import { besideShared, openedByToken } from './shared-expert.ts';

const [N, E, X, k] = [5, 4, 6, 2];
const x = seededValues(N * E, 3);
const router = seededValues(X * E, 5).map((value) => 2 * value);
const bias = seededValues(X, 7);
const sigma = (value: number): number => 1 / (1 + Math.exp(-value));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const largest = (values: readonly number[], count: number): number[] =>
  values
    .map((_, i) => i)
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, count);

/** Scores of each token, in float64. */
const scores = Array.from({ length: N }, (_, n) =>
  Array.from({ length: X }, (_, e) =>
    sum(Array.from({ length: E }, (_, i) => router[e * E + i]! * x[n * E + i]!)),
  ),
);

async function chosen(device: string, route: Routing): Promise<{ experts: number[]; shares: number[] }> {
  const opened = await createDevice(device);
  const weights = {
    router: tensor(opened, router, [X, E]),
    ...(route.parameters(X).routerBias && { routerBias: tensor(opened, bias, [X]) }),
  };
  const given = tensor(opened, Float32Array.from(scores.flat()), [N, X]) as Tensor;
  const { experts, shares } = route.choose(given, k, { x: tensor(opened, x, [N, 1, E]), weights });
  expect(experts.shape).toEqual([N, k]);
  return { experts: Array.from(await experts.data()), shares: Array.from(await shares.data()) };
}

/** As the paper has it, token by token. */
function bySigmoid({
  groups = 1,
  chosenGroups = groups,
  sumsToOne = true,
  scale = 1,
}: SigmoidRoutingOptions) {
  const size = X / groups;
  const rows = scores.map((row) => {
    const own = row.map(sigma);
    const biased = own.map((value, e) => value + bias[e]!);
    const ofGroup = Array.from({ length: groups }, (_, g) => {
      const inside = biased.slice(g * size, (g + 1) * size);
      return sum(largest(inside, Math.min(2, size)).map((e) => inside[e]!));
    });
    const may = largest(ofGroup, chosenGroups);
    const experts = largest(
      biased.map((value, e) => (may.includes(Math.floor(e / size)) ? value : -Infinity)),
      k,
    );
    const total = sumsToOne ? sum(experts.map((e) => own[e]!)) : 1;
    return { experts, shares: experts.map((e) => (scale * own[e]!) / total) };
  });
  return { experts: rows.flatMap(({ experts }) => experts), shares: rows.flatMap(({ shares }) => shares) };
}

describe.each(['reference', 'wasm', 'gpujs:webasm'])('routing on %s', (device) => {
  it.each([
    {},
    { sumsToOne: false, scale: 2.5 },
    { groups: 3, chosenGroups: 2, scale: 1.5 },
    { groups: 2, chosenGroups: 1 },
  ])('by sigmoids, %o', async (options) => {
    const got = await chosen(device, sigmoidRouting(options));
    const want = bySigmoid(options);
    expect(got.experts).toEqual(want.experts);
    assertClose(got.shares, want.shares, { atol: 1e-6, rtol: 1e-5 });
  });

  it('by the softmax of all', async () => {
    const got = await chosen(device, softmaxOfAll);
    const want = scores.map((row) => {
      const total = sum(row.map(Math.exp));
      const experts = largest(row, k);
      return { experts, shares: experts.map((e) => Math.exp(row[e]!) / total) };
    });
    expect(got.experts).toEqual(want.flatMap(({ experts }) => experts));
    const shares = want.flatMap((row) => row.shares);
    assertClose(got.shares, shares, { atol: 1e-6, rtol: 1e-5 });
  });

  it.each([{}, { groups: 3, chosenGroups: 1, scale: 2.5 }, { groups: 2, chosenGroups: 1 }])(
    'by the softmax of all, in groups, %o',
    async ({ groups = 1, chosenGroups = groups, scale = 1 }) => {
      const got = await chosen(device, groupedSoftmaxRouting({ groups, chosenGroups, scale }));
      const size = X / groups;
      const want = scores.map((row) => {
        const total = sum(row.map(Math.exp));
        const best = Array.from({ length: groups }, (_, g) =>
          Math.max(...row.slice(g * size, (g + 1) * size)),
        );
        const may = largest(best, chosenGroups);
        const experts = largest(
          row.map((value, e) => (may.includes(Math.floor(e / size)) ? value : -Infinity)),
          k,
        );
        return { experts, shares: experts.map((e) => (scale * Math.exp(row[e]!)) / total) };
      });
      expect(got.experts).toEqual(want.flatMap(({ experts }) => experts));
      const shares = want.flatMap((row) => row.shares);
      assertClose(got.shares, shares, { atol: 1e-6, rtol: 1e-5 });
    },
  );

  it('besides a shared expert that each token opens', async () => {
    const opened = await createDevice(device);
    const shared = createSwiglu({ F: 3 });
    const both = besideShared(createExperts({ X, k, F: 3 }), openedByToken(shared));
    const shapes = Object.entries(both.parameters(E));
    const weights = Object.fromEntries(
      shapes.map(([name, shape], i) => [
        name,
        tensor(
          opened,
          seededValues(
            shape.reduce((a, b) => a * b, 1),
            i + 20,
          ),
          shape,
        ),
      ]),
    );
    const input = tensor(opened, x, [1, N, E]) as Tensor<'B L E'>;
    const own = Object.fromEntries(['gate', 'up', 'down'].map((name) => [name, weights[`shared.${name}`]!]));
    const [got, routed, plain, open] = await Promise.all([
      both.apply(input, weights).data(),
      createExperts({ X, k, F: 3 }).apply(input, weights).data(),
      shared.apply(input, own).data(),
      weights['shared.open']!.data(),
    ]);
    const want = Array.from(got, (_, i) => {
      const n = Math.floor(i / E);
      const score = sum(Array.from({ length: E }, (_, j) => open[j]! * x[n * E + j]!));
      return routed[i]! + sigma(score) * plain[i]!;
    });
    assertClose(got, want, { atol: 1e-5, rtol: 1e-4 });
  });

  it('refuses groups that do not fit', async () => {
    await expect(chosen(device, sigmoidRouting({ groups: 4 }))).rejects.toThrow(
      'sigmoidRouting: groups must divide the 6 experts, at least 2 in each, got 4',
    );
    const one = createExperts({ X, k: 3, F: 1, route: sigmoidRouting({ groups: 3, chosenGroups: 1 }) });
    const opened = await createDevice(device);
    const weights = Object.fromEntries(
      Object.entries(one.parameters(E)).map(([name, shape]) => [
        name,
        tensor(opened, new Float32Array(shape.reduce((a, b) => a * b, 1)), shape),
      ]),
    );
    expect(() => one.apply(tensor(opened, x, [1, N, E]) as Tensor<'B L E'>, weights)).toThrow(
      'sigmoidRouting: chosenGroups must have 3 experts together, of groups of 2, got 1',
    );
  });
});
