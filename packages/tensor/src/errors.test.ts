import { expect, it, vi } from 'vitest';
import { DeviceError, KnownError, ShapeError, ValueError } from './errors.ts';

const made = {
  ShapeError: new ShapeError('op', 'problem', []),
  ValueError: new ValueError('op', 'x', 'must be 1', 2),
  DeviceError: new DeviceError('wasm', 'problem'),
};

it('tells the kinds of errors apart', () => {
  const kinds = { ShapeError, ValueError, DeviceError };
  for (const [name, error] of Object.entries(made)) {
    expect(error.name).toBe(name);
    expect(error).toBeInstanceOf(Error);
    expect(KnownError.isInstance(error)).toBe(true);
    for (const [other, kind] of Object.entries(kinds)) expect(kind.isInstance(error)).toBe(name === other);
  }
  for (const other of [new Error('no'), { name: 'ShapeError' }, null, undefined, 'ShapeError']) {
    expect(KnownError.isInstance(other)).toBe(false);
    expect(ShapeError.isInstance(other)).toBe(false);
  }
});

it('knows those of another copy of the package, and those of classes made from its own', async () => {
  vi.resetModules();
  const copy = await import('./errors.ts');
  expect(copy.ShapeError).not.toBe(ShapeError);
  const error = new copy.ShapeError('op', 'problem', []);
  expect(error).not.toBeInstanceOf(ShapeError);
  expect([ShapeError, ValueError, KnownError].map((kind) => kind.isInstance(error))).toEqual([
    true,
    false,
    true,
  ]);

  class Late extends DeviceError {
    static override readonly kind = 'test/Late';
  }
  const late = new Late('wasm', 'too late');
  expect([Late, DeviceError, ValueError].map((kind) => kind.isInstance(late))).toEqual([true, true, false]);
  expect(Late.isInstance(made.DeviceError)).toBe(false);
});
