import { mixtureOfBlocks, nativeSparse } from '@headwise/attention-variants';
import { createWasm } from '@headwise/device-wasm';
import { slice } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';

const L = 2200;

it.each([
  ['mixture-of-blocks', mixtureOfBlocks, { block: 256, count: 4 }],
  ['native-sparse', nativeSparse, { block: 64, count: 16, window: 64 }],
] as const)(
  '%s of more queries than are computed at once is that of its last ones alone',
  async (_, variant, options) => {
    const device = await createWasm({ threads: 2 });
    const [H, Hkv, D] = [2, 2, 4];
    const q = seeded<'B Lq H D'>(device, [1, L, H, D], 1);
    const k = seeded<'B Lk Hkv D'>(device, [1, L, Hkv, D], 2);
    const v = seeded<'B Lk Hkv Dv'>(device, [1, L, Hkv, D], 3);
    const x = seeded<'B L E'>(device, [1, L, 3], 4);
    const weights = { gates: seeded(device, [3 * H, 3], 5) };
    const last = 5;
    const cut = (of: typeof q | typeof x, width: number) =>
      slice(of.reshape([1, L * width]), (L - last) * width, last * width);
    const all = await variant.attend({ q, k, v, x, weights }, { ...options, Hkv }).out.data();
    const few = variant.attend(
      { q: cut(q, H * D).reshape([1, last, H, D]), k, v, x: cut(x, 3).reshape([1, last, 3]), weights },
      { ...options, Hkv },
    );
    assertClose(all.subarray((L - last) * H * D), await few.out.data(), { atol: 1e-6, rtol: 1e-5 });
    expect(all.every(Number.isFinite)).toBe(true);
    device.dispose();
  },
);
