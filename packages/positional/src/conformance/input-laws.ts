import { createPositions, scope, type Tensor, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import type { TableEncoding } from '../contract.ts';
import { onDevice, wanted } from './golden.ts';
import { inputGradients } from './gradients.ts';
import { at, type Law, mustBeClose, mustFree, type Trial, tolerance } from './law.ts';

type InputTrial = Trial<TableEncoding>;

/** What is true of every encoding that is added to embeddings. */
export const inputLaws: readonly Law<TableEncoding>[] = [
  { name: 'golden cases', holds: golden },
  { name: 'adds its rows, whatever the embedding', holds: addsRows },
  { name: 'a chunk is a slice of the whole', holds: slices },
  { name: 'every sequence has its own positions', holds: ownRows },
  { name: 'a token that is nobody changes no other', holds: nobody },
  { name: 'frees what it holds', holds: frees },
  inputGradients,
];

const widthOf = ({ golden: { inputs } }: InputTrial): number => inputs.x!.shape[2]!;

const embeddings = (trial: InputTrial, L: number, seed: number, B = 1): Tensor<'B L E'> =>
  seeded<'B L E'>(trial.device, [B, L, widthOf(trial)], seed);

async function golden({ device, golden, create }: InputTrial): Promise<void> {
  const { positions, x } = golden.inputs;
  const encoding = create();
  const rows = await encoding.rows(x!.shape[2]!, positions!.flat());
  mustBeClose('rows', rows, wanted(golden, 'rows').data, { atol: 1e-9, rtol: 1e-9 });
  const y = encoding.encode(onDevice(device, x, 'x'), createPositions(device, positions!));
  mustBeClose('y', await y.data(), wanted(golden, 'y').data, tolerance(device));
}

async function addsRows(trial: InputTrial): Promise<void> {
  const { device, create } = trial;
  const E = widthOf(trial);
  const encoding = create();
  for (const positions of [
    [0, 1, 2],
    [50, 3, 50],
  ]) {
    const rows = await encoding.rows(E, positions);
    for (const seed of [1, 2]) {
      const x = embeddings(trial, 3, seed, 2);
      const before = await x.data();
      const y = await encoding.encode(x, at(device, ...positions)).data();
      const want = before.map((value, n) => value + rows[n % rows.length]!);
      mustBeClose(`at ${positions}`, y, want, tolerance(device));
      mustBeClose('what was given', await x.data(), before, { atol: 0, rtol: 0 });
    }
  }
}

async function slices(trial: InputTrial): Promise<void> {
  const { device, create } = trial;
  const E = widthOf(trial);
  const x = embeddings(trial, 6, 3);
  const encoding = create();
  const whole = await encoding.encode(x, createPositions(device, { start: 10, L: 6 })).data();
  const part = tensor<'B L E'>(device, (await x.data()).slice(2 * E), [1, 4, E]);
  const chunk = await encoding.encode(part, createPositions(device, { start: 12, L: 4 })).data();
  mustBeClose('positions 12 to 15', chunk, whole.slice(2 * E), tolerance(device));
}

async function ownRows(trial: InputTrial): Promise<void> {
  const { device, create } = trial;
  const size = 3 * widthOf(trial);
  const x = embeddings(trial, 3, 4, 2);
  const values = await x.data();
  const encoding = create();
  const rows = [
    [0, 1, 0],
    [8, 2, 31],
  ];
  const together = await encoding.encode(x, createPositions(device, rows)).data();
  for (const [b, row] of rows.entries()) {
    const one = tensor<'B L E'>(device, values.slice(b * size, (b + 1) * size), [1, 3, widthOf(trial)]);
    const alone = await encoding.encode(one, at(device, ...row)).data();
    mustBeClose(`sequence ${b}`, together.slice(b * size, (b + 1) * size), alone, tolerance(device));
  }
}

async function nobody(trial: InputTrial): Promise<void> {
  const { device, create } = trial;
  const E = widthOf(trial);
  const encoding = create();
  encoding.reserve?.(device, 8, E);
  const x = embeddings(trial, 3, 6, 3);
  const values = await x.data();
  const rows = [[2, 3, 4], [7], []];
  const together = await encoding.encode(x, createPositions(device, rows)).data();
  for (const [b, row] of rows.entries()) {
    if (row.length === 0) continue;
    const [from, count] = [b * 3 * E, row.length * E];
    const one = tensor<'B L E'>(device, values.slice(from, from + count), [1, row.length, E]);
    const alone = await encoding.encode(one, at(device, ...row)).data();
    mustBeClose(`row ${b}`, together.slice(from, from + count), alone, tolerance(device));
  }
}

async function frees(trial: InputTrial): Promise<void> {
  const { device } = trial;
  const encoding = trial.create(); // its weights are its owner's
  await mustFree(device, async () => {
    for (const last of [2, 30, 3])
      scope(() => {
        encoding.encode(embeddings(trial, 3, 5), at(device, 0, 1, last));
      });
    encoding.dispose();
  });
}
