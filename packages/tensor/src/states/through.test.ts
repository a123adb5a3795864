import { expect, it } from 'vitest';
import { createPositions } from '../contracts/position.ts';
import type { LayerSpec, Pool } from '../contracts/state.ts';
import { createReference } from '../device/reference.ts';
import { reduce } from '../ops/reduce.ts';
import { tensor } from '../tensor.ts';
import { createThrough } from './through.ts';

const full: LayerSpec = { kind: 'full', rows: { k: [1, 2] }, cap: Infinity, constant: {} };
const shared: LayerSpec = { ...full, kind: 'shared', rows: {}, producer: '0.self' };

it('hands back the rows it was given, and starts at 0 again', async () => {
  const device = createReference();
  const state = createThrough({ device, spec: full });
  for (const L of [3, 1]) {
    const k = tensor(
      device,
      Float32Array.from({ length: 2 * L }, (_, i) => i),
      [1, L, 1, 2],
    );
    const view = state.append({ k });
    expect(view).toMatchObject({ valid: L, offset: 0 });
    expect(await view.rows.k!.data()).toEqual(await k.data());
    expect([state.length, ...state.lengths]).toEqual([0, 0]);
  }
});

it('a layer that shares reads what its producer was given, and is given nothing itself', () => {
  const device = createReference();
  const producer = createThrough({ device, spec: full });
  const state = createThrough({ device, spec: shared, id: '1.self', producer });
  const k = tensor(device, [1, 2], [1, 1, 1, 2]);
  const view = producer.append({ k });
  expect(state.view()).toBe(view);
  expect([state.B, state.length, ...state.lengths]).toEqual([1, 0, 0]);
  for (const call of [() => state.append({ k }), () => state.advance({}, 1)])
    expect(call).toThrow('belongs to the state 0.self, which it reads, got "1.self"');
  expect(() => createThrough({ device, spec: shared, id: '1.self' })).toThrow(
    'through: producer must be the state 0.self, which 1.self reads',
  );
});

it('refuses documents that are not of each sequence, or of a state that is one for all', () => {
  const device = createReference();
  expect(() => createThrough({ device, spec: full, B: 2, documents: [[1]] })).toThrow(
    'through: documents must be lists for 2 sequences, got 1',
  );
  const recurrent: LayerSpec = { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [1] } };
  expect(() => createThrough({ device, spec: recurrent, documents: [[1]] })).toThrow(
    'through: documents must be left out: 0.self is recurrent',
  );
});

it('pools the tokens that are somebody, sequence by sequence, and no documents', async () => {
  const device = createReference();
  const spec: LayerSpec = { ...full, pooled: { sum: { of: 'k', row: [2], every: 1, over: 2 } } };
  const state = createThrough({ device, spec, B: 2 });
  const k = tensor(device, [1, 2, 3, 4, 5, 6, 10, 20, 90, 90, 30, 40], [2, 3, 1, 2]);
  const at = createPositions(device, [
    [0, 1, 2],
    [0, -1, 1],
  ]);
  const pool: Pool = (_, tokens) => reduce(tokens, 'sum', [1]).reshape([tokens.shape[0]!, 2]);
  const view = state.append({ k }, at, pool);
  expect(view.rows.sum!.shape).toEqual([2, 2, 2]);
  expect([...(await view.rows.sum!.data())]).toEqual([4, 6, 8, 10, 40, 60, 0, 0]);
  expect(() => state.append({ k }, at)).toThrow('pool must be the function that makes sum');
  expect(() => createThrough({ device, spec: full }).append({ k }, undefined, pool)).toThrow(
    'pool must be left out: this state pools no rows',
  );
  expect(() => createThrough({ device, spec, documents: [[3]] })).toThrow('documents must be left out');
});
