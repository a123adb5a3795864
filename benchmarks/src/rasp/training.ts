import { configure, multiHead, slidingWindow } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  type Decoder,
  type DecoderParts,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { createPositions, crossEntropy, type Device, scope, type Tensor, tensor } from '@headwise/tensor';
import { adamW, cosineDecay, IGNORED, type Params, train, withThroughStates } from '@headwise/training';
import { type CurvePoint, followed } from '../learning-curve.ts';
import type { RaspRecipe, Task } from './contract.ts';
import type { RaspEncoding } from './encodings.ts';
import { randomOf } from './random.ts';
import { packedRow, type RaspRow, rowOf, type Vocabulary } from './texts.ts';

/** Points of a learning curve. */
const POINTS = 10;
/** Texts of a check that go through the model at once. */
const AT_ONCE = 16;
/** Of the random numbers that checks are drawn by, so that no seed of training draws the same. */
const CHECKS = 0x7e57;

/** A decoder and what it learns. */
export interface Pupil {
  readonly task: Task;
  readonly vocabulary: Vocabulary;
  readonly decoder: Decoder;
  readonly weights: Params;
  /** Places at which tokens stand, in training and in checks. */
  readonly rows: number;
}

export function partsOf(
  { layers, E, H, hidden }: RaspRecipe,
  V: number,
  rows: number,
  { position, added, window }: RaspEncoding,
): DecoderParts {
  const norm = createRmsNorm();
  const mlp = createSwiglu({ F: hidden });
  const all = block({ attention: configure(multiHead), position, norm, mlp });
  const near =
    window === undefined
      ? all
      : block({ attention: configure(slidingWindow, { window }), position: rotary(), norm, mlp });
  return {
    shape: { V, E, H, D: E / H, layers },
    blocks: (layer) => (layer % 2 === 0 ? near : all),
    norm,
    ...(added && { position: added(rows) }),
  };
}

export function beginPupil(
  device: Device,
  recipe: RaspRecipe,
  task: Task,
  vocabulary: Vocabulary,
  encoding: RaspEncoding,
  seed: number,
): Pupil {
  const { length, H = recipe.H } = recipe.tasks[task.name]!;
  const rows = task.tokens(Math.ceil(length * Math.max(...recipe.times)));
  const parts = partsOf({ ...recipe, H }, vocabulary.V, rows, encoding);
  const weights = randomWeights(device, decoderParameters(parts), { seed });
  return { task, vocabulary, decoder: createDecoder({ ...parts, device, weights }), weights, rows };
}

/** Trains in place. Resolves to the learning curve: step, and mean loss since the point before. */
export async function teach(
  pupil: Pupil,
  recipe: RaspRecipe,
  seed: number,
  onStep: (done: number, label: string) => Promise<void>,
  signal: AbortSignal,
): Promise<CurvePoint[]> {
  const { task, vocabulary, weights, rows } = pupil;
  const { length: most, steps } = recipe.tasks[task.name]!;
  const T = Math.max(recipe.T, task.tokens(most));
  const batch = (index: number): RaspRow[] =>
    Array.from({ length: recipe.B }, (_, b) =>
      packedRow(randomOf(seed, index, b), task, vocabulary, { most, T, rows }),
    );
  const run = train({
    params: weights,
    loss: (_, texts: readonly RaspRow[]) => lossOf(pupil, texts),
    data: { name: task.name, epoch: Infinity, batch },
    optimizer: adamW({ decay: recipe.decay, clip: 1 }),
    rate: cosineDecay({
      peak: recipe.rate,
      warmup: Math.min(recipe.warmup, steps - 1),
      steps,
      floor: recipe.rate / 20,
    }),
    steps,
    signal,
  });
  return followed(run, { steps, points: POINTS }, onStep);
}

/** Logits `[B, L, V]` of rows, whose texts do not see each other. */
function logitsOf({ decoder }: Pupil, texts: readonly RaspRow[]): Tensor<'B L V'> {
  const { device, specs } = decoder;
  const ids = filled(
    device,
    texts.map((row) => row.ids),
    0,
  );
  const positions = createPositions(
    device,
    texts.map((row) => row.positions),
  );
  const hidden = withThroughStates(
    device,
    specs,
    texts.length,
    (states) => decoder.run(ids, positions, { states }),
    texts.map(({ documents }) => documents),
  );
  return decoder.head<'B L V'>(hidden);
}

/** Mean cross-entropy of the tokens of the answers. */
export function lossOf(pupil: Pupil, texts: readonly RaspRow[]): Tensor {
  return scope(() => {
    const targets = texts.map((row) => row.targets);
    return crossEntropy(logitsOf(pupil, texts), filled(pupil.decoder.device, targets, IGNORED));
  });
}

/**
 * The share of texts of length n whose whole answer is right. A model that takes its likeliest token each time says the
 * answer exactly when, with the answer before it, every next token of it is the likeliest: one pass tells.
 */
export async function shareRight(pupil: Pupil, n: number, checked: number): Promise<number> {
  const { task, vocabulary, rows } = pupil;
  let right = 0;
  for (let from = 0; from < checked; from += AT_ONCE) {
    const texts = Array.from({ length: Math.min(AT_ONCE, checked - from) }, (_, i) => {
      const random = randomOf(CHECKS, n, from + i);
      return rowOf(random, [task.example(random, n, vocabulary)], vocabulary, rows);
    });
    using logits = scope(() => logitsOf(pupil, texts));
    const values = await logits.data();
    const [, L, V] = logits.shape as readonly [number, number, number];
    right += texts.filter(({ targets }, b) =>
      targets.every((target, i) => target === IGNORED || target === likeliest(values, (b * L + i) * V, V)),
    ).length;
  }
  return right / checked;
}

function likeliest(values: ArrayLike<number>, from: number, V: number): number {
  let best = 0;
  for (let id = 1; id < V; id++) if (values[from + id]! > values[from + best]!) best = id;
  return best;
}

/** Rows as `[B, L]`, filled up on the right. */
function filled(device: Device, rows: readonly (readonly number[])[], padding: number): Tensor<'B L', 'i32'> {
  const L = Math.max(...rows.map(({ length }) => length));
  const values = new Int32Array(rows.length * L).fill(padding);
  for (const [b, row] of rows.entries()) values.set(row, b * L);
  return tensor<'B L'>(device, values, [rows.length, L]);
}
