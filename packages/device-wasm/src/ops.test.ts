import * as t from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { agree, ints, pick, random, randomInt } from './testing.ts';

const setups = {
  'simd128, one thread, guarded': { simd: 'simd128', threads: 1, guard: 256 },
  'default instructions, two threads, shuffled': { threads: 2, guard: 256, shuffle: true },
} as const;

const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 31, 33, 63, 64, 80, 100] as const;
const seeds = Array.from({ length: 12 }, (_, seed) => seed);

for (const [name, setup] of Object.entries(setups)) {
  let device: WasmDevice;
  beforeAll(async () => {
    device = await createWasmWith(setup);
  });
  afterAll(() => {
    expect(device.memory.buffers).toBe(0);
    device.engine.heap.check();
    device.dispose();
  });
  const on = (what: string, test: (seed: number) => Promise<void>) =>
    it.each(seeds)(`${what} (${name}, seed %i)`, test);

  on('linear', async (seed) => {
    const [N, I, O] = [pick(seed, sizes), pick(seed + 100, [...sizes, 400, 777]), pick(seed + 200, sizes)];
    const transposed = seed % 3 === 0;
    const inputs = {
      x: random([N, I], seed),
      weight: random(transposed ? [I, O] : [O, I], seed + 1),
      bias: seed % 2 ? random([O], seed + 2) : undefined,
    };
    await agree(device, t.linearOp, inputs, { transposed }, { atol: 3e-5 });
  });

  on('matmul', async (seed) => {
    const [G, M, K, N] = [
      randomInt(seed, 1, 3),
      pick(seed + 1, sizes),
      pick(seed + 2, sizes),
      pick(seed + 3, sizes),
    ];
    const inputs = { a: random([G, M, K], seed), b: random([seed % 2 ? 1 : G, K, N], seed + 9) };
    await agree(device, t.matmulOp, inputs, {}, { atol: 2e-5 });
  });

  on('headLinear', async (seed) => {
    const [N, H, I, O] = [
      pick(seed, sizes),
      randomInt(seed, 1, 4),
      pick(seed + 2, sizes),
      pick(seed + 3, sizes),
    ];
    const transposed = seed % 2 === 0;
    const inputs = {
      x: random([N, H, I], seed),
      weight: random(transposed ? [H, I, O] : [H, O, I], seed + 5),
    };
    await agree(device, t.headLinearOp, inputs, { transposed }, { atol: 2e-5 });
  });

  on('expertLinear', async (seed) => {
    const [N, S, X] = [pick(seed, sizes), randomInt(seed, 1, 4), randomInt(seed + 1, 1, 5)];
    const [I, O] = [pick(seed + 2, sizes), pick(seed + 3, sizes)];
    // some are no expert
    const ids = Array.from({ length: N * S }, (_, n) => randomInt(seed + n, -1, X));
    const inputs = {
      x: random([N, seed % 2 === 0 ? 1 : S, I], seed + 4),
      weight: random([X * O, I], seed + 5),
      ids: ints([N, S], ids),
      bias: seed % 3 === 0 ? random([X, O], seed + 6) : undefined,
    };
    await agree(device, t.expertLinearOp, inputs, { experts: X }, { atol: 2e-5 });
  });

  on('elementwise operations', async (seed) => {
    const E = pick(seed, sizes);
    const a = random([3, 2, E], seed, 6);
    const b = random(pick(seed, [[3, 2, E], [2, E], [E], []]), seed + 1);
    await agree(device, t.addOp, { a, b }, { scale: seed - 3 });
    await agree(device, t.multiplyOp, { a, b }, {});
    await agree(device, t.siluOp, { x: a }, { alpha: 1 + seed / 8 });
    await agree(device, t.geluOp, { x: a }, { kind: 'exact' }, { atol: 1e-6 });
    await agree(device, t.geluOp, { x: a }, { kind: 'tanh' }, { atol: 2e-6 });
    await agree(device, t.reluOp, { x: a }, {});
    const up = random([3, 2, E], seed + 2);
    for (const kind of ['silu', 'gelu', 'gelu-tanh'])
      await agree(device, t.gatedOp, { gate: a, up }, { kind }, { atol: 2e-6 });
  });

  it(`GELU below 0 to its last digits, and its limits (${name})`, async () => {
    const data = Float32Array.from({ length: 181 }, (_, i) => i / 10 - 5);
    const x = { shape: [181], data };
    await agree(device, t.geluOp, { x }, { kind: 'exact' }, { atol: 1e-12, rtol: 3e-6 });
    const ends = t.tensor(device, [Infinity, -Infinity, Number.NaN, -40], [4]);
    const ones = t.tensor(device, [1, 1, 1, 1], [4]);
    const made = [t.gelu(ends), t.activationGradient(ends, ones, 'gelu')];
    const [y, slope] = await Promise.all(made.map((each) => each.data()));
    assertClose(slope!, [1, 0, Number.NaN, 0], { atol: 1e-30, rtol: 0 });
    assertClose(y!, [Infinity, 0, Number.NaN, 0], { atol: 1e-30, rtol: 0 });
    for (const each of [ends, ones, ...made]) each.dispose();
  });

  on('norms and softmax', async (seed) => {
    const E = pick(seed, sizes);
    const x = random([4, E], seed, 4);
    const weight = seed % 2 ? random([E], seed + 1) : undefined;
    const bias = seed % 3 ? random([E], seed + 2) : undefined;
    await agree(device, t.rmsNormOp, { x, weight }, { eps: 1e-5 });
    await agree(
      device,
      t.layerNormOp,
      { x, weight, bias },
      { eps: 1e-3, statistics: seed % 2 === 0 },
      { atol: 3e-5, rtol: 1e-4 },
    );
    await agree(device, t.softmaxOp, { x }, {});
    await agree(device, t.logSoftmaxOp, { x }, {});
  });

  on('rotary', async (seed) => {
    const [B, L, H, D] = [
      randomInt(seed, 1, 2),
      randomInt(seed, 1, 5),
      randomInt(seed, 1, 3),
      pick(seed, [2, 6, 16, 20, 64]),
    ];
    const half = seed % 2 ? D / 2 : Math.max(1, Math.floor(D / 4));
    const inputs = {
      x: random([B, L, H, D], seed),
      cos: random([6, half], seed + 1),
      sin: random([6, half], seed + 2),
      positions: ints(
        [seed % 3 ? B : 1, L],
        Array.from({ length: (seed % 3 ? B : 1) * L }, (_, n) => ((n * 5 + seed) % 9) - 1),
      ),
    };
    for (const layout of ['half', 'interleaved']) await agree(device, t.rotaryOp, inputs, { layout });
  });

  on('slice, concat and gather', async (seed) => {
    const E = pick(seed, sizes);
    const start = Math.floor(E / 3);
    const x = random([3, E], seed);
    await agree(device, t.sliceOp, { x }, { start, width: E - start });
    await agree(device, t.concatOp, { a: x, b: random([3, pick(seed + 1, sizes)], seed + 1) }, {});
    const ids = ints([2, 3], [0, 4, -1, 11, 12, 2]);
    await agree(device, t.gatherOp, { table: random([12, E], seed), ids }, {});
  });

  on('argmax and topK', async (seed) => {
    const E = pick(seed, sizes);
    const x = random([3, E], seed);
    const ties = { shape: x.shape, data: x.data.map((v) => Math.round(v * 3)) as Float32Array };
    const k = randomInt(seed, 1, E);
    for (const values of [x, ties]) {
      await agree(device, t.argmaxOp, { x: values }, {});
      await agree(device, t.topKOp, { x: values }, { k, largest: seed % 2 === 0 });
    }
  });
}
