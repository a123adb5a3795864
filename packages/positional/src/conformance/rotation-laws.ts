import { createPositions, type Device, type Positions, scope, type Tensor, tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import type { RotaryEncoding } from '../contract.ts';
import { convertRotaryLayout } from '../rotary-layout.ts';
import { onDevice, wanted } from './golden.ts';
import { rotationGradients } from './gradients.ts';
import { at, type Law, mustBeClose, mustFree, mustRefuse, type Trial, tolerance } from './law.ts';

/** Further than any position the laws use: a last token there keeps the length of a sequence the same. */
const FAR = 1500;

type RotationTrial = Trial<RotaryEncoding>;

/** What is true of every rotation. */
export const rotationLaws: readonly Law<RotaryEncoding>[] = [
  { name: 'golden cases', holds: golden },
  { name: 'scores depend on the difference of positions only', holds: relative },
  { name: 'the length of a vector stays, but for the attention factor', holds: keepsLength },
  { name: 'a chunk is a slice of the whole', holds: slices },
  { name: 'every sequence has its own positions', holds: ownRows },
  { name: 'the layouts agree under permutation', holds: layouts },
  { name: 'equals its tables', holds: tables },
  { name: 'keys may stand elsewhere than queries', holds: keyPositions },
  { name: 'a far position is as right after near ones', holds: grows },
  { name: 'depends on the length only where it says so, and turns keys again', holds: lengthRule },
  { name: 'rows of different lengths turn as if each were alone', holds: ragged },
  { name: 'refuses a position below nobody', holds: refusesNegative },
  { name: 'makes what is reserved once', holds: reserves },
  { name: 'frees what it holds', holds: frees },
  rotationGradients,
];

const headWidth = ({ golden: { inputs } }: RotationTrial): number => inputs.q!.shape[3]!;

const heads = (trial: RotationTrial, L: number, seed: number, B = 1, H = 2): Tensor<'B L H D'> =>
  seeded<'B L H D'>(trial.device, [B, L, H, headWidth(trial)], seed);

async function golden({ device, golden, create }: RotationTrial): Promise<void> {
  const { positions: rows, q, k } = golden.inputs;
  const positions = createPositions(device, rows!);
  const encoding = create();
  const spectrum = encoding.spectrum(q!.shape[3]!, positions.end);
  const exact = { atol: 0, rtol: 1e-10 };
  mustBeClose(
    'inverse frequencies',
    spectrum.inverseFrequencies,
    wanted(golden, 'inverseFrequencies').data,
    exact,
  );
  mustBeClose('attention factor', [spectrum.attentionFactor], wanted(golden, 'attentionFactor').data, exact);
  const turned = encoding.rotate(onDevice(device, q, 'q'), onDevice(device, k, 'k'), positions);
  for (const side of ['q', 'k'] as const)
    mustBeClose(side, await turned[side].data(), wanted(golden, side).data, tolerance(device));
}

async function relative(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const [q, k] = [heads(trial, 4, 1), heads(trial, 4, 2)];
  const scores = async (shift: number): Promise<Float64Array> => {
    const turned = create().rotate(
      q,
      k,
      at(device, 9 + shift, 3 + shift, 12 + shift, FAR),
      at(device, 2 + shift, 8 + shift, shift, FAR),
    );
    return dots(await turned.q.data(), await turned.k.data(), headWidth(trial));
  };
  const want = await scores(0);
  const { atol } = tolerance(device);
  for (const shift of [1, 40, 1200]) {
    // float32 tables: an angle of 1200 radians has its cosine as exactly as one of 0
    mustBeClose(`shifted by ${shift}`, await scores(shift), want, { atol: 4 * atol, rtol: 4 * atol });
  }
}

/** `[3, 3]` dot products of the first three tokens' first heads. */
function dots(q: ArrayLike<number>, k: ArrayLike<number>, D: number): Float64Array {
  const scores = new Float64Array(9);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++)
      for (let d = 0; d < D; d++) scores[i * 3 + j]! += q[i * 2 * D + d]! * k[j * 2 * D + d]!;
  return scores;
}

async function keepsLength(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const x = heads(trial, 4, 3);
  const encoding = create();
  const before = await x.data();
  const turned = encoding.rotate(x, x, at(device, 0, 7, 41, 777));
  const { R, attentionFactor } = encoding.spectrum(D, 778);
  for (const side of ['q', 'k'] as const) {
    const after = await turned[side].data();
    for (const [what, from, to, factor] of [
      ['the turning part', 0, R, attentionFactor],
      ['the rest', R, D, 1],
    ] as const) {
      const lengths = (values: ArrayLike<number>) =>
        Array.from({ length: 8 }, (_, head) => {
          let sum = 0;
          for (let d = from; d < to; d++) sum += values[head * D + d]! ** 2;
          return Math.sqrt(sum);
        });
      mustBeClose(
        `${side}, ${what}`,
        lengths(after),
        lengths(before).map((n) => n * factor),
        tolerance(device),
      );
    }
  }
}

