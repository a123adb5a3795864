import { splitLatentUp } from '@headwise/attention-variants';
import { rotary } from '@headwise/positional';
import {
  concat,
  createPositions,
  type Device,
  headLinear,
  linear,
  type Rotation,
  rmsNorm,
  slice,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import type { Got, VerifyCase } from '../contract.ts';
import { floats, floatTensor } from '../operands.ts';
import { everyWay, inputsOf, refuseOthers } from './attention-operands.ts';
import { type HostArray, moveAxis } from './axes.ts';
import { growingCaches, heldRows, type Passage, passCausal, piecesOf, rings } from './caches-through.ts';

/** Keys cached after rotation, values as they are; in the steps of the case and token by token. */
export async function runDecodeThroughCaches(testCase: VerifyCase, device: Device): Promise<Got> {
  const names = ['x', 'wq', 'wk', 'wv', 'wo'] as const;
  refuseOthers(testCase, names);
  const { attributes } = testCase;
  const given = inputsOf(testCase, ...names);
  const [B, T] = given.x.shape as [number, number];
  const [H, Hkv, D] = ['num_heads', 'num_kv_heads', 'head_dim'].map((name) => Number(attributes[name])) as [
    number,
    number,
    number,
  ];
  const x = floatTensor(device, given.x);
  const heads = (name: 'wq' | 'wk' | 'wv', count: number): Tensor =>
    linear(x, floatTensor(device, given[name])).reshape([B, T, count, D]);
  const positions = createPositions(device, { start: 0, L: T });
  const { q, k } = rotationOf(testCase).rotate(heads('wq', H), heads('wk', Hkv), positions);
  const W = typeof attributes.window === 'number' ? attributes.window : Infinity;
  const passage: Passage = {
    device,
    q: await onHost(q),
    rows: { k: await onHost(k), v: await onHost(heads('wv', Hkv)) },
    offset: 0,
    heads: ({ rows }) => ({ k: rows.k!, v: rows.v! }),
    options: { window: [W - 1, 0] },
    extras: [],
  };
  const steps = attributes.steps as readonly number[];
  const wo = floatTensor(device, given.wo);
  const caches = [...(Number.isFinite(W) ? rings(passage, W) : []), ...growingCaches(passage)];
  const ways = caches.flatMap((create) =>
    [steps, []].map((lengths) => async () => {
      const passed = await passCausal(passage, create(), piecesOf(passage, lengths));
      // a ring has let go of most rows, so the case's are read from what was appended
      const held = async (name: 'k' | 'v'): Promise<HostArray> =>
        moveAxis(
          passed.cache.spec.kind === 'window' ? passage.rows[name]! : await heldRows(passed, name),
          1,
          2,
        );
      const out = tensor(device, passed.out.data, [B, T, H * D]);
      const got = {
        y: await onHost(linear(out, wo)),
        cache_keys: await held('k'),
        cache_values: await held('v'),
      };
      passed.cache.dispose();
      return got;
    }),
  );
  return everyWay(testCase, ways);
}

/** DeepSeek-V2's layer in the absorbed form: one cache of latents is keys and values of every head. */
export async function runLatentThroughCaches(testCase: VerifyCase, device: Device): Promise<Got> {
  const names = ['x', 'kv_a_proj', 'kv_a_norm', 'kv_b_proj', 'o_proj'] as const;
  refuseOthers(testCase, [...names, 'q_proj', 'q_a_proj', 'q_a_norm', 'q_b_proj']);
  const { attributes } = testCase;
  const given = inputsOf(testCase, ...names);
  const [H, dc, D, dR, Dv] = [
    'num_heads',
    'kv_lora_rank',
    'qk_nope_head_dim',
    'qk_rope_head_dim',
    'v_head_dim',
  ].map((name) => Number(attributes[name])) as [number, number, number, number, number];
  const [B, T] = given.x.shape as [number, number];
  const eps = Number(attributes.norm_eps);
  const x = floatTensor(device, given.x);
  const { kUp, vUp } = splitLatentUp(floats(given.kv_b_proj), { H, D, Dv, latent: dc });

  const q: Tensor = queries(testCase, x, eps).reshape([B, T, H, D + dR]);
  const down = linear(x, floatTensor(device, given.kv_a_proj));
  const latent = rmsNorm(slice(down, 0, dc), floatTensor(device, given.kv_a_norm), { eps });
  const { q: turned, k: turnedKey } = rotationOf(testCase).rotate(
    slice(q, D, dR),
    slice(down, dc, dR).reshape([B, T, 1, dR]),
    createPositions(device, { start: 0, L: T }),
  );
  // q · (W k) = (Wᵀ q) · k: the up-projection of keys moves to the queries
  const absorbed = headLinear(slice(q, 0, D), transposed(device, kUp, H, D, dc));
  const passage: Passage = {
    device,
    q: await onHost(concat(absorbed, turned)),
    rows: { latent: await onHost(concat(latent, turnedKey.reshape([B, T, dR]))) },
    offset: 0,
    heads({ rows }) {
      const all: Tensor = rows.latent!.reshape([B, rows.latent!.shape[1]!, 1, dc + dR]);
      return { k: all, v: all };
    },
    options: { scale: Number(attributes.scale), valueWidth: dc },
    extras: ['weights'],
  };
  const ways = growingCaches(passage, 'latent').flatMap((create) =>
    [[3, 1, 2], [1, 4], []].map((lengths) => async () => {
      const passed = await passCausal(passage, create(), piecesOf(passage, lengths));
      const compressed = tensor(device, passed.out.data, [B, T, H, dc]);
      const values = headLinear(compressed, tensor(device, vUp, [H, Dv, dc]));
      const kept = tensor(device, (await heldRows(passed, 'latent')).data, [B, T, dc + dR]);
      const got = {
        y: await onHost(linear(values.reshape([B, T, H * Dv]), floatTensor(device, given.o_proj))),
        probs: passed.extras.get('weights')!,
        cache_latent: await onHost(slice(kept, 0, dc)),
        cache_k_rope: await onHost(slice(kept, dc, dR)),
        head_outputs: moveAxis(await onHost(values), 1, 2),
      };
      passed.cache.dispose();
      return got;
    }),
  );
  return everyWay(testCase, ways);
}

function queries({ inputs }: VerifyCase, x: Tensor, eps: number): Tensor {
  const of = (name: string): Tensor => floatTensor(x.device, inputs[name]!);
  if (inputs.q_proj) return linear(x, of('q_proj'));
  return linear(rmsNorm(linear(x, of('q_a_proj')), of('q_a_norm'), { eps }), of('q_b_proj'));
}

/** `[H, D, I]` → `[H, I, D]` */
function transposed(device: Device, weight: Float32Array, H: number, D: number, I: number): Tensor {
  const { data, shape } = moveAxis({ shape: [H, D, I], data: weight }, 1, 2);
  return tensor(device, data, shape);
}

function rotationOf({ attributes }: VerifyCase): Rotation {
  const layout = String(attributes.rope_layout).startsWith('interleaved') ? 'interleaved' : 'half';
  return rotary({ base: Number(attributes.rope_theta), layout });
}

async function onHost(x: Tensor): Promise<HostArray> {
  return { shape: x.shape, data: (await x.data()) as Float32Array };
}
