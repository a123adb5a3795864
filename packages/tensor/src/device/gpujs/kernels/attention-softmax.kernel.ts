import type { AttentionParams } from '../../../ops/attention.ts';
import type { KernelStep, PlanTarget } from '../plan.ts';
import { each, sourceOf } from '../source.ts';
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
import { addLong } from './sum.kernel.ts';

/** The head of the row that thread (x, y, z) stands for, one thread a row. */
const headOfRow = (R: number): string => `
    const row = Math.min(this.thread.y * ${R} + this.thread.x, this.constants.M - 1);
    const inGroup = row - Math.floor((row + 0.5) / this.constants.G) * this.constants.G;
    const kvHead = this.thread.z - Math.floor((this.thread.z + 0.5) / this.constants.Hkv) * this.constants.Hkv;
    const head = kvHead * this.constants.G + inGroup;`;

/** Row block of all batches and key heads, as an expression of threads: see `contract.kernel.ts` on locals. */
const blockOfThread = 'this.thread.z * this.constants.Y + this.thread.y';

const maximumSource = sourceOf(
  (form: RangeForm & { readonly sinks: boolean }) =>
    `function (scores${form.sinks ? ', sinks' : ''}, ${rangeNames(form)}, hidden) {
    ${rangeOf(form, 'this.thread.y')}
    ${form.sinks ? `${headOfRow(form.R)}\n    let top = sinks[head];` : 'let top = hidden;'}
    for (let jj = 0; jj < count; jj++) {
      const s = scores[${blockOfThread}][jj * ${form.R} + this.thread.x];
      const more = top === hidden ? s : (s > top ? s : top);
      top = s === hidden ? top : more;
    }
    return top;
  }`,
);

const weightsSource = sourceOf(
  ({ exp, ...form }: RangeForm & { readonly exp: PlanTarget['exp'] }) =>
    `function (scores, tops, ${rangeNames(form)}, hidden) {
    const z = Math.floor((this.thread.z + 0.5) / this.constants.Y);
    const block = this.thread.z - z * this.constants.Y;
    ${rangeOf(form, 'block')}
    const jj = this.thread.y * this.constants.tile + this.thread.x;
    ${each(form.R, (r) => `let w${r} = -1.0;`)}
    if (this.thread.y * this.constants.tile < count) {
      ${each(
        form.R,
        (r) => `const s${r} = scores[this.thread.z][jj * ${form.R} + ${r}];
      ${expOf(`e${r}`, `s${r} - tops[this.thread.z * ${form.R} + ${r}]`, exp)}
      w${r} = s${r} === hidden ? -1.0 : e${r};`,
      )}
    }
    return ${form.R === 1 ? 'w0' : `[${each(form.R, (r) => `w${r}`, ', ')}]`};
  }`,
);

const sumSource = sourceOf(
  (form: RangeForm & { readonly sinks: boolean; readonly exp: PlanTarget['exp'] }) =>
    `function (weights${form.sinks ? ', tops, sinks' : ''}, ${rangeNames(form)}) {
    ${rangeOf(form, 'this.thread.y')}
    const fours = Math.floor((count + 3.5) / 4.0);
    let sum = 0.0; let sumLost = 0.0;
    for (let t = 0; t < fours; t++) {
      ${each(
        4,
        (n) => `const w${n} = weights[${blockOfThread}][t * ${4 * form.R} + ${n * form.R} + this.thread.x];
      const a${n} = w${n} === -1.0 ? 0.0 : w${n};`,
      )}
      ${addLong('sum', ['a0', 'a1', 'a2', 'a3'], 'a')}
    }
    ${
      form.sinks
        ? `${headOfRow(form.R)}
    ${expOf('e', `sinks[head] - tops[(${blockOfThread}) * ${form.R} + this.thread.x]`, form.exp)}
    sum += e;`
        : ''
    }
    return sum;
  }`,
);

/** Largest score of each row (or its sink), `[batch · Hkv][Y][R]`; HIDDEN for a row that sees nothing. */
export function maximumStep(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  sinks: boolean,
): KernelStep {
  return {
    name: 'tops',
    source: maximumSource({ ...rangeForm(layout, params), sinks }),
    constants: rangeConstants(layout, chunk, params),
    args: [
      packed('scores', layout, chunk),
      ...(sinks ? ['sinks'] : []),
      ...rangeScalars(chunk, params),
      HIDDEN,
    ],
    ...perRow(layout, chunk),
  };
}

/** `exp(score − top)`, `[batch · Hkv][Y][K][R]`; −1 where a key is hidden, so that its value is not read. */
export function weightsStep(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  target: PlanTarget,
): KernelStep {
  const Z = chunk.batches * layout.Hkv;
  return {
    name: 'weights',
    source: weightsSource({ ...rangeForm(layout, params), exp: target.exp }),
    constants: rangeConstants(layout, chunk, params),
    args: [packed('scores', layout, chunk), 'tops', ...rangeScalars(chunk, params), HIDDEN],
    length: Z * chunk.Y * chunk.K * layout.R,
    threads: [chunk.tile, chunk.tiles, Z * chunk.Y],
    lanes: layout.R as 1 | 2 | 3 | 4,
  };
}

/** Sum of each row's weights and its sink, `[batch · Hkv][Y][R]`. */
export function sumStep(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  sinks: boolean,
  target: PlanTarget,
): KernelStep {
  return {
    name: 'sums',
    source: sumSource({ ...rangeForm(layout, params), sinks, exp: target.exp }),
    constants: rangeConstants(layout, chunk, params),
    args: [
      packed('weights', layout, chunk),
      ...(sinks ? ['tops', 'sinks'] : []),
      ...rangeScalars(chunk, params),
    ],
    ...perRow(layout, chunk),
  };
}

function perRow({ Hkv, R }: Layout, { batches, Y }: Chunk): Pick<KernelStep, 'length' | 'threads'> {
  return { length: batches * Hkv * Y * R, threads: [R, Y, batches * Hkv] };
}
