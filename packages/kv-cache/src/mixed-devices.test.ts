import { createReference, type Device, DeviceError, type Tensor, ValueError, zeros } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { plainSpec } from './conformance/index.ts';
import { createContiguous, createPaged, createPagedPool, createRecurrent, createWorkspace } from './index.ts';

/** Two devices of one name are two devices: their memory is not each other's. */

const rowsOn = (device: Device): Record<string, Tensor> => ({
  k: zeros(device, [1, 1, 2, 4]),
  v: zeros(device, [1, 1, 2, 4]),
});

it('refuses rows, states and pools of another device that has the name of its own', () => {
  const [here, there] = [createReference(), createReference()];
  const options = { device: here, spec: plainSpec, B: 1, capacity: 4 };
  const cache = createContiguous(options);
  expect(() => cache.append(rowsOn(there))).toThrow(DeviceError);
  expect(() => cache.append({ ...rowsOn(here), v: rowsOn(there).v! })).toThrow(
    'reference: contiguous.append was given v from another device, reference',
  );
  expect(cache.length).toBe(0);

  const spec = { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2] } } as const;
  const recurrent = createRecurrent({ device: here, spec, B: 1 });
  expect(() => recurrent.advance({ S: zeros(there, [1, 2]) }, 1)).toThrow(
    'reference: recurrent.advance was given S from another device, reference',
  );

  const pool = createPagedPool({ device: there, spec: plainSpec, blocks: 2 });
  expect(() => createPaged({ ...options, pool })).toThrow(ValueError);
});

it('does not show rows in the memory of another device that shares the workspace', () => {
  const workspace = createWorkspace();
  for (const device of [createReference(), createReference()]) {
    const cache = createPaged({ device, spec: plainSpec, B: 1, capacity: 4, blockSize: 2, workspace });
    const { rows } = cache.append(rowsOn(device));
    expect(rows.k!.device).toBe(device);
  }
});
