import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { plainSpec } from './conformance/index.ts';
import { type Cache, createStates, kv } from './index.ts';
import { caches } from './registry.ts';

it('names every cache of the package by its own name', () => {
  for (const [key, { name, title, summary, holds }] of Object.entries(caches)) {
    expect(key).toBe(name);
    expect(title.length > 10 && summary.endsWith('.') && holds.length > 0).toBe(true);
  }
});

it.each(Object.entries(caches))('%s explains itself when something is missing', (name, { create, holds }) => {
  const make = create as (options: unknown) => unknown;
  const spec = { ...plainSpec, kind: holds[0], cap: 4, constant: { S: [2] }, producer: '0.self' };
  const device = createReference();
  expect(() => make({ device, B: 1, capacity: 4, isAnchor: () => false })).toThrow(
    `${name === 'latent' ? 'latent' : name}: spec`,
  );
  expect(() => make({ spec, B: 1, capacity: 4, isAnchor: () => false })).toThrow(
    name === 'shared'
      ? 'shared: producer must be the state 0.self, got undefined'
      : /: device must be a device/,
  );
});

it.each(Object.entries(caches))('%s has the defaults it says it has', (_, { create, holds, ...kind }) => {
  const defaults = 'defaults' in kind ? kind.defaults : {};
  const make = create as (options: unknown) => Cache;
  if (holds[0] === 'shared') return;
  const isAnchor = () => false;
  const spec = { ...plainSpec, kind: holds[0], cap: holds[0] === 'window' ? 96 : Infinity };
  const own = holds[0] === 'recurrent' ? { rows: {}, constant: { S: [2] } } : {};
  const rows = holds[0] === 'latent' ? { rows: { latent: [4] } } : {};
  const device = createReference();
  const options = { device, B: 1, capacity: 96, spec: { ...spec, ...own, ...rows }, isAnchor };
  const [said, silent] = [{ ...options, ...defaults }, options].map((given) => make(given).bytes());
  expect(said).toEqual(silent);
  for (const [name, value] of Object.entries(defaults)) {
    const other = typeof value === 'number' ? 0.5 : 'other';
    expect(() => make({ ...options, [name]: other })).toThrow(name);
  }
});

it('refuses what is no list of layers', () => {
  const options = { device: createReference(), B: 1, capacity: 4 };
  expect(() => createStates(plainSpec as never, options)).toThrow(
    'createStates: specs must be a list, one spec a layer, or specs by id, got [object Object]',
  );
  expect(() => kv(undefined as never)).toThrow(
    'kv: model must be the specs of layers, or plain numbers, got undefined',
  );
});
