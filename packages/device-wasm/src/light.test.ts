import { readFileSync } from 'node:fs';
import { attention, crossEntropyOp, packWeights, run, tensor, unary } from '@headwise/tensor';
import { checkDevice, opCases } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { createWasmWith } from './device.ts';
import * as kernels from './generated/kernels.ts';
import * as light from './generated/light-kernels.ts';
import { createLightWith, wasm } from './light.ts';
import { operations as all } from './ops/index.ts';
import { operations } from './ops/light.ts';
import { checkGradientKernels } from './testing-gradients.ts';

const withoutModifiers = 'modifiers of a person’s own are compiled by the whole device; supports() says so';
checkDevice(
  'light, simd128, one thread',
  () => createLightWith({ simd: 'simd128', threads: 1, guard: 128 }),
  {
    except: Object.fromEntries(
      opCases
        .map(({ op, name }) => `${op} ${name}`)
        .filter((title) => /modifier|in hidden keys/.test(title))
        .map((title) => [title, withoutModifiers]),
    ),
  },
);
checkGradientKernels('light, default instructions, two threads', () =>
  createLightWith({ threads: 2, guard: 128, shuffle: true }),
);

it('lacks the kernels of training, and says so', async () => {
  const lacking = Object.keys(all.runners).filter((name) => !Object.hasOwn(operations.runners, name));
  expect(lacking.sort()).toEqual([
    'adam',
    'attentionGradient',
    'crossEntropy',
    'crossEntropyGradient',
    'linearGradient',
    'normGradient',
    'shortConvolution',
  ]);
  const device = await createLightWith({ threads: 1 });
  expect(device.supports(crossEntropyOp, {}, {})).toEqual([
    'crossEntropy is not among the light kernels of @headwise/device-wasm/light: @headwise/device-wasm has all of them',
  ]);
  device.dispose();
});

it('runs them all the same, composed of others', async () => {
  const device = await createLightWith({ threads: 1 });
  const logits = tensor(device, [1, 2, 3, 0], [2, 2]);
  const targets = tensor(device, Int32Array.of(1, 0), [2]);
  const [loss] = run(crossEntropyOp, { logits, targets }, { smoothing: 0 });
  const got = await loss!.data();
  expect(got[0]).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
  expect(got[1]).toBeCloseTo(Math.log(1 + Math.exp(-3)), 6);
  device.dispose();
});

it('keeps 32 bits a number, and refuses fewer', async () => {
  const device = await wasm.create();
  expect('store' in device).toBe(false);
  const weight = tensor<'O I'>(device, new Float32Array(64), [2, 32]);
  expect(() => packWeights(weight, 'Q8_0')).toThrow(/wasm/);
  device.dispose();
  await expect(createLightWith({ activations: 'int8' })).rejects.toThrow(
    'wasm: activations int8 is for weights in fewer bits, which the light kernels do not read',
  );
});

it('has the bits of the whole device where it has the kernel', async () => {
  const outs: Float32Array[] = [];
  for (const device of [await createWasmWith({ threads: 1 }), await createLightWith({ threads: 1 })]) {
    const x = tensor(
      device,
      Float32Array.from({ length: 5 * 3 * 8 }, (_, i) => Math.sin(i)),
      [1, 5, 3, 8],
    );
    const y = attention({ q: x as never, k: x as never, v: unary(x, 'tanh') as never }, { causal: true });
    outs.push((await y.data()) as Float32Array);
    device.dispose();
  }
  expect(outs[1]).toEqual(outs[0]);
});

it('is smaller by a third, and imports none of the others', () => {
  expect(light.packed.length).toBeLessThan(0.67 * kernels.packed.length);
  const seen = new Set<string>();
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const text = readFileSync(url, 'utf8');
    for (const [, from] of text.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'/gm))
      visit(new URL(from!, url));
  };
  visit(new URL('./light.ts', import.meta.url));
  const files = [...seen].map((href) => href.split('/').at(-1));
  expect(files).toContain('light-kernels.ts');
  for (const other of ['kernels.ts', 'weights.ts', 'training.ts', 'attention-gradient.ts', 'device.ts'])
    expect(files).not.toContain(other);
});
