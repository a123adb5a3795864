import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import type { VerifyCase } from '../contract.ts';
import { runFlexAttention } from './attention-flex.ts';
import type { GraphNode, ModGraph } from './attention-flex-graph.ts';
import { graphModifiers } from './attention-flex-modifiers.ts';

const node = (op: string, inputs: string[], output: string, attributes = {}): GraphNode => ({
  op,
  inputs,
  outputs: [output],
  attributes,
});
const graph = (nodes: GraphNode[], initializers = {}): ModGraph => ({
  nodes,
  initializers,
  inputs: ['scores'],
  outputs: ['out'],
});
const shape = [1, 2, 3, 4] as const;

const indices = [
  node('Shape', ['scores'], 'shape'),
  node('Gather', ['shape', 'two'], 'Lq', { axis: 0 }),
  node('Gather', ['shape', 'three'], 'Lk', { axis: 0 }),
  node('Range', ['zero', 'Lq', 'one'], 'qs'),
  node('Reshape', ['qs', 'qShape'], 'q'),
  node('Range', ['zero', 'Lk', 'one'], 'ks'),
  node('Reshape', ['ks', 'kShape'], 'k'),
];
const numbers = { zero: 0, one: 1, two: 2, three: 3, qShape: [1, 1, -1, 1], kShape: [1, 1, 1, -1] };

it('says what a graph does in the dialect of modifiers', () => {
  const softcap = graph(
    [node('Div', ['scores', 'c'], 'd'), node('Tanh', ['d'], 't'), node('Mul', ['t', 'c'], 'out')],
    {
      c: 20,
    },
  );
  expect(graphModifiers(softcap, shape)).toEqual({
    score: '(Math.tanh(Math.max(-20, Math.min(20, (s / 20)))) * 20)',
  });

  const causal = graph(
    [...indices, node('GreaterOrEqual', ['q', 'k'], 'm'), node('Where', ['m', 'scores', 'low'], 'out')],
    {
      ...numbers,
      low: '-inf',
    },
  );
  expect(graphModifiers(causal, shape)).toEqual({ score: '((q >= k) ? s : 0)', hidden: '!((q >= k))' });

  const relative = graph(
    [
      ...indices,
      node('Sub', ['q', 'k'], 'd'),
      node('Cast', ['d'], 'f', { to: 1 }),
      node('Add', ['scores', 'f'], 'out'),
    ],
    numbers,
  );
  expect(graphModifiers(relative, shape)).toEqual({ score: '(s + (q - k))' });

  const slopes = graph([node('Add', ['scores', 'slopes'], 'out')], { slopes: [[[[0.5]], [[-0.25]]]] });
  expect(graphModifiers(slopes, shape)).toEqual({ score: '(s + (((-0.75) * h) + 0.5))' });
});

it('leaves to the host what no scalar function says', () => {
  const table = graph([node('Add', ['scores', 'table'], 'out')], {
    table: Array.from({ length: 3 }, (_, i) => Array.from({ length: 4 }, (_, j) => (i * j) % 3)),
  });
  expect(graphModifiers(table, shape)).toBeUndefined();
  const topScores = graph(
    [node('Less', ['scores', 'c'], 'm'), node('Where', ['m', 'low', 'scores'], 'out')],
    {
      c: 0,
      low: '-inf',
    },
  );
  expect(graphModifiers(topScores, shape)).toBeUndefined();
});

it('gives the same numbers through modifiers and through the host', async () => {
  const values = (count: number, seed: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i));
  const flexCase = (score_mod: ModGraph): VerifyCase => ({
    file: '',
    name: '',
    op: 'FlexAttention',
    attributes: { score_mod },
    features: [],
    inputs: {
      Q: { dtype: 'F32', shape: [1, 2, 3, 5], data: values(30, 1) },
      K: { dtype: 'F32', shape: [1, 2, 4, 5], data: values(40, 2) },
      V: { dtype: 'F32', shape: [1, 2, 4, 5], data: values(40, 3) },
    },
    outputs: {},
    tolerance: () => ({ atol: 1e-5, rtol: 1e-5 }),
  });
  // the same addition, once as a line of q and once as a table over both axes
  const line = graph(
    [...indices, node('Add', ['scores', 'q'], 'a'), node('Sub', ['a', 'k'], 'out')],
    numbers,
  );
  const table = graph([node('Add', ['scores', 'table'], 'out')], {
    table: Array.from({ length: 3 }, (_, i) => Array.from({ length: 4 }, (_, j) => i - j)),
  });
  expect(graphModifiers(line, shape)).toBeDefined();
  expect(graphModifiers(table, shape)).toBeUndefined();
  const device = createReference();
  const byModifier = await runFlexAttention(flexCase(line), device);
  const byHost = await runFlexAttention(flexCase(table), device);
  assertClose(byModifier.Y!.data, byHost.Y!.data, { atol: 1e-6 });
});