async function slices(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const x = heads(trial, 7, 4);
  const values = await x.data();
  const encoding = create();
  const whole = encoding.rotate(x, x, createPositions(device, { start: 20, L: 7 }));
  const part = tensor<'B L H D'>(device, values.slice(3 * 2 * D), [1, 4, 2, D]);
  const chunk = encoding.rotate(part, part, createPositions(device, { start: 23, L: 4 }));
  for (const side of ['q', 'k'] as const)
    mustBeClose(
      side,
      await chunk[side].data(),
      (await whole[side].data()).slice(3 * 2 * D),
      tolerance(device),
    );
}

async function ownRows(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const rows = [
    [0, 1, 2, 30],
    [9, 30, 4, 4],
  ];
  const x = heads(trial, 4, 5, 2);
  const values = await x.data();
  const encoding = create();
  const together = encoding.rotate(x, x, createPositions(device, rows));
  for (const [b, row] of rows.entries()) {
    const size = 4 * 2 * D;
    const one = tensor<'B L H D'>(device, values.slice(b * size, (b + 1) * size), [1, 4, 2, D]);
    const alone = encoding.rotate(one, one, at(device, ...row));
    for (const side of ['q', 'k'] as const) {
      const got = (await together[side].data()).slice(b * size, (b + 1) * size);
      mustBeClose(`${side} of sequence ${b}`, got, await alone[side].data(), tolerance(device));
    }
  }
}

async function layouts(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const positions = at(device, 0, 1, 5, 300);
  const x = heads(trial, 4, 6);
  const half = create({ layout: 'half' });
  const { R } = half.spectrum(D, 301);
  const toInterleaved = (values: Float32Array) =>
    convertRotaryLayout(values, { heads: 8, D, width: R, to: 'interleaved' });
  const permuted = tensor<'B L H D'>(device, toInterleaved(await x.data()), x.shape);
  const one = half.rotate(x, x, positions);
  const other = create({ layout: 'interleaved' }).rotate(permuted, permuted, positions);
  for (const side of ['q', 'k'] as const)
    mustBeClose(side, await other[side].data(), toInterleaved(await one[side].data()), tolerance(device));
}

async function tables(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const positions = [0, 2, 33, 700];
  const x = heads(trial, 4, 7);
  const before = await x.data();
  const encoding = create();
  const turned = encoding.rotate(x, x, at(device, ...positions));
  for (const side of ['q', 'k'] as const) {
    const { cos, sin, shape } = encoding.tables(D, positions, { side });
    const want = byTables(before, { cos, sin, half: shape[1] }, D, encoding.layout);
    mustBeClose(side, await turned[side].data(), want, tolerance(device));
  }
  mustBeClose('what was given', await x.data(), before, { atol: 0, rtol: 0 });
}

/** x `[1, L, 2, D]` turned by tables `[L, half]`, in float64. */
function byTables(
  x: ArrayLike<number>,
  { cos, sin, half }: { readonly cos: Float64Array; readonly sin: Float64Array; readonly half: number },
  D: number,
  layout: 'half' | 'interleaved',
): Float64Array {
  const y = Float64Array.from(x);
  for (let row = 0; row < x.length / D; row++) {
    const l = Math.floor(row / 2);
    for (let i = 0; i < half; i++) {
      const [a, b] = layout === 'half' ? [i, i + half] : [2 * i, 2 * i + 1];
      const [c, s] = [cos[l * half + i]!, sin[l * half + i]!];
      y[row * D + a] = x[row * D + a]! * c - x[row * D + b]! * s;
      y[row * D + b] = x[row * D + b]! * c + x[row * D + a]! * s;
    }
  }
  return y;
}

async function keyPositions(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const [q, k] = [heads(trial, 2, 8), heads(trial, 5, 9)];
  const [forQ, forK] = [at(device, 31, 40), at(device, 40, 0, 7, 8, 31)];
  const encoding = create();
  const both = encoding.rotate(q, k, forQ, forK);
  mustBeClose('q', await encoding.turn(q, forQ, 'q').data(), await both.q.data(), tolerance(device));
  mustBeClose('k', await encoding.turn(k, forK, 'k').data(), await both.k.data(), tolerance(device));
  const same = encoding.rotate(k, k, forK);
  mustBeClose('k alone', await both.k.data(), await same.k.data(), tolerance(device));
}

