import { attention, attentionWith, createPositions, tensor } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import type { RelativeAttention, RelativeInputs } from '../contract.ts';
import { onDevice, wanted } from './golden.ts';
import { attentionGradients } from './gradients.ts';
import { type Law, mustBeClose, mustFree, type Trial, tolerance } from './law.ts';

type AttentionTrial = Trial<RelativeAttention>;

/** What is true of every encoding that acts inside attention. */
export const attentionLaws: readonly Law<RelativeAttention>[] = [
  { name: 'golden cases', holds: golden },
  { name: 'depends on the difference of positions only', holds: relative },
  { name: 'a chunk is a slice of the whole', holds: slices },
  { name: 'positions given are positions counted', holds: given },
  { name: 'what stands in a hidden key changes nothing', holds: hidden },
  { name: 'is plain attention where its tables are zero', holds: plain },
  { name: 'frees what it makes', holds: frees },
  attentionGradients,
];

interface Sizes {
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly Dv: number;
}

function sizes({ golden: { inputs } }: AttentionTrial): Sizes {
  const [, , H, D] = inputs.q!.shape as [number, number, number, number];
  const [, , Hkv, Dv] = inputs.v!.shape as [number, number, number, number];
  return { H, Hkv, D, Dv };
}

/** Values of q `[B, Lq, H, D]`, k and v `[B, Lk, Hkv, …]`; `poison` fills the keys from that slot on with NaN. */
function inputs(
  trial: AttentionTrial,
  {
    B = 1,
    Lq,
    Lk,
    from = 0,
    poison = Lk,
  }: { B?: number; Lq: number; Lk: number; from?: number; poison?: number },
): Pick<RelativeInputs, 'q' | 'k' | 'v'> {
  const { H, Hkv, D, Dv } = sizes(trial);
  const make = (L: number, row: number, seed: number, first: number, last: number) => {
    const values = seededValues(B * (first + L) * row, seed).slice(B * first * row);
    if (last < L) for (let b = 0; b < B; b++) values.fill(NaN, (b * L + last) * row, (b + 1) * L * row);
    return values;
  };
  const { device } = trial;
  return {
    q: tensor<'B Lq H D'>(device, make(Lq, H * D, 1, from, Lq), [B, Lq, H, D]),
    k: tensor<'B Lk Hkv D'>(device, make(Lk, Hkv * D, 2, 0, poison), [B, Lk, Hkv, D]),
    v: tensor<'B Lk Hkv Dv'>(device, make(Lk, Hkv * Dv, 3, 0, poison), [B, Lk, Hkv, Dv]),
  };
}

async function golden({ device, golden, create }: AttentionTrial): Promise<void> {
  const { q, k, v, causal, offset = 0 } = golden.inputs;
  const given = { q: onDevice(device, q, 'q'), k: onDevice(device, k, 'k'), v: onDevice(device, v, 'v') };
  const { out, weights } = create().attendWithWeights(given, causal ? { causal: { offset } } : {});
  mustBeClose('weights', await weights.data(), wanted(golden, 'weights').data, tolerance(device));
  mustBeClose('y', await out.data(), wanted(golden, 'y').data, tolerance(device));
}

async function relative(trial: AttentionTrial): Promise<void> {
  const { device, create } = trial;
  const encoding = create();
  const given = inputs(trial, { Lq: 3, Lk: 5 });
  const shifted = (shift: number) =>
    encoding.attend(
      {
        ...given,
        queryPositions: createPositions(device, [[9, 2, 40].map((p) => p + shift)]).tensor,
        keyPositions: createPositions(device, [[0, 9, 1, 39, 12].map((p) => p + shift)]).tensor,
      },
      { causal: true },
    );
  const want = await shifted(0).data();
  for (const shift of [1, 500])
    mustBeClose(`shifted by ${shift}`, await shifted(shift).data(), want, tolerance(device));
}

async function slices(trial: AttentionTrial): Promise<void> {
  const { H, Dv } = sizes(trial);
  const encoding = trial.create();
  const whole = await encoding.attend(inputs(trial, { Lq: 7, Lk: 7 }), { causal: true }).data();
  const part = encoding.attend(inputs(trial, { Lq: 2, Lk: 7, from: 5 }), { causal: { offset: 5 } });
  mustBeClose('the last two queries', await part.data(), whole.slice(5 * H * Dv), tolerance(trial.device));
}

async function given(trial: AttentionTrial): Promise<void> {
  const { device, create } = trial;
  const encoding = create();
  const counted = inputs(trial, { B: 2, Lq: 2, Lk: 6 });
  const want = await encoding.attend(counted, { causal: { offset: 4 } }).data();
  for (const rows of [1, 2]) {
    const positions = (list: number[]) => createPositions(device, Array<number[]>(rows).fill(list)).tensor;
    const placed = {
      ...counted,
      queryPositions: positions([4, 5]),
      keyPositions: positions([0, 1, 2, 3, 4, 5]),
    };
    const got = await encoding.attend(placed, { causal: true }).data();
    mustBeClose(`${rows} rows of positions`, got, want, tolerance(device));
  }
}

async function hidden(trial: AttentionTrial): Promise<void> {
  const encoding = trial.create();
  const near = tolerance(trial.device);
  const want = await encoding.attend(inputs(trial, { Lq: 3, Lk: 4 })).data();
  const poisoned = inputs(trial, { Lq: 3, Lk: 6, poison: 4 });
  mustBeClose('slots past valid', await encoding.attend(poisoned, { valid: 4 }).data(), want, near);
  const keyPositions = tensor<'B Lk'>(trial.device, Int32Array.of(0, 1, 2, 3, -1, -1), [1, 6]);
  mustBeClose('empty slots', await encoding.attend({ ...poisoned, keyPositions }).data(), want, near);
  const none = await encoding.attend(inputs(trial, { Lq: 3, Lk: 4 }), { valid: 0 }).data();
  mustBeClose('rows that see nothing', none, new Float32Array(none.length), { atol: 0, rtol: 0 });
}

async function plain(trial: AttentionTrial): Promise<void> {
  const { device, golden, create } = trial;
  const zero = Object.fromEntries(
    Object.entries(golden.weights ?? {}).map(([name, array]) => [
      name,
      tensor(device, new Float32Array(array!.data.length), array!.shape),
    ]),
  );
  const given = inputs(trial, { Lq: 5, Lk: 5 });
  const got = await create(zero).attend(given, { causal: true }).data();
  const want = await attention(given, { causal: true }).data();
  mustBeClose('y', got, want, tolerance(device));
  const { weights } = create(zero).attendWithWeights(given, { scale: 0.3 });
  const wanted = attentionWith(given, { scale: 0.3 }, ['weights']).weights;
  mustBeClose('weights', await weights.data(), await wanted.data(), tolerance(device));
}

async function frees(trial: AttentionTrial): Promise<void> {
  const encoding = trial.create();
  const given = inputs(trial, { Lq: 2, Lk: 2 });
  // outside of a scope, which would hide what is left
  await mustFree(trial.device, async () => {
    encoding.attend(given).dispose();
    const { out, weights } = encoding.attendWithWeights(given);
    out.dispose();
    weights.dispose();
  });
}
