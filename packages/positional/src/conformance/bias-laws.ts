import { attention, type Device, scope, type Tensor, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import type { ScoreBias } from '../contract.ts';
import { onDevice, wanted } from './golden.ts';
import { biasGradients } from './gradients.ts';
import { type Law, mustBeClose, mustFree, type Trial, tolerance } from './law.ts';

type BiasTrial = Trial<ScoreBias>;

/** What is true of every bias. */
export const biasLaws: readonly Law<ScoreBias>[] = [
  { name: 'golden cases', holds: golden },
  { name: 'depends on the difference of positions only', holds: relative },
  { name: 'a chunk is a slice of the whole', holds: slices },
  { name: 'the declared part equals its matrix', holds: matrix },
  { name: 'tokens may stand anywhere', holds: anywhere },
  { name: 'frees what it holds', holds: frees },
  biasGradients,
];

const headsOf = ({ golden: { inputs } }: BiasTrial): number => inputs.q!.shape[2]!;

interface Qkv {
  readonly q: Tensor<'B Lq H D'>;
  readonly k: Tensor<'B Lk Hkv D'>;
  readonly v: Tensor<'B Lk Hkv Dv'>;
}

function qkv(trial: BiasTrial, B: number, Lq: number, Lk: number): Qkv {
  const H = headsOf(trial);
  return {
    q: seeded<'B Lq H D'>(trial.device, [B, Lq, H, 4], 1),
    k: seeded<'B Lk Hkv D'>(trial.device, [B, Lk, H, 4], 2),
    v: seeded<'B Lk Hkv Dv'>(trial.device, [B, Lk, H, 4], 3),
  };
}

function rows<Axes extends string>(
  device: Device,
  positions: readonly (readonly number[])[],
): Tensor<Axes, 'i32'> {
  return tensor<Axes>(device, Int32Array.from(positions.flat()), [positions.length, positions[0]!.length]);
}

async function golden({ device, golden, create }: BiasTrial): Promise<void> {
  const { q, k, v, causal, offset = 0, scale } = golden.inputs;
  const [, Lq, H] = q!.shape as [number, number, number];
  const Lk = k!.shape[1]!;
  const encoding = create();
  const exact = { atol: 1e-7, rtol: 1e-7 };
  mustBeClose('matrix', await encoding.matrix(H, Lq, Lk, offset), wanted(golden, 'matrix').data, exact);
  const inputs = { q: onDevice(device, q, 'q'), k: onDevice(device, k, 'k'), v: onDevice(device, v, 'v') };
  const queryPositions = rows<'B Lq'>(device, [Array.from({ length: Lq }, (_, i) => offset + i)]);
  const y = attention(
    { ...inputs, ...encoding.bias(device, H, Lq, Lk, offset), queryPositions },
    { scale, causal: causal === true },
  );
  mustBeClose('y', await y.data(), wanted(golden, 'y').data, tolerance(device));
}

async function relative(trial: BiasTrial): Promise<void> {
  const H = headsOf(trial);
  const encoding = trial.create();
  const want = await encoding.matrix(H, 3, 5, 4);
  for (const shift of [1, 7, 200]) {
    const shifted = await encoding.matrix(H, 3, 5 + shift, 4 + shift);
    const got = want.map((_, n) => shifted[Math.floor(n / 5) * (5 + shift) + shift + (n % 5)]!);
    mustBeClose(`shifted by ${shift}`, got, want, { atol: 0, rtol: 0 });
  }
}

async function slices(trial: BiasTrial): Promise<void> {
  const { device, create } = trial;
  const H = headsOf(trial);
  const encoding = create();
  const inputs = qkv(trial, 1, 9, 9);
  const whole = attention({ ...inputs, ...encoding.bias(device, H, 9, 9, 0) }, { causal: true });
  const last = tensor<'B Lq H D'>(device, (await inputs.q.data()).slice(6 * H * 4), [1, 3, H, 4]);
  const part = attention(
    { ...inputs, q: last, ...encoding.bias(device, H, 3, 9, 6) },
    { causal: { offset: 6 } },
  );
  mustBeClose(
    'the last three queries',
    await part.data(),
    (await whole.data()).slice(6 * H * 4),
    tolerance(device),
  );
  const [rows, all] = [await encoding.matrix(H, 3, 9, 6), await encoding.matrix(H, 9, 9, 0)];
  const want = rows.map((_, n) => all[Math.floor(n / 27) * 81 + 54 + (n % 27)]!);
  mustBeClose('rows of the matrix', rows, want, { atol: 0, rtol: 0 });
}

async function matrix(trial: BiasTrial): Promise<void> {
  const { device, create } = trial;
  const H = headsOf(trial);
  const encoding = create();
  for (const [Lq, Lk, offset] of [
    [7, 7, 0],
    [2, 40, 38],
    [1, 33, 32],
  ] as const) {
    const inputs = qkv(trial, 2, Lq, Lk);
    const got = attention({ ...inputs, ...encoding.bias(device, H, Lq, Lk, offset) }, { causal: { offset } });
    const bias = tensor<'B H Lq Lk'>(device, Float32Array.from(await encoding.matrix(H, Lq, Lk, offset)), [
      1,
      H,
      Lq,
      Lk,
    ]);
    const want = attention({ ...inputs, bias }, { causal: { offset } });
    mustBeClose(
      `${Lq} queries at ${offset}, ${Lk} keys`,
      await got.data(),
      await want.data(),
      tolerance(device),
    );
  }
}

async function anywhere(trial: BiasTrial): Promise<void> {
  const { device, create } = trial;
  const H = headsOf(trial);
  const encoding = create();
  // two packed documents; a cache whose slots are out of order
  const queries = [
    [0, 1, 0, 1],
    [40, 41, 42, 43],
  ];
  const keys = [
    [0, 1, 2, 0, 1, 2],
    [43, 2, 41, 0, 42, 40],
  ];
  const inputs = qkv(trial, 2, 4, 6);
  const positions = {
    queryPositions: rows<'B Lq'>(device, queries),
    keyPositions: rows<'B Lk'>(device, keys),
  };
  const part = encoding.bias(device, H, 4, 6, 0, positions);
  const got = attention({ ...inputs, ...part, ...positions });
  const all = await encoding.matrix(H, 44, 44, 0);
  const spread = new Float32Array(2 * H * 4 * 6); // [B, H, Lq, Lk]
  for (let n = 0; n < spread.length; n++) {
    const [j, i] = [n % 6, Math.floor(n / 6) % 4];
    const [h, b] = [Math.floor(n / 24) % H, Math.floor(n / (24 * H))];
    spread[n] = all[(h * 44 + queries[b]![i]!) * 44 + keys[b]![j]!]!;
  }
  const want = attention({ ...inputs, bias: tensor<'B H Lq Lk'>(device, spread, [2, H, 4, 6]) });
  mustBeClose('attention', await got.data(), await want.data(), tolerance(device));
}

async function frees(trial: BiasTrial): Promise<void> {
  const { device } = trial;
  const H = headsOf(trial);
  const encoding = trial.create(); // its weights are its owner's
  await mustFree(device, async () => {
    // the second scope reads what the first has made
    for (let time = 0; time < 2; time++)
      scope(() => {
        attention({ ...qkv(trial, 1, 3, 3), ...encoding.bias(device, H, 3, 3, 0) });
      });
    encoding.dispose();
  });
}
