import type { KernelPlan, KernelStep, Shaped } from '@headwise/tensor';
import * as kernels from './linear-attention.kernel.ts';
import type { LinearAttentionInputs, LinearAttentionParams } from './linear-attention-form.ts';

type Shapes = { readonly [K in keyof LinearAttentionInputs]: Shaped };

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly Dv: number;
}

/** Tokens whose scores are computed side by side; between chunks only the state is carried. */
const CHUNK = 64;

/** Linear attention as kernels: in parallel, chunk by chunk, or token by token where the rule reads the state. */
export function linearAttentionPlan(inputs: Shapes, params: LinearAttentionParams): KernelPlan {
  const [B, L, H, D] = inputs.q.shape as [number, number, number, number];
  const [, , Hkv, Dv] = inputs.v.shape as [number, number, number, number];
  const sizes = { B, L, H, Hkv, D, Dv };
  const steps = params.rule === 'linear' ? parallel(inputs, params, sizes) : recurrent(inputs, params, sizes);
  return { steps, outputs: inputs.z ? ['y', 'S1', 'z1'] : ['y', 'S1'] };
}

/**
 * The parallel form: within a chunk scores `φ(q) · φ(k)` of tokens not later, before it the state, which is the
 * sum of earlier chunks' sums.
 */
function parallel({ z }: Shapes, params: LinearAttentionParams, sizes: Sizes): KernelStep[] {
  const { B, L, H, Hkv, D, Dv } = sizes;
  const elu = params.feature === 'elu+1';
  const [q, k] = elu ? ['fq', 'fk'] : ['q', 'k'];
  const C = params.causal ? Math.min(CHUNK, L) : L;
  const chunks = Math.ceil(L / C);
  const constants = { H, Hkv, G: H / Hkv, D, Dv, C };
  const slots = { integer: B * Hkv };
  const length = { integer: L };
  const features: KernelStep[] = elu
    ? [
        { name: 'fq', source: kernels.feature, args: ['q'], length: B * L * H * D },
        { name: 'fk', source: kernels.feature, args: ['k'], length: B * L * Hkv * D },
      ]
    : [];
  const sums: KernelStep[] = [
    {
      name: 'sums',
      source: kernels.chunkSums,
      constants,
      args: [k, 'v', length, slots],
      length: chunks * B * Hkv * D * Dv,
      threads: [Dv, D, chunks * B * Hkv],
    },
    ...running('S', 'sums', B * Hkv * D * Dv, chunks),
  ];
  const norms: KernelStep[] = z
    ? [
        {
          name: 'zsums',
          source: kernels.chunkNorms,
          constants,
          args: [k, length, slots],
          length: chunks * B * Hkv * D,
          threads: [D, chunks * B * Hkv],
        },
        ...running('z', 'zsums', B * Hkv * D, chunks),
      ]
    : [];

  const state = { integer: B * Hkv * D * Dv };
  const scalars = [{ float: params.scale }, length, state];
  const perRow: Pick<KernelStep, 'constants' | 'length' | 'threads'> = {
    constants,
    length: B * L * H,
    threads: [H, B * L],
  };
  if (!params.causal) {
    return [
      ...features,
      ...sums,
      ...norms,
      ...(z
        ? [
            {
              ...perRow,
              name: 'norm',
              source: kernels.wholeNorm,
              args: [q, 'z1', { float: params.eps }, length],
            },
          ]
        : []),
      {
        name: 'y',
        source: kernels.whole(!!z),
        constants,
        args: z ? [q, 'S1', 'norm', ...scalars] : [q, 'S1', ...scalars],
        length: B * L * H * Dv,
        threads: [Dv, H, B * L],
      },
    ];
  }
  const zstate = { integer: B * Hkv * D };
  const scores: KernelStep = {
    name: 'scores',
    source: kernels.chunkScores,
    constants,
    args: [q, k, length],
    length: B * L * H * C,
    threads: [C, H, B * L],
  };
  const read = [q, 'scores', 'v', 'Sbefore'];
  return [
    ...features,
    ...sums,
    ...norms,
    scores,
    ...(z
      ? [
          {
            ...perRow,
            name: 'norm',
            source: kernels.chunkNorm,
            args: [q, 'scores', 'zbefore', { float: params.eps }, length, zstate],
          },
        ]
      : []),
    {
      name: 'y',
      source: kernels.chunkRead(!!z),
      constants,
      args: z ? [...read, 'norm', ...scalars] : [...read, ...scalars],
      length: B * L * H * Dv,
      threads: [Dv, H, B * L],
    },
  ];
}

/** The state before each chunk, and after the last: `S` plus the sums of the chunks until then. */
function running(state: 'S' | 'z', sums: string, size: number, chunks: number): KernelStep[] {
  return [
    {
      name: `${state}before`,
      source: kernels.before,
      args: [state, sums, { integer: size }],
      length: chunks * size,
      threads: [size, chunks],
    },
    {
      name: `${state}1`,
      source: kernels.after,
      args: [state, sums, { integer: size }, { integer: chunks }],
      length: size,
    },
  ];
}

/** The recurrent form: each token's kernels read the state that the token before has left. */
function recurrent({ decay, beta }: Shapes, { scale }: LinearAttentionParams, sizes: Sizes): KernelStep[] {
  const { B, L, H, Hkv, D, Dv } = sizes;
  const constants = {
    H,
    Hkv,
    G: H / Hkv,
    D,
    Dv,
    perKey: decay?.shape[3] === 1 ? 0 : 1,
    perHead: beta?.shape[2] === 1 ? 0 : 1,
  };
  const steps: KernelStep[] = [];
  const name = (t: number): string => (t < 0 ? 'S' : t === L - 1 ? 'S1' : `S${t}:`);
  for (let t = 0; t < L; t++) {
    const scalars = [{ integer: t }, { integer: L }];
    const kept = decay ? [`kept${t}`] : [];
    if (decay) {
      steps.push({
        name: `kept${t}`,
        source: kernels.decayed,
        constants,
        args: [name(t - 1), 'decay', ...scalars],
        length: B * Hkv * D * Dv,
        threads: [Dv, D, B * Hkv],
      });
    }
    const old = kept[0] ?? name(t - 1);
    if (beta) {
      steps.push({
        name: `u${t}`,
        source: kernels.correction,
        constants,
        args: [old, 'k', 'v', 'beta', ...scalars],
        length: B * Hkv * Dv,
        threads: [Dv, B * Hkv],
      });
    }
    steps.push({
      name: name(t),
      source: kernels.written(!beta),
      constants,
      args: [old, 'k', beta ? `u${t}` : 'v', ...scalars],
      length: B * Hkv * D * Dv,
      threads: [Dv, D, B * Hkv],
    });
    steps.push({
      name: `y${t}`,
      source: kernels.readState,
      constants,
      args: ['q', name(t), { float: scale }, ...scalars],
      length: B * H * Dv,
      threads: [Dv, B * H],
      part: { of: B === 1 ? 'y' : 'tokens', length: L * B * H * Dv, at: t * B * H * Dv },
    });
  }
  if (B > 1) {
    steps.push({
      name: 'y',
      source: kernels.sequenceMajor,
      args: ['tokens', { integer: B }, { integer: L }, { integer: H * Dv }],
      length: B * L * H * Dv,
      threads: [H * Dv, L, B],
    });
  }
  return steps;
}
