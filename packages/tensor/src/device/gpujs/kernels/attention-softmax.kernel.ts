import type { AttentionParams } from '../../../ops/attention.ts';
import type { KernelStep, PlanTarget } from '../plan.ts';
import { each, sourceOf } from '../source.ts';
import {
  type Chunk,
  type Layout,
  type RangeForm,
  rangeConstants,
  rangeForm,
  rangeOf,
  rangeScalars,
} from './attention-form.ts';
import { HIDDEN } from './attention-scores.kernel.ts';
import { expOf } from './exp.kernel.ts';

/** The head of the row that thread (x, y, z) stands for, one thread a row. */
const headOfRow = (R: number): string => `
    const m = this.thread.y * ${R} + this.thread.x;
    const row = m < this.constants.M ? m : this.constants.M - 1;
    const head = (this.thread.z - Math.floor(this.thread.z / this.constants.Hkv) * this.constants.Hkv) * this.constants.G
      + row - Math.floor(row / this.constants.G) * this.constants.G;`;

const maximumSource = sourceOf(
  (
    form: RangeForm & { readonly sinks: boolean },
  ) => `function (scores${form.sinks ? ', sinks' : ''}, first, offset, valid, hidden) {
    ${rangeOf(form, 'this.thread.y')}
    const start = (this.thread.z * this.constants.Y + this.thread.y) * this.constants.K * ${form.R} + this.thread.x;
    ${form.sinks ? `${headOfRow(form.R)}\n    let top = sinks[head];` : 'let top = hidden;'}
    for (let jj = 0; jj < count; jj++) {
      const s = scores[start + jj * ${form.R}];
      const more = top === hidden ? s : (s > top ? s : top);
      top = s === hidden ? top : more;
    }
    return top;
  }`,
);

const weightsSource = sourceOf(
  ({
    exp,
    ...form
  }: RangeForm & {
    readonly exp: PlanTarget['exp'];
  }) => `function (scores, tops, first, offset, valid, hidden) {
    const z = Math.floor(this.thread.z / this.constants.Y);
    const block = this.thread.z - z * this.constants.Y;
    ${rangeOf(form, 'block')}
    const at = (this.thread.z * this.constants.K + this.thread.y * this.constants.tile + this.thread.x) * ${form.R};
    ${each(form.R, (r) => `let w${r} = -1.0;`)}
    if (this.thread.y * this.constants.tile < count) {
      ${each(
        form.R,
        (r) => `const s${r} = scores[at + ${r}];
      ${expOf(`e${r}`, `s${r} - tops[this.thread.z * ${form.R} + ${r}]`, exp)}
      w${r} = s${r} === hidden ? -1.0 : e${r};`,
      )}
    }
    return ${form.R === 1 ? 'w0' : `[${each(form.R, (r) => `w${r}`, ', ')}]`};
  }`,
);

const sumSource = sourceOf(
  (
    form: RangeForm & { readonly sinks: boolean; readonly exp: PlanTarget['exp'] },
  ) => `function (weights${form.sinks ? ', tops, sinks' : ''}, first, offset, valid) {
    ${rangeOf(form, 'this.thread.y')}
    const start = (this.thread.z * this.constants.Y + this.thread.y) * this.constants.K * ${form.R} + this.thread.x;
    let sum = 0.0;
    for (let jj = 0; jj < count; jj++) {
      const w = weights[start + jj * ${form.R}];
      sum += w === -1.0 ? 0.0 : w;
    }
    ${
      form.sinks
        ? `${headOfRow(form.R)}
    ${expOf('e', `sinks[head] - tops[(this.thread.z * this.constants.Y + this.thread.y) * ${form.R} + this.thread.x]`, form.exp)}
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
    args: ['scores', ...(sinks ? ['sinks'] : []), ...rangeScalars(chunk, params), HIDDEN],
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
    args: ['scores', 'tops', ...rangeScalars(chunk, params), HIDDEN],
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
    args: ['weights', ...(sinks ? ['tops', 'sinks'] : []), ...rangeScalars(chunk, params)],
    ...perRow(layout, chunk),
  };
}

function perRow({ Hkv, R }: Layout, { batches, Y }: Chunk): Pick<KernelStep, 'length' | 'threads'> {
  return { length: batches * Hkv * Y * R, threads: [R, Y, batches * Hkv] };
}
