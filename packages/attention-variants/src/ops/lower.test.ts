import {
  binary,
  createReference,
  type Device,
  type OpCall,
  rmsNorm,
  run,
  scope,
  sizeOf,
  type Tensor,
  tensor,
  unary,
  zeros,
} from '@headwise/tensor';
import { assertClose, openDevices, seeded, withoutKernels } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { additiveScores, additiveScoresOp } from './additive-scores.ts';
import { differentialMixOp } from './differential-mix.ts';
import { linearAttention, linearAttentionOp } from './linear-attention.ts';

/** Runs an operation by its reference and by its composition, and compares every result. */
async function compare(
  op: typeof linearAttentionOp | typeof additiveScoresOp | typeof differentialMixOp,
  make: (device: Device) => Record<string, Tensor | undefined>,
  params: object,
): Promise<void> {
  const plain = createReference();
  const composed = withoutKernels(createReference(), op);
  const want = scope(() => run(op as never, make(plain) as never, params));
  const before = composed.memory.buffers;
  const got = scope(() => run(op as never, make(composed) as never, params));
  expect(got.map(({ shape }) => shape)).toEqual(want.map(({ shape }) => shape));
  for (const [i, tensor] of got.entries()) {
    assertClose(await tensor.data(), await want[i]!.data(), { atol: 1e-6, rtol: 1e-5 });
    tensor.dispose();
  }
  expect(composed.memory.buffers, 'buffers left behind').toBe(before);
}

it.each(['linear', 'gated', 'delta', 'gated_delta'] as const)(
  'no tokens leave the state of the rule %s as it is, in memory of its own',
  async (rule) => {
    const [B, H, Hkv, D, Dv] = [2, 4, 2, 3, 5];
    const make = (d: Device) => ({
      q: zeros(d, [B, 0, H, D]),
      k: zeros(d, [B, 0, Hkv, D]),
      v: zeros(d, [B, 0, Hkv, Dv]),
      S: seeded(d, [B, Hkv, D, Dv], 1),
      z: rule === 'linear' ? seeded(d, [B, Hkv, D], 2) : undefined,
      decay: rule.startsWith('gated') ? zeros(d, [B, 0, Hkv, 1]) : undefined,
      beta: rule.endsWith('delta') ? zeros(d, [B, 0, Hkv]) : undefined,
    });
    const params = { rule, feature: 'none', scale: 1, eps: 0, causal: true } as const;
    await compare(linearAttentionOp, make, params);
    const inputs = make(withoutKernels(createReference(), linearAttentionOp));
    const { S } = linearAttention(inputs, params);
    inputs.S.write(0, S);
  },
);

/** The most bytes that are alive at once while a composition runs. Nothing is computed: results are only allocated. */
function peakBytes(
  op: typeof linearAttentionOp | typeof additiveScoresOp,
  shapes: Readonly<Record<string, readonly number[]>>,
  params: object,
): number {
  const reference = createReference();
  const device = Object.assign(withoutKernels(reference, op), {
    run: ({ outputs }: OpCall) => outputs.map(({ shape, dtype }) => reference.allocate(sizeOf(shape), dtype)),
  });
  scope(() => {
    const inputs = Object.entries(shapes).map(([name, shape]) => [name, zeros(device, shape)]);
    run(op as never, Object.fromEntries(inputs) as never, params);
  });
  return device.memory.peakBytes;
}

const sizes = [
  [1, 1, 1, 1, 1, 1],
  [2, 7, 6, 2, 5, 3],
  [1, 70, 2, 1, 4, 6],
  [2, 130, 3, 3, 3, 2],
] as const;

it.each(sizes)('composes linear attention: [%i, %i, %i/%i, %i, %i]', async (B, L, H, Hkv, D, Dv) => {
  for (const causal of [true, false])
    for (const normalised of [true, false])
      for (const feature of ['none', 'elu+1'] as const)
        await compare(
          linearAttentionOp,
          (d) => ({
            q: seeded(d, [B, L, H, D], 1),
            k: seeded(d, [B, L, Hkv, D], 2),
            v: seeded(d, [B, L, Hkv, Dv], 3),
            S: seeded(d, [B, Hkv, D, Dv], 4),
            z: normalised && feature === 'elu+1' ? seeded(d, [B, Hkv, D], 5) : undefined,
          }),
          { rule: 'linear', feature, scale: 0.7, eps: 30, causal },
        );
});

it.each(sizes.slice(0, 2))(
  'composes the other rules: [%i, %i, %i/%i, %i, %i]',
  async (B, L, H, Hkv, D, Dv) => {
    for (const rule of ['gated', 'delta', 'gated_delta'] as const)
      for (const wide of [true, false])
        await compare(
          linearAttentionOp,
          (d) => ({
            q: seeded(d, [B, L, H, D], 1),
            k: seeded(d, [B, L, Hkv, D], 2),
            v: seeded(d, [B, L, Hkv, Dv], 3),
            S: seeded(d, [B, Hkv, D, Dv], 4),
            decay: rule === 'delta' ? undefined : seeded(d, [B, L, Hkv, wide ? D : 1], 5),
            beta: rule === 'gated' ? undefined : seeded(d, [B, L, wide ? Hkv : 1], 6),
          }),
          { rule, feature: 'none', scale: 1, eps: 0, causal: true },
        );
  },
);

