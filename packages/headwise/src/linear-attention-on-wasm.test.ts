import { type LinearAttentionInputs, linearAttention, linearAttentionOp } from '@headwise/attention-variants';
import { createWasm, type WasmDevice } from '@headwise/device-wasm';
import { createWasm as createLight } from '@headwise/device-wasm/light';
import { createReference, type Device, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

type Rule = 'gated' | 'delta' | 'gated_delta';

/** What a call is given: numbers by name, and their shapes. */
type Given = Readonly<Record<string, readonly [values: Float32Array, shape: readonly number[]] | undefined>>;

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly Dv: number;
}

interface Form {
  readonly rule: Rule;
  /** A decay for each channel, and a beta for each head. */
  readonly wide?: boolean;
  readonly feature?: 'none' | 'elu+1';
  /** A state that earlier tokens left; else zeros. */
  readonly left?: boolean;
}

const kinds = ['simd128, one thread', 'one thread', 'two threads', 'light'] as const;
let wasm: readonly WasmDevice[];
beforeAll(async () => {
  wasm = [
    await createWasm({ simd: 'simd128', threads: 1 }),
    await createWasm({ threads: 1 }),
    await createWasm({ threads: 2 }),
    (await createLight({ threads: 2 })) as WasmDevice,
  ];
});
afterAll(() => {
  for (const device of wasm) {
    expect(device.memory.buffers).toBe(0);
    device.dispose();
  }
});

const inputsOf = (
  { B, L, H, Hkv, D, Dv }: Sizes,
  { rule, wide = false, left = true }: Omit<Form, 'feature'>,
): Given => {
  const values = (shape: readonly number[], seed: number, change = (x: number): number => x) =>
    [
      seededValues(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ).map(change),
      shape,
    ] as const;
  return {
    q: values([B, L, H, D], 1),
    // a correction never writes more than what is missing
    k: values([B, L, Hkv, D], 2, (x) => x / Math.sqrt(D)),
    v: values([B, L, Hkv, Dv], 3),
    S: values([B, Hkv, D, Dv], 4, (x) => (left ? x : 0)),
    decay: rule === 'delta' ? undefined : values([B, L, Hkv, wide ? D : 1], 5, (x) => 0.5 * (x - 1)),
    beta: rule === 'gated' ? undefined : values([B, L, wide ? Hkv : 1], 6, (x) => 0.5 * (x + 1)),
  };
};

async function results(device: Device, given: Given, { rule, feature = 'none' }: Form) {
  const inputs: Record<string, Tensor> = {};
  for (const [name, entry] of Object.entries(given)) if (entry) inputs[name] = tensor(device, ...entry);
  const { out, S } = linearAttention(inputs as unknown as LinearAttentionInputs, {
    rule,
    feature,
    scale: 0.7,
  });
  const read = [await out.data(), await S.data()] as const;
  for (const made of [...Object.values(inputs), out, S]) made.dispose();
  return read;
}

/** Every wasm device gives what the reference gives, and all with the same instructions the same bits. */
async function agree(given: Given, form: Form): Promise<void> {
  const want = await results(createReference(), given, form);
  const got = await Promise.all(wasm.map((device) => results(device, given, form)));
  for (const [n, kind] of kinds.entries())
    for (const i of [0, 1] as const) {
      expect(got[n]![i].length, kind).toBe(want[i].length);
      assertClose(got[n]![i], want[i], { atol: 5e-6, rtol: 1e-5 });
      if (n > 0) expect(got[n]![i], `bits of ${kind}`).toEqual(got[1]![i]);
    }
}

const forms: readonly Form[] = [
  { rule: 'gated' },
  { rule: 'gated', wide: true, feature: 'elu+1' },
  { rule: 'delta' },
  { rule: 'delta', wide: true, left: false },
  { rule: 'gated_delta', left: false },
  { rule: 'gated_delta', wide: true },
];

