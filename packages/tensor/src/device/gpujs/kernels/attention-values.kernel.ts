import type { AttentionParams } from '../../../ops/attention.ts';
import type { KernelStep, PlanTarget } from '../plan.ts';
import { each, sourceOf } from '../source.ts';
import {
  type Chunk,
  keyAt,
  keyRange,
  type Layout,
  packed,
  type RangeForm,
  rangeConstants,
  rangeForm,
  rangeOf,
  rangeScalars,
} from './attention-form.ts';

/** R rows against one number of the values: for modes that share loads along x. */
const packedSource = sourceOf(
  (form: RangeForm) => `function (weights, sums, v, batch, first, offset, valid, keyStart) {
    const inBatch = Math.floor((this.thread.z + 0.5) / this.constants.Hkv);
    const kvHead = this.thread.z - inBatch * this.constants.Hkv;
    ${rangeOf(form, 'this.thread.y')}
    const block = this.thread.z * this.constants.Y + this.thread.y;
    const slot = (batch + inBatch) * this.constants.Lk - keyStart;
    ${each(form.R, (r) => `let y${r} = 0.0;`, ' ')}
    for (let jj = 0; jj < count; jj++) {
      const vRow = (slot + ${keyAt(form, 'jj')}) * this.constants.Hkv + kvHead;
      const value = v[vRow][this.thread.x];
      ${each(form.R, (r) => `const w${r} = weights[block][jj * ${form.R} + ${r}];`, ' ')}
      ${each(form.R, (r) => `if (w${r} !== -1.0) { y${r} += w${r} * value; }`, '\n      ')}
    }
    ${each(form.R, (r) => `const l${r} = sums[block * ${form.R} + ${r}];`)}
    return ${result(form.R, (r) => `(l${r} === 0.0 ? 0.0 : y${r} / l${r})`)};
  }`,
);

/** One row against C numbers of the values, in the order of the result. */
const plainSource = sourceOf(
  ({ C, ...form }: RangeForm & { readonly C: number }) =>
    `function (weights, sums, v, batch, first, offset, valid, keyStart) {
    const inBatch = Math.floor((this.thread.z + 0.5) / this.constants.queries);
    const kvHead = Math.floor((this.thread.y + 0.5) / this.constants.G);
    const inGroup = this.thread.y - kvHead * this.constants.G;
    const row = (this.thread.z - inBatch * this.constants.queries) * this.constants.G + inGroup;
    const rowBlock = Math.floor((row + 0.5) / ${form.R});
    ${rangeOf(form, 'rowBlock')}
    const block = (inBatch * this.constants.Hkv + kvHead) * this.constants.Y + rowBlock;
    const lane = row - rowBlock * ${form.R};
    const slot = (batch + inBatch) * this.constants.Lk - keyStart;
    const d = this.thread.x * ${C};
    ${each(C, (c) => `let y${c} = 0.0;`, ' ')}
    for (let jj = 0; jj < count; jj++) {
      const w = weights[block][jj * ${form.R} + lane];
      if (w !== -1.0) {
        const vRow = (slot + ${keyAt(form, 'jj')}) * this.constants.Hkv + kvHead;
        ${each(C, (c) => `y${c} += w * v[vRow][d + ${c}];`, ' ')}
      }
    }
    const l = sums[block * ${form.R} + lane];
    return ${result(C, (c) => `(l === 0.0 ? 0.0 : y${c} / l)`)};
  }`,
);

function result(count: number, item: (i: number) => string): string {
  return count === 1 ? item(0) : `[${each(count, item, ', ')}]`;
}

/** `[batches, queries, H, Dv]` into its place in `[B, Lq, H, Dv]`. */
export function valuesStep(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  target: PlanTarget,
): KernelStep {
  const { B, Lq, H, Hkv, Dv, R, G } = layout;
  const v = keyRange('v', layout, chunk, params, target);
  const whole = chunk.batches === B && chunk.queries === Lq;
  const form = rangeForm(layout, params);
  const common = {
    name: 'out',
    constants: rangeConstants(layout, chunk, params),
    args: [
      packed('weights', layout, chunk),
      'sums',
      v.argument,
      { integer: chunk.batch },
      ...rangeScalars(chunk, params),
      { integer: v.start },
    ],
    length: chunk.batches * chunk.queries * H * Dv,
    ...(!whole && {
      part: { of: 'y', length: B * Lq * H * Dv, at: (chunk.batch * Lq + chunk.first) * H * Dv },
    }),
  };
  if (target.packedRows) {
    return {
      ...common,
      source: packedSource(form),
      threads: [Dv, chunk.Y, chunk.batches * Hkv],
      lanes: R as 1 | 2 | 3 | 4,
      rowStarts: rowStarts(chunk, Hkv, G, H, Dv, R),
    };
  }
  // few threads return arrays in cpu mode, so that what an array costs there is outweighed by reading rows of v
  const C = Dv % 4 === 0 && (target.columns === 4 || target.mode === 'cpu') ? 4 : 1;
  return {
    ...common,
    source: plainSource({ ...form, C }),
    threads: [Dv / C, H, chunk.batches * chunk.queries],
    lanes: C,
  };
}

function rowStarts(
  { batches, queries, M, Y }: Chunk,
  Hkv: number,
  G: number,
  H: number,
  Dv: number,
  R: number,
): Int32Array {
  const starts = new Int32Array(batches * Hkv * Y * R).fill(-1);
  for (let z = 0; z < batches * Hkv; z++) {
    const b = Math.floor(z / Hkv);
    const kvHead = z % Hkv;
    for (let m = 0; m < M; m++) {
      const i = Math.floor(m / G);
      starts[z * Y * R + m] = ((b * queries + i) * H + kvHead * G + (m % G)) * Dv;
    }
  }
  return starts;
}
