import { createDevice, type Device, reduce, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { clampedSwiglu } from './clamped-swiglu.ts';
import { createExperts } from './experts.ts';

const [B, L, E, X, F] = [2, 3, 5, 7, 3];
const silu = (x: number, alpha = 1): number => x / (1 + Math.exp(-alpha * x));
const clamp = (x: number, limit: number): number => Math.min(Math.max(x, -limit), limit);

const acts = {
  swiglu: (gate: number, up: number) => silu(gate) * up,
  clamped: (gate: number, up: number) => silu(Math.min(gate, 0.4), 1.702) * (clamp(up, 0.4) + 1),
};
const gates = { swiglu: undefined, clamped: clampedSwiglu({ alpha: 1.702, limit: 0.4 }) };

type Numbers = ReadonlyMap<string, Float32Array>;

/** Token by token, expert by expert. */
function expected(x: Float32Array, weights: Numbers, k: number, act: (gate: number, up: number) => number) {
  const at = (name: string, n: number): number => weights.get(name)?.[n] ?? 0;
  const y = new Float64Array(B * L * E);
  for (let t = 0; t < B * L; t++) {
    const times = (name: string, row: number): number =>
      Array.from({ length: E }, (_, i) => at(name, row * E + i) * x[t * E + i]!).reduce((a, b) => a + b) +
      at(`${name}.bias`, row);
    const scores = Array.from({ length: X }, (_, e) => times('router', e));
    const order = scores.map((_, e) => e).sort((a, b) => scores[b]! - scores[a]! || a - b);
    const chosen = order.slice(0, k);
    const total = chosen.reduce((sum, e) => sum + Math.exp(scores[e]!), 0);
    for (const e of chosen)
      for (let o = 0; o < E; o++) {
        let out = at('down.bias', e * E + o);
        for (let f = 0; f < F; f++)
          out += at('down', (e * E + o) * F + f) * act(times('gate', e * F + f), times('up', e * F + f));
        y[t * E + o]! += (Math.exp(scores[e]!) / total) * out;
      }
  }
  return y;
}

function run(device: Device, name: keyof typeof acts, { k, bias }: { k: number; bias: boolean }) {
  const experts = createExperts({ X, k, F, bias, gate: gates[name] });
  const shapes = Object.entries(experts.parameters(E));
  const numbers = new Map(
    shapes.map(([weight, shape], i) => [
      weight,
      seededValues(
        shape.reduce((a, b) => a * b, 1),
        i + 1,
      ),
    ]),
  );
  const x = seededValues(B * L * E, 99);
  const weights = Object.fromEntries(
    shapes.map(([weight, shape]) => [weight, tensor(device, numbers.get(weight)!, shape)]),
  );
  return { y: experts.apply(tensor(device, x, [B, L, E]), weights), x, numbers };
}

describe.each(['reference', 'wasm', 'gpujs:webasm'])('a mixture of experts on %s', (name) => {
  it.each([
    ['swiglu', 2, false],
    ['swiglu', 1, true],
    ['clamped', 3, true],
    ['clamped', X, false],
  ] as const)('%s, %i of 7, biases %s', async (act, k, bias) => {
    const { y, x, numbers } = run(await createDevice(name), act, { k, bias });
    expect(y.shape).toEqual([B, L, E]);
    assertClose(await y.data(), expected(x, numbers, k, acts[act]), { atol: 1e-5, rtol: 1e-4 });
  });

  it('gives a tie to the lower one', async () => {
    const device = await createDevice(name);
    const experts = createExperts({ X: 3, k: 1, F: 1 });
    const number = (values: number[], shape: number[]) => tensor(device, values, shape);
    const weights = {
      router: number([0, 1, 1], [3, 1]),
      gate: number([1, 2, 3], [3, 1]),
      up: number([1, 1, 1], [3, 1]),
      down: number([1, 1, 1], [3, 1]),
    };
    const y = experts.apply(number([1], [1, 1, 1]), weights);
    assertClose(await y.data(), [silu(2)], { atol: 1e-6, rtol: 1e-6 });
  });

  it('reads nothing back', async () => {
    const device = await createDevice(name);
    const before = device.read;
    let reads = 0;
    device.read = (...args: Parameters<Device['read']>) => {
      reads += 1;
      return before.apply(device, args);
    };
    const { y } = run(device, 'swiglu', { k: 2, bias: true });
    expect(reads).toBe(0);
    await reduce(y, 'sum').data();
    expect(reads).toBe(1);
  });
});

it('refuses more experts a token than there are', async () => {
  const device = await createDevice('reference');
  expect(() => run(device, 'swiglu', { k: X + 1, bias: false })).toThrow(
    'topK: k must be a whole number from 1 to 7',
  );
});