it.each([
  [1, 1, 1, 1, 1, 1],
  [2, 0, 4, 2, 3, 5],
  [2, 1, 6, 2, 5, 17],
  [1, 1, 8, 8, 64, 64],
  [2, 7, 6, 2, 5, 3],
  [2, 70, 6, 3, 33, 50],
  [1, 70, 2, 1, 6, 16],
] as const)('is what the reference is: [%i, %i, %i/%i, %i, %i]', async (B, L, H, Hkv, D, Dv) => {
  const sizes = { B, L, H, Hkv, D, Dv };
  for (const form of forms) await agree(inputsOf(sizes, form), form);
});

it.each([false, true])(
  'forgets all where a decay is −∞, and some where it is long: a channel %s',
  async (wide) => {
    const sizes = { B: 1, L: 40, H: 4, Hkv: 2, D: 7, Dv: 5 };
    const form = { rule: 'gated_delta', wide } as const;
    const given = inputsOf(sizes, form);
    const [decay, shape] = given.decay!;
    const chosen = decay.map((x, n) => [x, x, -Infinity, -90, x, -200, 0][n % 7]!);
    await agree({ ...given, decay: [chosen, shape] }, form);
  },
);

it('a NaN stays where it is: in the heads, and from the token on, that it was given to', async () => {
  const sizes = { B: 2, L: 3, H: 4, Hkv: 2, D: 5, Dv: 6 };
  for (const name of ['decay', 'k', 'v', 'beta'] as const) {
    const form = { rule: 'gated_delta', wide: true } as const;
    const given = inputsOf(sizes, form);
    const [values, shape] = given[name]!;
    const spoilt = Float32Array.from(values);
    // token 1 of the first text, the second head
    spoilt[Math.floor((1.5 * spoilt.length) / (sizes.B * sizes.L))] = Number.NaN;
    await agree({ ...given, [name]: [spoilt, shape] }, form);
    const [out] = await results(wasm[0]!, { ...given, [name]: [spoilt, shape] }, form);
    expect(out.some(Number.isNaN), name).toBe(true);
    expect(out.every(Number.isNaN), name).toBe(false);
  }
});

it('one token after the other is all at once, to the bit, and leaves the state before it alone', async () => {
  const sizes = { B: 1, L: 9, H: 2, Hkv: 1, D: 6, Dv: 18 };
  const form = { rule: 'gated_delta', wide: true } as const;
  const given = inputsOf(sizes, form);
  const [out, last] = await results(wasm[2]!, given, form);
  let state = given.S!;
  const width = sizes.H * sizes.Dv;
  for (let t = 0; t < sizes.L; t++) {
    const token = Object.fromEntries(
      Object.entries(given).map(([name, entry]) => {
        const [values, shape] = entry!;
        const each = values.length / sizes.L;
        if (name === 'S') return [name, state];
        return [name, [values.slice(t * each, (t + 1) * each), [1, 1, ...shape.slice(2)]] as const];
      }),
    );
    const [y, after] = await results(wasm[2]!, token, form);
    expect(y).toEqual(out.slice(t * width, (t + 1) * width));
    state = [after as Float32Array, state[1]];
  }
  expect(state[0]).toEqual(last);

  const S = tensor(wasm[0]!, ...given.S!);
  const { q, k, v } = Object.fromEntries(
    (['q', 'k', 'v'] as const).map((name) => [name, tensor(wasm[0]!, given[name]![0], given[name]![1])]),
  ) as { q: Tensor; k: Tensor; v: Tensor };
  const beta = tensor(wasm[0]!, ...given.beta!);
  const result = linearAttention({ q, k, v, S, beta } as LinearAttentionInputs, { rule: 'delta' });
  expect(await S.data()).toEqual(given.S![0]);
  for (const made of [S, q, k, v, beta, result.out, result.S]) made.dispose();
});

it('says which rule it has a kernel for', () => {
  const supports = (rule: string) => wasm[0]!.supports(linearAttentionOp, {}, { rule });
  for (const { rule } of forms) expect(supports(rule)).toEqual([]);
  expect(supports('linear')).toEqual([
    'the kernel takes a state that decays or is corrected; the rule linear is made of products',
  ]);
});
