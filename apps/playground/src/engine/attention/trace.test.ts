import { readFileSync } from 'node:fs';
import { configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { wasm } from '@headwise/device-wasm';
import { createDevice, type Device } from '@headwise/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { shippedFromDisk } from '../../testing/shipped.ts';
import type { ShippedModel } from '../shipped-model.ts';
import { type Trace, trace } from './trace.ts';
import { VariantModels } from './variant-models.ts';

let device: Device;
let shipped: ShippedModel;
let models: VariantModels;
beforeAll(async () => {
  device = await createDevice('wasm', { devices: [wasm] });
  shipped = await shippedFromDisk();
  models = await VariantModels.create(device, shipped);
});
afterAll(() => device.dispose());

const text = 'Once upon a time there was a little cat.';
const run = (
  variant: string,
  options: Record<string, unknown> = {},
  layer = 2,
  kept = true,
): Promise<Trace> =>
  trace(models.get(variant, options), shipped.tokenizer, { text, variant, options, layer, kept });

const hasScores = (name: string): boolean => configure(variants[name as 'multi-head']).score(0) !== undefined;

const names = Object.values(variants)
  .filter((variant) => !('needsSource' in variant && variant.needsSource))
  .map(({ name }) => name);

it.each(names)(
  '%s: its weights are the softmax of its scores, and its mask is what it hides',
  async (name) => {
    const { weights, scores, lse, mask, ids, H } = await run(name);
    const L = ids.length;
    if (!weights) return expect(hasScores(name)).toBe(false);
    for (let h = 0; h < H; h++)
      for (let i = 0; i < L; i++) {
        let sum = 0;
        for (let j = 0; j < L; j++) {
          const at = (h * L + i) * L + j;
          if (!Number.isNaN(weights[at]!)) sum += weights[at]!;
          if (!scores || !lse) continue;
          expect(Number.isNaN(scores[at]!)).toBe(Number.isNaN(mask![i * L + j]!));
          if (Number.isNaN(scores[at]!)) expect(weights[at]).toBeNaN();
          else expect(weights[at]).toBeCloseTo(Math.exp(scores[at]! - lse[h * L + i]!), 4);
        }
        if (!['differential', 'learned-sinks', 'native-sparse', 'stick-breaking'].includes(name))
          expect(sum).toBeCloseTo(1, 4);
      }
  },
);

it('computes its raw scores from the queries and keys it shows', async () => {
  const { q, k, raw, parts, ids } = await run('grouped-query');
  const L = ids.length;
  const dot = (h: number, i: number, j: number): number => {
    let sum = 0;
    const kv = Math.floor((h * k!.heads) / q!.heads);
    for (let d = 0; d < q!.width; d++)
      sum += q!.values[(i * q!.heads + h) * q!.width + d]! * k!.values[(j * k!.heads + kv) * k!.width + d]!;
    return sum * parts!.scale;
  };
  for (const [h, i, j] of [
    [0, 3, 1],
    [5, 9, 9],
    [2, 7, 0],
  ] as const)
    expect(raw![(h * L + i) * L + j]).toBeCloseTo(dot(h, i, j), 3);
});

it('says where the weights come from', async () => {
  const origin = async (name: string, options = {}) => (await run(name, options)).provenance.origin;
  expect(await origin('grouped-query')).toBe('trained');
  expect(await origin('multi-query')).toBe('converted');
  expect(await origin('multi-head')).toBe('converted');
  expect(await origin('sliding-window', { window: 4 })).toBe('converted');
  expect(await origin('multi-head-latent')).toBe('random');
  expect(await origin('differential')).toBe('random');
});

it('copies heads without changing a number, and pools them with changing some', async () => {
  const [own, copied, pooled] = await Promise.all(
    ['grouped-query', 'multi-head', 'multi-query'].map((name) => run(name)),
  );
  const far = (a: Trace, b: Trace): number =>
    Math.max(...Array.from(a.weights!, (value, i) => Math.abs((value || 0) - (b.weights![i] || 0))));
  expect(far(own!, copied!)).toBeLessThan(1e-4);
  expect(far(own!, pooled!)).toBeGreaterThan(1e-2);
  expect(copied!.footprint.bytes).toBe(3 * own!.footprint.bytes);
  expect(pooled!.footprint.bytes * 2).toBe(own!.footprint.bytes);
});

it('shows what a cache really holds: all, a window, a state', async () => {
  const full = await run('grouped-query');
  const L = full.ids.length;
  const [k] = full.kept!.tensors;
  expect([k!.rows, k!.columns]).toEqual([L, 32]);
  for (const i of [0, 77, k!.values.length - 1]) expect(k!.values[i]).toBeCloseTo(full.k!.values[i]!, 3);
  const windowed = await run('sliding-window', { window: 4 });
  const held = windowed.kept!.tensors[0]!.positions!.filter((position) => position >= 0);
  expect(held.sort((a, b) => a - b)).toEqual([L - 4, L - 3, L - 2, L - 1]);
  const state = await run('linear');
  expect(state.kept!.kind).toBe('recurrent');
  const shared = await run('cross-layer', {}, 1);
  expect(shared.kept!.id).toBe('0.self');
});

it('names a variant that there is not, and an option that does not fit, in the library’s words', () => {
  expect(() => models.get('nope', {})).toThrow(/There is no variant “nope”. There are multi-head, /);
  expect(() => models.get('sliding-window', { window: 0 })).toThrow(/sliding-window: window must be/);
});

it('reads texts beyond what the model was trained for, and cuts what is too long', async () => {
  const long = 'the little cat '.repeat(600);
  const traced = await trace(models.get('grouped-query', {}), shipped.tokenizer, {
    text: long,
    variant: 'grouped-query',
    options: {},
    layer: 0,
    kept: false,
  });
  expect(traced.ids.length).toBe(1024);
  expect(traced.cut).toBeGreaterThan(0);
  expect(traced.thumbs!.size).toBe(40);
});

it('the recorded example is what is computed today', async () => {
  const recorded = JSON.parse(
    readFileSync(new URL('../../views/attention/recorded.json', import.meta.url), 'utf8'),
  ) as { readonly text: string; readonly trace: Record<string, unknown> };
  const variant = 'grouped-query';
  const now = await trace(models.get(variant, {}), shipped.tokenizer, {
    text: recorded.text,
    variant,
    options: {},
    layer: recorded.trace.layer as number,
    kept: false,
  });
  expect(recorded.trace.pieces).toEqual(now.pieces);
  for (const name of ['weights', 'scores', 'raw'] as const) {
    const kept = recorded.trace[name] as readonly (number | null)[];
    expect(kept.length).toBe(now[name]!.length);
    kept.forEach((value, i) => {
      if (value === null) expect(now[name]![i]).toBeNaN();
      else expect(Math.abs(value - now[name]![i]!)).toBeLessThan(1e-3);
    });
  }
});
