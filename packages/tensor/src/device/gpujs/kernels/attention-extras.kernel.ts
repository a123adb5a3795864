import type { AttentionExtra, AttentionParams } from '../../../ops/attention.ts';
import type { KernelArgument, KernelStep, PlanTarget } from '../plan.ts';
import { sourceOf } from '../source.ts';
import {
  type Chunk,
  type Layout,
  packed,
  type RangeForm,
  rangeConstants,
  rangeForm,
  rangeOf,
  rangeScalars,
} from './attention-form.ts';
import { HIDDEN } from './attention-scores.kernel.ts';
import { expOf } from './exp.kernel.ts';

const NOTHING: KernelArgument = { float: -Infinity };

/** Statements that find the packed row of `head` and `query` of batch b. */
const rowOf = (R: number, query: string, head: string): string => `
    const kvHead = Math.floor((${head} + 0.5) / this.constants.G);
    const row = ${query} * this.constants.G + ${head} - kvHead * this.constants.G;
    const rowBlock = Math.floor((row + 0.5) / ${R});
    const lane = row - rowBlock * ${R};
    const block = (b * this.constants.Hkv + kvHead) * this.constants.Y + rowBlock;`;

const lseSource = sourceOf(
  ({ R }: { readonly R: number }) => `function (tops, sums, hidden, nothing) {
    const b = this.thread.z;
    ${rowOf(R, 'this.thread.x', 'this.thread.y')}
    const top = tops[block * ${R} + lane];
    const lse = top + Math.log(sums[block * ${R} + lane]);
    return top === hidden ? nothing : lse;
  }`,
);

/** One number of the packed rows, where `[B, H, Lq, Lk]` wants it. */
const unpackSource = sourceOf(
  ({ what, ...form }: RangeForm & { readonly what: 'weights' | 'scores' }) => `function (${
    what === 'weights' ? 'weights, sums' : 'scores'
  }, first, offset, valid${what === 'scores' ? ', hidden, nothing' : ''}) {
    const b = Math.floor((this.thread.z + 0.5) / this.constants.H);
    const head = this.thread.z - b * this.constants.H;
    ${rowOf(form.R, 'this.thread.y', 'head')}
    ${rangeOf(form, 'rowBlock')}
    const key = Math.min(this.thread.x, this.constants.K - 1);
    ${
      what === 'weights'
        ? `const w = weights[block][key * ${form.R} + lane];
    const y = w / sums[block * ${form.R} + lane];
    return this.thread.x < count && w !== -1.0 ? y : 0.0;`
        : `const s = scores[block][key * ${form.R} + lane];
    return this.thread.x < count && s !== hidden ? s : nothing;`
    }
  }`,
);

const rawSource = `function (q, k, scale) {
    const b = Math.floor((this.thread.z + 0.5) / this.constants.H);
    const head = this.thread.z - b * this.constants.H;
    const kvHead = Math.floor((head + 0.5) / this.constants.G);
    const qRow = (b * this.constants.Lq + this.thread.y) * this.constants.H + head;
    const kRow = (b * this.constants.Lk + this.thread.x) * this.constants.Hkv + kvHead;
    let s = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      s += q[qRow][d] * k[kRow][d];
    }
    return s * scale;
  }`;

const cappedSource = sourceOf(
  ({ exp }: { readonly exp: PlanTarget['exp'] }) => `function (raw, softcap) {
    const u = raw[this.thread.x] / softcap;
    ${expOf('e', '-2.0 * Math.abs(u)', exp)}
    const t = (1.0 - e) / (1.0 + e);
    return softcap * (u < 0.0 ? -t : t);
  }`,
);

/** The steps that give what was asked for beside the output, and the names of their results, in order. */
export function extraSteps(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  target: PlanTarget,
): { readonly steps: readonly KernelStep[]; readonly outputs: readonly string[] } {
  const { B, Lq, H, Hkv, Lk, D, R } = layout;
  const constants = rangeConstants(layout, chunk, params);
  const perScore = { constants, length: B * H * Lq * Lk, threads: [Lk, Lq, B * H] as const };
  const form = rangeForm(layout, params);
  const range = rangeScalars(chunk, params);
  const raw: KernelStep = {
    name: 'raw',
    source: rawSource,
    args: [
      { array: 'q', size: [D, B * Lq * H] },
      { array: 'k', size: [D, B * Lk * Hkv] },
      { float: params.scale },
    ],
    ...perScore,
  };
  const step: Record<AttentionExtra, readonly KernelStep[]> = {
    lse: [
      {
        name: 'lse',
        source: lseSource({ R }),
        constants,
        args: ['tops', 'sums', HIDDEN, NOTHING],
        length: B * H * Lq,
        threads: [Lq, H, B],
      },
    ],
    weights: [
      {
        name: 'weights out',
        source: unpackSource({ ...form, what: 'weights' }),
        args: [packed('weights', layout, chunk), 'sums', ...range],
        ...perScore,
      },
    ],
    scores: [
      {
        name: 'scores out',
        source: unpackSource({ ...form, what: 'scores' }),
        args: [packed('scores', layout, chunk), ...range, HIDDEN, NOTHING],
        ...perScore,
      },
    ],
    raw: [raw],
    capped: [
      params.softcap > 0
        ? {
            name: 'capped',
            source: cappedSource({ exp: target.exp }),
            args: ['raw before the cap', { float: params.softcap }],
            length: perScore.length,
          }
        : { ...raw, name: 'capped' },
    ],
  };
  const capping = params.extras.includes('capped') && params.softcap > 0;
  return {
    steps: [
      ...(capping ? [{ ...raw, name: 'raw before the cap' }] : []),
      ...params.extras.flatMap((name) => step[name]),
    ],
    outputs: params.extras.map((name) => step[name][0]!.name),
  };
}
