import { type AttentionParams, attentionOp, createReference } from '@headwise/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';
import { agree, type HostTensor, ints, pick, random, randomInt, runOn } from './testing.ts';

const setups = {
  'simd128, one thread, guarded': { simd: 'simd128', threads: 1, guard: 256 },
  'default instructions, two threads, shuffled': { threads: 2, guard: 256, shuffle: true },
} as const;

interface Case {
  readonly inputs: Record<string, HostTensor | undefined>;
  readonly params: AttentionParams;
}

const lengths = [1, 2, 3, 5, 6, 7, 47, 48, 49, 63, 64, 65, 100, 130] as const;
const extras = ['lse', 'weights', 'raw', 'capped', 'scores'] as const;

/** A random call of attention: odd sizes, any mixture of the declared parts. */
function randomCase(seed: number): Case {
  const chance = (n: number, of: number): boolean => randomInt(seed * 31 + n, 0, of - 1) === 0;
  const [B, Hkv] = [pick(seed, [1, 2]), pick(seed + 1, [1, 2, 3])];
  const H = Hkv * pick(seed + 2, [1, 2, 4, 5, 7]);
  const [D, Dv] = [pick(seed + 3, [4, 16, 20, 64, 80, 7]), pick(seed + 4, [4, 12, 16, 64, 5])];
  const Lq = pick(seed + 5, lengths);
  const offset = chance(1, 2) ? randomInt(seed, 0, 90) : 0;
  const causal = !chance(2, 4);
  const Lk = Math.max(1, causal ? offset + Lq + randomInt(seed, -3, 9) : pick(seed + 6, lengths));
  const Dw = Dv + (chance(3, 3) ? 3 : 0);
  const windowed = chance(4, 3);
  const positions = chance(5, 4);
  const many = (n: number, axis: number): number => (chance(n, 2) ? 1 : axis);
  const Bp = many(6, B);
  const params: AttentionParams = {
    scale: 1 / Math.sqrt(D),
    causal,
    offset,
    before: windowed ? randomInt(seed, 0, 40) : Infinity,
    after: windowed && chance(7, 2) ? randomInt(seed, 0, 20) : Infinity,
    sinkTokens: chance(8, 3) ? randomInt(seed, 0, 5) : 0,
    softcap: chance(9, 3) ? 5 : 0,
    valid: chance(10, 3) ? randomInt(seed, 0, Lk) : Lk,
    Dv,
    modifiers: [],
    extras: extras.filter((_, n) => chance(20 + n, 3)),
  };
  const Bb = many(11, B);
  const Hb = many(12, H);
  const table = random([Bb, Hb, Lq, Lk], seed + 11, 3);
  return {
    inputs: {
      q: random([B, Lq, H, D], seed + 7, 2),
      k: random([B, Lk, Hkv, D], seed + 8, 2),
      v: random([B, Lk, Hkv, Dw], seed + 9),
      bias: chance(13, 4)
        ? { ...table, data: table.data.map((x) => (x > 2.5 ? -Infinity : x)) as Float32Array }
        : undefined,
      slopes: chance(14, 4) ? random([H], seed + 12) : undefined,
      sinks: chance(15, 3) ? random([H], seed + 13) : undefined,
      queryPositions: positions
        ? ints(
            [Bp, Lq],
            Array.from({ length: Bp * Lq }, (_, n) => offset + ((n * 3) % (Lq + 4))),
          )
        : undefined,
      keyPositions: positions
        ? ints(
            [Bp, Lk],
            Array.from({ length: Bp * Lk }, (_, n) => ((n * 5) % (Lk + 3)) - 1),
          )
        : undefined,
      keyUntil: chance(16, 5)
        ? ints(
            [Bp, Lk],
            Array.from({ length: Bp * Lk }, (_, n) => (n * 7) % (Lk + 20)),
          )
        : undefined,
    },
    params,
  };
}

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

  it.each(Array.from({ length: 120 }, (_, seed) => seed))(
    `equals the reference (${name}, case %i)`,
    async (seed) => {
      const { inputs, params } = randomCase(seed);
      await agree(device, attentionOp, inputs, params, { atol: 2e-5, rtol: 2e-5 });
    },
  );

  it.each([1, 40])(`a hidden key or value may hold anything (${name}, %i queries)`, async (Lq) => {
    const [Lk, H, D] = [200, 3, 16];
    const { inputs, params } = randomCase(0);
    const causal = {
      ...params,
      causal: true,
      offset: 90,
      before: 50,
      after: Infinity,
      sinkTokens: 0,
      softcap: 0,
      valid: Lk,
      Dv: D,
      extras: [],
    };
    const q = random([1, Lq, H, D], 1);
    const k = random([1, Lk, H, D], 2);
    const v = random([1, Lk, H, D], 3);
    const poison = (host: HostTensor): HostTensor => {
      const data = host.data.slice();
      for (let j = 0; j < Lk; j++)
        if (j > 90 + Lq - 1 || j < 90 - 50) data.fill(j % 2 ? NaN : Infinity, j * H * D, (j + 1) * H * D);
      return { shape: host.shape, data };
    };
    expect(inputs.q).toBeDefined();
    const [clean] = await runOn(device, attentionOp, { q, k, v }, causal);
    const [poisoned] = await runOn(device, attentionOp, { q, k: poison(k), v: poison(v) }, causal);
    expect(poisoned).toEqual(clean);
  });

  it.each([1, 60])(
    `NaN in the only seen key is not lost among hidden ones (${name}, %i queries)`,
    async (Lq) => {
      const own = {
        ...randomCase(0).params,
        causal: true,
        offset: 30,
        before: 0,
        after: 0,
        sinkTokens: 0,
        softcap: 0,
        valid: 100,
        Dv: 8,
        extras: ['lse'],
      };
      const k = random([1, 100, 1, 8], 2);
      k.data.fill(NaN, 30 * 8, 31 * 8);
      const inputs = { q: random([1, Lq, 1, 8], 1), k, v: random([1, 100, 1, 8], 3) };
      await agree(device, attentionOp, inputs, own);
      const [y] = await runOn(device, attentionOp, inputs, own);
      expect(y!.subarray(0, 8).every(Number.isNaN)).toBe(true);
    },
  );

  it.each([1, 60])(
    `NaN in a seen key spoils the rows that see it and no other (${name}, %i queries)`,
    async (Lq) => {
      const [H, D] = [2, 8];
      const { params } = randomCase(0);
      const causal = {
        ...params,
        causal: true,
        offset: 70,
        before: Infinity,
        after: Infinity,
        sinkTokens: 0,
        softcap: 0,
        valid: 140,
        Dv: D,
        extras: [],
      };
      const k = random([1, 140, H, D], 2);
      k.data.fill(NaN, 90 * H * D, 91 * H * D);
      const inputs = { q: random([1, Lq, H, D], 1), k, v: random([1, 140, H, D], 3) };
      await agree(device, attentionOp, inputs, causal);
      const [want] = await runOn(createReference(), attentionOp, inputs, causal);
      expect(want!.some(Number.isNaN)).toBe(Lq > 1);
    },
  );
}
