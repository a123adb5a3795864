import type { AttentionParams } from '../../../ops/attention.ts';
import type { KernelStep, PlanTarget } from '../plan.ts';
import { each, sourceOf } from '../source.ts';
import {
  type AttentionShapes,
  type Chunk,
  endOf,
  keyAt,
  keyRange,
  type Layout,
  packed,
  type RangeForm,
  rangeConstants,
  rangeForm,
  rangeNames,
  rangeOf,
  rangeScalars,
} from './attention-form.ts';

interface PackedForm extends RangeForm {
  /** No key in the range is hidden but by causality: most weights need no look. */
  readonly open: boolean;
  /** Queries of a row block, when it has a whole number of them. */
  readonly queriesPerBlock: number;
}

/**
 * R rows against one number of the values: for modes that share loads along x. Keys that all rows see come first,
 * two at a time; then those that are looked at one by one, for what stands in a hidden value must not be read.
 */
const packedSource = sourceOf((form: PackedForm) => {
  const { R, open } = form;
  const block = 'this.thread.z * this.constants.Y + this.thread.y';
  const rows = (line: (r: number) => string, separator = ' '): string => each(R, line, separator);
  const weight = (r: number, jj: string): string => `weights[${block}][(${jj}) * ${R} + ${r}]`;
  const look = (jj: string): string => `
      ${rows((r) => `const w${r} = ${weight(r, jj)};`)}
      if (${rows((r) => `w${r} !== -1.0`, ' || ')}) {
        const value = v[${slotOf(form, jj)}][this.thread.z][this.thread.x];
        ${rows((r) => `if (w${r} !== -1.0) { y${r} += w${r} * value; }`, '\n        ')}
      }`;
  return `function (weights, sums, v, shift, ${rangeNames(form)}) {
    ${rangeOf(form, 'this.thread.y')}
    ${rows((r) => `let y${r} = 0.0;`)}
    ${
      open
        ? `const pairs = Math.floor(${seenByAll(form)} / 2.0);
    for (let t = 0; t < pairs; t++) {
      const va = v[t * 2][this.thread.z][this.thread.x];
      const vb = v[t * 2 + 1][this.thread.z][this.thread.x];
      ${rows((r) => `y${r} += ${weight(r, 't * 2')} * va + ${weight(r, 't * 2 + 1')} * vb;`, '\n      ')}
    }
    const done = pairs * 2;
    for (let rest = 0; rest < count - done; rest++) {${look('done + rest')}
    }`
        : `for (let jj = 0; jj < count; jj++) {${look('jj')}
    }`
    }
    ${rows((r) => `const l${r} = sums[(${block}) * ${R} + ${r}];`)}
    return ${result(R, (r) => `(l${r} === 0.0 ? 0.0 : y${r} / l${r})`)};
  }`;
});

/** The slot of v, from where the argument starts, of slot jj of a row block. */
function slotOf(form: PackedForm, jj: string): string {
  if (!form.banded) return jj;
  if (form.sinkTokens || form.queriesPerBlock === 0) return `shift + ${keyAt(form, jj)}`;
  // the same by thread and not by `lo`, which is a local
  return `shift + offset + first - this.constants.before + this.thread.y * ${form.queriesPerBlock} + ${jj}`;
}

/** One row against C numbers of the values, in the order of the result. */
const plainSource = sourceOf(
  ({ C, open, ...form }: RangeForm & { readonly C: number; readonly open: boolean }) => {
    const columns = (line: (c: number) => string): string => each(C, line, ' ');
    const vRow = (jj: string): string => `(slot + ${keyAt(form, jj)}) * this.constants.Hkv + kvHead`;
    const look = (jj: string): string => `
      const w = weights[block][(${jj}) * ${form.R} + lane];
      if (w !== -1.0) {
        const vRow = ${vRow(jj)};
        ${columns((c) => `y${c} += w * v[vRow][d + ${c}];`)}
      }`;
    return `function (weights, sums, v, batch, ${rangeNames(form)}, keyStart) {
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
    ${columns((c) => `let y${c} = 0.0;`)}
    ${
      open
        ? `const pairs = Math.floor(${seenByAll(form)} / 2.0);
    for (let t = 0; t < pairs; t++) {
      const wa = weights[block][t * ${2 * form.R} + lane]; const wb = weights[block][t * ${2 * form.R} + ${form.R} + lane];
      const rowA = ${vRow('t * 2')}; const rowB = ${vRow('t * 2 + 1')};
      ${columns((c) => `y${c} += wa * v[rowA][d + ${c}] + wb * v[rowB][d + ${c}];`)}
    }
    const done = pairs * 2;
    for (let rest = 0; rest < count - done; rest++) {${look('done + rest')}
    }`
        : `for (let jj = 0; jj < count; jj++) {${look('jj')}
    }`
    }
    const l = sums[block * ${form.R} + lane];
    return ${result(C, (c) => `(l === 0.0 ? 0.0 : y${c} / l)`)};
  }`;
  },
);

/** Keys that every row of the block sees, when only causality and the ends hide any. */
function seenByAll(form: RangeForm): string {
  return form.causal || form.bounded ? `Math.max(${endOf(form, 'queryFirst')}, 0.0)` : 'valid';
}

function result(count: number, item: (i: number) => string): string {
  return count === 1 ? item(0) : `[${each(count, item, ', ')}]`;
}

/** `[batches, queries, H, Dv]` into its place in `[B, Lq, H, Dv]`. */
export function valuesStep(
  inputs: AttentionShapes,
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
    length: chunk.batches * chunk.queries * H * Dv,
    ...(!whole && {
      part: { of: 'y', length: B * Lq * H * Dv, at: (chunk.batch * Lq + chunk.first) * H * Dv },
    }),
  };
  const open = plainlyCausal(inputs, layout, params);
  const weights = [packed('weights', layout, chunk), 'sums'];
  const range = rangeScalars(chunk, params);
  if (target.packedRows) {
    const [row, rows] = v.argument.size as readonly [number, number];
    return {
      ...common,
      source: packedSource({ ...form, open, queriesPerBlock: R % G === 0 ? R / G : 0 }),
      args: [
        ...weights,
        { ...v.argument, size: [row, Hkv, rows / Hkv] },
        { integer: chunk.batch * layout.Lk - v.start },
        ...range,
      ],
      threads: [Dv, chunk.Y, Hkv],
      lanes: R as 1 | 2 | 3 | 4,
      rowStarts: rowStarts(chunk, Hkv, G, H, Dv, R),
    };
  }
  // few threads return arrays in cpu mode, so that what an array costs there is outweighed by reading rows of v
  const C = Dv % 4 === 0 && (target.columns === 4 || target.mode === 'cpu') ? 4 : 1;
  return {
    ...common,
    source: plainSource({ ...form, C, open }),
    args: [...weights, v.argument, { integer: chunk.batch }, ...range, { integer: v.start }],
    threads: [Dv / C, H, chunk.batches * chunk.queries],
    lanes: C,
  };
}

/** Whether every key up to a row's position is seen by it. */
function plainlyCausal(inputs: AttentionShapes, { structural }: Layout, params: AttentionParams): boolean {
  return (
    structural &&
    params.before === Infinity &&
    !inputs.bias &&
    !inputs.keyUntil &&
    params.modifiers.length === 0
  );
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
