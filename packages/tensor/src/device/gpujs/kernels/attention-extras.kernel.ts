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
  rangeNames,
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
  }, ${rangeNames(form)}${what === 'scores' ? ', hidden, nothing' : ''}) {
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

const rawSource = `function (q, k, scale, batch) {
    const inBatch = Math.floor((this.thread.z + 0.5) / this.constants.H);
    const head = this.thread.z - inBatch * this.constants.H;
    const b = batch + inBatch;
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

/**
 * The steps that give what was asked for beside the output: for all queries of the chunk's batches, into their place.
 */
export function extraSteps(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  target: PlanTarget,
): readonly KernelStep[] {
  const { softcap, extras } = params;
  const capping = extras.includes('capped') && softcap > 0;
  const steps = extras.map((name): KernelStep => {
    if (name === 'raw' || (name === 'capped' && !capping)) return rawStep(name, layout, chunk, params);
    if (name === 'capped') return cappedStep(layout, chunk, softcap, target);
    return name === 'lse' ? lseStep(layout, chunk, params) : unpackStep(name, layout, chunk, params);
  });
  return [
    ...(capping ? [rawStep('before the cap', layout, chunk, params)] : []),
    ...steps.map((step) => inPlace(step, layout, chunk)),
  ];
}

/** What `attentionPlan` returns for an extra. */
export function extraName(name: AttentionExtra): string {
  return `${name} of all`;
}

/** The step with its result among those of all batches. */
function inPlace(step: KernelStep, { B }: Layout, { batch, batches }: Chunk): KernelStep {
  const each = step.length / batches;
  return { ...step, part: { of: `${step.name} of all`, length: B * each, at: batch * each } };
}

function perScore({ H, Lq, Lk }: Layout, { batches }: Chunk): Pick<KernelStep, 'length' | 'threads'> {
  return { length: batches * H * Lq * Lk, threads: [Lk, Lq, batches * H] };
}

function rawStep(name: string, layout: Layout, chunk: Chunk, params: AttentionParams): KernelStep {
  const { B, Lq, H, Hkv, Lk, D } = layout;
  return {
    name,
    source: rawSource,
    constants: rangeConstants(layout, chunk, params),
    args: [
      { array: 'q', size: [D, B * Lq * H] },
      { array: 'k', size: [D, B * Lk * Hkv] },
      { float: params.scale },
      { integer: chunk.batch },
    ],
    ...perScore(layout, chunk),
  };
}

function cappedStep(layout: Layout, chunk: Chunk, softcap: number, { exp }: PlanTarget): KernelStep {
  const { length } = perScore(layout, chunk);
  return {
    name: 'capped',
    source: cappedSource({ exp }),
    args: ['before the cap', { float: softcap }],
    length,
  };
}

function lseStep(layout: Layout, chunk: Chunk, params: AttentionParams): KernelStep {
  const { H, Lq, R } = layout;
  return {
    name: 'lse',
    source: lseSource({ R }),
    constants: rangeConstants(layout, chunk, params),
    args: ['tops', 'sums', HIDDEN, NOTHING],
    length: chunk.batches * H * Lq,
    threads: [Lq, H, chunk.batches],
  };
}

function unpackStep(
  what: 'weights' | 'scores',
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
): KernelStep {
  const array = packed(what, layout, chunk);
  const range = rangeScalars(chunk, params);
  return {
    name: what,
    source: unpackSource({ ...rangeForm(layout, params), what }),
    constants: rangeConstants(layout, chunk, params),
    args: what === 'weights' ? [array, 'sums', ...range] : [array, ...range, HIDDEN, NOTHING],
    ...perScore(layout, chunk),
  };
}