async function grows(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const x = heads(trial, 1, 10);
  const used = create();
  for (const position of [0, 70, 3, 1000, 999]) {
    const got = used.rotate(x, x, at(device, position));
    const fresh = create().rotate(x, x, at(device, position));
    for (const side of ['q', 'k'] as const)
      mustBeClose(
        `${side} at ${position}`,
        await got[side].data(),
        await fresh[side].data(),
        tolerance(device),
      );
  }
}

async function lengthRule(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const encoding = create();
  const rule = encoding.dependsOnLength;
  const [from, to] = rule ? [rule.boundary, 3 * rule.boundary] : [30, FAR];
  const x = heads(trial, 4, 11);
  const firsts = [0, 1, Math.min(5, from - 2)];
  // the last token says how long the sequence is
  const ofLength = (length: number): Positions => at(device, ...firsts, length - 1);
  const short = encoding.rotate(x, x, ofLength(from)).k;
  const long = encoding.rotate(x, x, ofLength(to)).k;
  const kept = rule ? rule.turnAgain(short, ofLength(from), from, to) : short;
  const size = firsts.length * 2 * D;
  const got = (await kept.data()).slice(0, size);
  const want = (await long.data()).slice(0, size);
  const { atol, rtol } = tolerance(device);
  mustBeClose('kept keys in the longer sequence', got, want, { atol: 2 * atol, rtol: 2 * rtol });
  if (rule && rule.regime(from) === rule.regime(to))
    throw new Error(`says that lengths ${from} and ${to} turn alike, so it does not depend on the length`);
  if (rule && rule.regime(1) !== rule.regime(rule.boundary))
    throw new Error(`says that lengths 1 and ${rule.boundary} turn unlike, both inside its boundary`);
}

async function ragged(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const D = headWidth(trial);
  const encoding = create();
  const boundary = encoding.dependsOnLength?.boundary ?? 20;
  // on both sides of the boundary; one that ends sooner, and one that brings nothing
  const rows = [[boundary, boundary + 1, 2 * boundary], [0, 1], [boundary - 2, boundary - 1], []];
  const size = 3 * 2 * D;
  const x = heads(trial, 3, 15, rows.length);
  const values = await x.data();
  const together = encoding.rotate(x, x, createPositions(device, rows));
  const fresh = create();
  for (const [b, row] of rows.entries()) {
    const count = row.length * 2 * D;
    if (count === 0) continue;
    const one = tensor<'B L H D'>(device, values.slice(b * size, b * size + count), [1, row.length, 2, D]);
    const alone = fresh.rotate(one, one, at(device, ...row));
    for (const side of ['q', 'k'] as const) {
      const got = (await together[side].data()).slice(b * size, b * size + count);
      mustBeClose(`${side} of row ${b}`, got, await alone[side].data(), tolerance(device));
    }
  }
}

async function refusesNegative(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const x = heads(trial, 2, 12);
  const positions: Positions = {
    host: Int32Array.of(3, -2),
    tensor: tensor<'B L'>(device, Int32Array.of(3, -2), [1, 2]),
    shape: [1, 2],
    end: 4,
    ends: [4],
  };
  const encoding = create();
  mustRefuse('position −2', encoding.name, () => encoding.rotate(x, x, positions));
}

async function reserves(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  const encoding = create();
  if (!encoding.reserve) return;
  const before = device.memory.buffers;
  const end = Math.min(300, encoding.dependsOnLength?.boundary ?? Infinity);
  encoding.reserve(device, end, headWidth(trial));
  const reserved = device.memory.buffers;
  if (reserved === before) throw new Error('nothing is on the device after reserve');
  for (const last of [1, end - 1])
    scope(() => {
      const x = heads(trial, 2, 16);
      encoding.rotate(x, x, at(device, 0, last));
    });
  const after = device.memory.buffers;
  encoding.dispose();
  if (after !== reserved) throw new Error(`${after - reserved} buffers are made after reserve`);
  if (device.memory.buffers !== before) throw new Error('what is reserved is left after dispose()');
}

async function frees(trial: RotationTrial): Promise<void> {
  const { device, create } = trial;
  await mustFree(device, async () => {
    const encoding = create();
    scope(() => {
      const x = heads(trial, 3, 13);
      for (const last of [2, 90, 400]) encoding.rotate(x, x, at(device, 0, 1, last));
      encoding.dependsOnLength?.turnAgain(x, at(device, 0, 1, 2), 3, 4 * encoding.dependsOnLength.boundary);
    });
    await usable(device, encoding, trial);
    encoding.dispose();
  });
}

/** Its tables must outlive the scope they were made in. */
async function usable(device: Device, encoding: RotaryEncoding, trial: RotationTrial): Promise<void> {
  const turned = scope(() => {
    const x = heads(trial, 1, 14);
    return encoding.rotate(x, x, at(device, 2));
  });
  await turned.k.data();
  turned.q.dispose();
  turned.k.dispose();
}
