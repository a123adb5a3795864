import type { AttentionExtra, AttentionParams } from '../../../ops/attention.ts';
import type { KernelArgument, KernelStep, PlanTarget } from '../plan.ts';
import { sourceOf } from '../source.ts';
import {
  type Chunk,
  type Layout,
  rangeConstants,
  rangeForm,
  rangeOf,
  rangeScalars,
} from './attention-form.ts';
import { HIDDEN } from './attention-scores.kernel.ts';
import { expOf } from './exp.kernel.ts';

const NOTHING: KernelArgument = { float: -Infinity };

const lseSource = (R: number): string => `function (tops, sums, hidden, nothing) {
    const kvHead = Math.floor(this.thread.y / this.constants.G);
    const row = this.thread.x * this.constants.G + this.thread.y - kvHead * this.constants.G;
    const y = Math.floor(row / ${R});
    const at = ((this.thread.z * this.constants.Hkv + kvHead) * this.constants.Y + y) * ${R} + row - y * ${R};
    const top = tops[at];
    return top === hidden ? nothing : top + Math.log(sums[at]);
  }`;

/** One number of the packed rows, where `[B, H, Lq, Lk]` wants it. */
const unpackSource = sourceOf(
  ({
    what,
    R,
    ...form
  }: ReturnType<typeof rangeForm> & { readonly what: 'weights' | 'scores' }) => `function (${
    what === 'weights' ? 'weights, sums' : 'scores'
  }, first, offset, valid${what === 'scores' ? ', hidden, nothing' : ''}) {
    const b = Math.floor(this.thread.z / this.constants.H);
    const head = this.thread.z - b * this.constants.H;
    const kvHead = Math.floor(head / this.constants.G);
    const row = this.thread.y * this.constants.G + head - kvHead * this.constants.G;
    const y = Math.floor(row / ${R});
    ${rangeOf({ ...form, R }, 'y')}
    const block = (b * this.constants.Hkv + kvHead) * this.constants.Y + y;
    const inside = this.thread.x < count ? this.thread.x : 0;
    const at = (block * this.constants.K + inside) * ${R} + row - y * ${R};
    ${
      what === 'weights'
        ? `const w = weights[at];
    const l = sums[block * ${R} + row - y * ${R}];
    return this.thread.x < count && w !== -1.0 ? w / l : 0.0;`
        : `const s = scores[at];
    return this.thread.x < count && s !== hidden ? s : nothing;`
    }
  }`,
);

const rawSource = `function (q, k, scale) {
    const b = Math.floor(this.thread.z / this.constants.H);
    const head = this.thread.z - b * this.constants.H;
    const kvHead = Math.floor(head / this.constants.G);
    const q0 = ((b * this.constants.Lq + this.thread.y) * this.constants.H + head) * this.constants.D;
    const k0 = ((b * this.constants.Lk + this.thread.x) * this.constants.Hkv + kvHead) * this.constants.D;
    let s = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      s += q[q0 + d] * k[k0 + d];
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
  const { B, Lq, H, Lk, R } = layout;
  const constants = rangeConstants(layout, chunk, params);
  const perScore = { constants, length: B * H * Lq * Lk, threads: [Lk, Lq, B * H] as const };
  const form = rangeForm(layout, params);
  const range = rangeScalars(chunk, params);
  const raw: KernelStep = {
    name: 'raw',
    source: rawSource,
    args: ['q', 'k', { float: params.scale }],
    ...perScore,
  };
  const step: Record<AttentionExtra, readonly KernelStep[]> = {
    lse: [
      {
        name: 'lse',
        source: lseSource(R),
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
        args: ['weights', 'sums', ...range],
        ...perScore,
      },
    ],
    scores: [
      {
        name: 'scores out',
        source: unpackSource({ ...form, what: 'scores' }),
        args: ['scores', ...range, HIDDEN, NOTHING],
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
