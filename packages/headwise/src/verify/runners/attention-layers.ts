import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import {
  configure,
  groupedQuery,
  multiHeadLatent,
  slidingWindow,
  splitLatentUp,
} from '@headwise/attention-variants';
import { createStates } from '@headwise/kv-cache';
import { rotary } from '@headwise/positional';
import {
  createPositions,
  type Device,
  type LayerState,
  type PositionEncoding,
  type RotaryLayout,
  scope,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import type { Got, VerifyCase } from '../contract.ts';
import { floats, floatTensor } from '../operands.ts';
import { everyWay, inputsOf, refuseOthers } from './attention-operands.ts';
import { moveAxis } from './axes.ts';

interface LayerRun {
  readonly device: Device;
  readonly attention: ConfiguredVariant;
  readonly shape: LayerShape;
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly position: PositionEncoding;
  /** `[B, T, E]`, row-major. */
  readonly x: { readonly shape: readonly number[]; readonly data: Float32Array };
}

interface LayerOutput {
  /** `[B, T, E]` */
  readonly y: Float32Array;
  /** `[B, H, T, T]`, from runs in one piece. */
  readonly weights?: Tensor | undefined;
  readonly state: LayerState;
}

/** One layer over a sequence, in pieces of these lengths, with what it keeps carried from piece to piece. */
async function runLayer(run: LayerRun, steps: readonly number[]): Promise<LayerOutput> {
  const { device, attention, shape, weights, position, x } = run;
  const [B, T, E] = x.shape as [number, number, number];
  const [state] = createStates([attention.kv(shape, 0)], { device, B, capacity: T });
  const y = new Float32Array(B * T * E);
  let kept: Tensor | undefined;
  let start = 0;
  for (const L of steps) {
    const piece = new Float32Array(B * L * E);
    for (let b = 0; b < B; b++)
      piece.set(x.data.subarray((b * T + start) * E, (b * T + start + L) * E), b * L * E);
    const result = scope(() =>
      attention.layer({
        x: tensor(device, piece, [B, L, E]),
        weights,
        state: state!,
        positions: createPositions(device, { start, L }),
        position,
        shape,
        layer: 0,
        ...(steps.length === 1 && { extras: ['weights'] as const }),
      }),
    );
    const rows = (await result.y.data()) as Float32Array;
    for (let b = 0; b < B; b++) y.set(rows.subarray(b * L * E, (b + 1) * L * E), (b * T + start) * E);
    kept = result.weights;
    start += L;
  }
  return { y, weights: kept, state: state! };
}

/** What a state holds of one kind of row, oldest first: `[B, T, ...row]`. */
async function heldRows(state: LayerState, name: string, T: number) {
  const rows = state.view().rows[name]!;
  const [B, slots, ...row] = rows.shape as [number, number, ...number[]];
  const width = row.reduce((size, axis) => size * axis, 1);
  const data = (await rows.data()) as Float32Array;
  const held = new Float32Array(B * T * width);
  for (let b = 0; b < B; b++)
    held.set(data.subarray(b * slots * width, (b * slots + T) * width), b * T * width);
  return { shape: [B, T, ...row], data: held };
}

/** A rotation whose layout the case says in words: `halves (i, i+d/2)`, `interleaved pairs (2i,2i+1)`. */
function rotationOf({ attributes }: VerifyCase): PositionEncoding {
  const layout: RotaryLayout = String(attributes.rope_layout).startsWith('interleaved')
    ? 'interleaved'
    : 'half';
  return rotary({ base: Number(attributes.rope_theta), layout });
}

/** DeepSeek-V2's layer: one pass naive, one pass absorbed, and token by token, which reads the latents as cached. */
export async function runLatent(testCase: VerifyCase, device: Device): Promise<Got> {
  const names = ['x', 'kv_a_proj', 'kv_a_norm', 'kv_b_proj', 'o_proj'] as const;
  refuseOthers(testCase, [...names, 'q_proj', 'q_a_proj', 'q_a_norm', 'q_b_proj']);
  const { attributes, inputs, outputs } = testCase;
  const given = inputsOf(testCase, ...names);
  const [H, dc, D, dR, Dv] = [
    'num_heads',
    'kv_lora_rank',
    'qk_nope_head_dim',
    'qk_rope_head_dim',
    'v_head_dim',
  ].map((name) => Number(attributes[name])) as [number, number, number, number, number];
  const [B, T, E] = given.x.shape as [number, number, number];
  const shape = { E, H, D, Dv, layers: 1 };
  const query = inputs.q_proj
    ? { q: inputs.q_proj }
    : inputsOf(
        { ...testCase, inputs: { qDown: inputs.q_a_proj!, qNorm: inputs.q_a_norm!, qUp: inputs.q_b_proj! } },
        'qDown',
        'qNorm',
        'qUp',
      );
  const { kUp, vUp } = splitLatentUp(floats(given.kv_b_proj), { H, D, Dv, latent: dc });
  const weights: Record<string, Tensor> = {
    ...Object.fromEntries(Object.entries(query).map(([name, host]) => [name, floatTensor(device, host)])),
    kvDown: floatTensor(device, given.kv_a_proj),
    kvNorm: floatTensor(device, given.kv_a_norm),
    kUp: tensor(device, kUp, [H, D, dc]),
    vUp: tensor(device, vUp, [H, Dv, dc]),
  };
  const x = { shape: given.x.shape, data: floats(given.x) };
  const options = {
    latent: dc,
    rope: dR,
    queryLatent: inputs.q_proj ? undefined : inputs.q_a_proj!.shape[0]!,
    normEps: Number(attributes.norm_eps),
    scale: Number(attributes.scale),
  };
  const run = (prefill: 'naive' | 'absorbed', o: Float32Array, steps: readonly number[]) =>
    runLayer(
      {
        device,
        attention: configure(multiHeadLatent, { ...options, prefill }),
        shape,
        weights: { ...weights, o: tensor(device, o, [E, H * Dv]) },
        position: rotationOf(testCase),
        x,
      },
      steps,
    );
  const way = (prefill: 'naive' | 'absorbed', steps: readonly number[]) => async (): Promise<Got> => {
    const { y, state, weights: probs } = await run(prefill, floats(given.o_proj), steps);
    const latent = await heldRows(state, 'latent', T);
    const part = (from: number, width: number) => ({
      shape: [B, T, width],
      data: Float32Array.from(
        { length: B * T * width },
        (_, i) => latent.data[Math.floor(i / width) * (dc + dR) + from + (i % width)]!,
      ),
    });
    const whole = (await (
      probs ?? (await run('absorbed', floats(given.o_proj), [T])).weights!
    ).data()) as Float32Array;
    return {
      y: { shape: given.x.shape, data: y },
      probs: { shape: [B, H, T, T], data: whole },
      cache_latent: part(0, dc),
      cache_k_rope: part(dc, dR),
      ...(outputs.head_outputs && {
        head_outputs: await headOutputs((o) => run(prefill, o, steps), { B, T, E, H, Dv }),
      }),
    };
  };
  return everyWay(testCase, [
    way('naive', [T]),
    way('absorbed', [T]),
    way('absorbed', Array<number>(T).fill(1)),
  ]);
}

/** What the output projection is given, `[B, H, T, Dv]`: seen through projections that pick E numbers at a time. */
async function headOutputs(
  run: (o: Float32Array) => Promise<LayerOutput>,
  { B, T, E, H, Dv }: Record<'B' | 'T' | 'E' | 'H' | 'Dv', number>,
): Promise<Got[string]> {
  const width = H * Dv;
  const rows = new Float32Array(B * T * width);
  for (let from = 0; from < width; from += E) {
    const pick = new Float32Array(E * width);
    for (let e = 0; e < Math.min(E, width - from); e++) pick[e * width + from + e] = 1;
    const { y } = await run(pick);
    for (let row = 0; row < B * T; row++)
      rows.set(y.subarray(row * E, row * E + Math.min(E, width - from)), row * width + from);
  }
  return moveAxis({ shape: [B, T, H, Dv], data: rows }, 1, 2);
}

/** Grouped-query attention with a cache: in one pass, in the chunks of the case, and token by token. */
export async function runGroupedDecode(testCase: VerifyCase, device: Device): Promise<Got> {
  const names = ['x', 'wq', 'wk', 'wv', 'wo'] as const;
  refuseOthers(testCase, names);
  const { attributes } = testCase;
  const given = inputsOf(testCase, ...names);
  const [, T, E] = given.x.shape as [number, number, number];
  const [H, Hkv, D] = [attributes.num_heads, attributes.num_kv_heads, attributes.head_dim].map(Number) as [
    number,
    number,
    number,
  ];
  const causal = attributes.causal !== false;
  const { window } = attributes;
  const run: LayerRun = {
    device,
    attention:
      typeof window === 'number'
        ? configure(slidingWindow, { window, Hkv, causal })
        : configure(groupedQuery, { Hkv, causal }),
    shape: { E, H, D, layers: 1 },
    weights: Object.fromEntries(
      ['q', 'k', 'v', 'o'].map((name) => [name, floatTensor(device, given[`w${name}` as 'wq'])]),
    ),
    position: rotationOf(testCase),
    x: { shape: given.x.shape, data: floats(given.x) },
  };
  // a cache of everything, whatever the window of the attention: the case wants all rows
  const all = { ...run, attention: configure(groupedQuery, { Hkv, causal }) };
  const { state } = await runLayer(all, [T]);
  const cache_keys = moveAxis(await heldRows(state, 'k', T), 1, 2);
  const cache_values = moveAxis(await heldRows(state, 'v', T), 1, 2);
  const steps = attributes.steps as readonly number[];
  return everyWay(
    testCase,
    [[T], steps, Array<number>(T).fill(1)].map((pieces) => async () => ({
      y: { shape: given.x.shape, data: (await runLayer(run, pieces)).y },
      cache_keys,
      cache_values,
    })),
  );
}