it.each([
  [1, 33, 2, 1, 4, 6],
  [2, 70, 4, 2, 8, 5],
  [1, 65, 3, 3, 3, 2],
] as const)('composes the delta rules in chunks: [%i, %i, %i/%i, %i, %i]', async (B, L, H, Hkv, D, Dv) => {
  for (const rule of ['delta', 'gated_delta'] as const)
    for (const wide of [true, false])
      await compare(
        linearAttentionOp,
        (d) => ({
          q: seeded(d, [B, L, H, D], 1),
          k: rmsNorm(seeded(d, [B, L, Hkv, D], 2), tensor(d, new Float32Array(D).fill(D ** -0.5), [D])),
          v: seeded(d, [B, L, Hkv, Dv], 3),
          S: seeded(d, [B, Hkv, D, Dv], 4),
          // from hardly anything to all of it is forgotten
          decay:
            rule === 'delta'
              ? undefined
              : binary(seeded(d, [B, L, Hkv, wide ? D : 1], 5), tensor(d, [-1], []), 'add'),
          beta: unary(seeded(d, [B, L, wide ? Hkv : 1], 6), 'sigmoid'),
        }),
        { rule, feature: 'none', scale: 0.5, eps: 0, causal: true },
      );
});

it.each([1, 4])(
  'one key again and again, and a token that forgets everything, in chunks: %i',
  async (width) => {
    const [L, D, Dv] = [50, 4, 3];
    const decay = Array.from({ length: L }, (_, t) => (t === 20 ? -Infinity : t % 7 === 0 ? -40 : -0.001));
    await compare(
      linearAttentionOp,
      (d) => ({
        q: seeded(d, [1, L, 1, D], 1),
        k: tensor(d, new Float32Array(L * D).fill(0.5), [1, L, 1, D]),
        v: seeded(d, [1, L, 1, Dv], 3),
        S: seeded(d, [1, 1, D, Dv], 4),
        decay: tensor(
          d,
          decay.flatMap((kept) => Array<number>(width).fill(kept)),
          [1, L, 1, width],
        ),
        beta: tensor(d, new Float32Array(L).fill(1), [1, L, 1]),
      }),
      { rule: 'gated_delta', feature: 'none', scale: 1, eps: 0, causal: true },
    );
  },
);

it('composes additive scores, queries in pieces, with every form of a bias', async () => {
  for (const bias of [undefined, [1, 1], [2, 1], [1, 6], [2, 6]] as const)
    await compare(
      additiveScoresOp,
      (d) => ({
        q: seeded(d, [2, 7, 6, 5], 1),
        k: seeded(d, [2, 9, 2, 5], 2),
        score: seeded(d, [6, 5], 3),
        bias: bias && seeded(d, [...bias, 7, 9], 4),
      }),
      {},
    );
  // more numbers than one piece may have: pieces of three queries, and one left over
  await compare(
    additiveScoresOp,
    (d) => ({
      q: seeded(d, [1, 7, 2, 33], 1),
      k: seeded(d, [1, 1300, 2, 33], 2),
      score: seeded(d, [2, 33], 3),
    }),
    {},
  );
});

it('a bias of −Infinity hides a score of NaN, by reference, kernel and composition', async () => {
  const only = ['reference', 'gpujs:cpu', 'gpujs:webasm'];
  const devices = await openDevices({ only, expected: only });
  for (const device of [...devices, withoutKernels(createReference(), additiveScoresOp)]) {
    const q = tensor(device, [Number.NaN, 0.5], [1, 2, 1, 1]);
    const k = tensor(device, [1, 2], [1, 2, 1, 1]);
    const bias = tensor(device, [-Infinity, -Infinity, -Infinity, 1], [1, 1, 2, 2]);
    const scores = additiveScores(q, k, tensor(device, [1], [1, 1]), bias);
    const data = await scores.data();
    expect([...data.subarray(0, 3)], device.name).toEqual([-Infinity, -Infinity, -Infinity]);
    expect(data[3], device.name).toBeCloseTo(1 + Math.tanh(2.5), 5);
  }
  for (const device of devices) device.dispose();
});

it('composes the difference of two maps', async () => {
  const vectors = (d: Device) => ({
    lambdaQ1: seeded(d, [5], 3),
    lambdaK1: seeded(d, [5], 4),
    lambdaQ2: seeded(d, [5], 5),
    lambdaK2: seeded(d, [5], 6),
  });
  await compare(
    differentialMixOp,
    (d) => ({ a: seeded(d, [2, 3, 7], 1), b: seeded(d, [2, 3, 7], 2), ...vectors(d) }),
    { init: 0.2 },
  );
});

it('additive scores of more queries take the memory of their scores, not of what is summed', () => {
  const [H, Lk, A] = [2, 1024, 32];
  const peak = (Lq: number): number =>
    peakBytes(additiveScoresOp, { q: [1, Lq, H, A], k: [1, Lk, H, A], score: [H, A] }, {});
  // 64 queries are one piece
  expect(peak(1024) - peak(128)).toBeLessThan(4 * 4 * H * Lk * (1024 - 128));
});

it.each(['linear', 'gated', 'gated_delta'] as const)(
  'memory grows with the tokens of the rule %s, not with their square',
  (rule) => {
    const [H, D, Dv] = [2, 8, 8];
    const peak = (L: number): number =>
      peakBytes(
        linearAttentionOp,
        {
          q: [1, L, H, D],
          k: [1, L, H, D],
          v: [1, L, H, Dv],
          S: [1, H, D, Dv],
          ...(rule !== 'linear' && { decay: [1, L, H, 1] }),
          ...(rule === 'gated_delta' && { beta: [1, L, H] }),
        },
        { rule, feature: 'none', scale: 1, eps: 0, causal: true },
      );
    expect(peak(2048) / peak(512)).toBeLessThan(4);
    // of each token q, k, v, each of them with the heads first, and the output twice; which tokens of a chunk of 32 are
    // between which two, once
    expect(peak(2048)).toBeLessThan(10 * 4 * 2048 * H * D + (rule === 'gated_delta' ? 4 * 32 ** 3 : 0));
  },
);
