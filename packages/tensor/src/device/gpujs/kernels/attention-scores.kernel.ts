import type { AttentionParams } from '../../../ops/attention.ts';
import type { KernelArgument, KernelArray, KernelStep, PlanTarget } from '../plan.ts';
import { each, sourceOf } from '../source.ts';
import {
  type AttentionShapes,
  type Chunk,
  keyAt,
  keyRange,
  type Layout,
  type RangeForm,
  rangeConstants,
  rangeForm,
  rangeNames,
  rangeOf,
  rangeScalars,
} from './attention-form.ts';
import { expOf } from './exp.kernel.ts';
import { modifierCalls, modifierText } from './modifier-text.ts';

/** A hidden key has this score, 2^127: no score is so large, and no mode need know infinities. */
export const HIDDEN: KernelArgument = { float: 2 ** 127 };

/** Below the least float32 there is only −∞, which hides. */
export const LOWEST: KernelArgument = { float: -3.4028234663852886e38 };

interface Form extends RangeForm {
  readonly windowed: boolean;
  readonly sinks: boolean;
  readonly softcap: boolean;
  readonly bias: 'none' | 'shared' | 'b' | 'h' | 'bh';
  readonly slopes: boolean;
  /** Positions by sequence (`b`), for all sequences (`1`), or counted. */
  readonly queryPositions: 'none' | '1' | 'b';
  readonly keyPositions: 'none' | '1' | 'b';
  readonly keyUntil: 'none' | '1' | 'b';
  readonly modifiers: string;
  /** Terms of the dot product a turn of the loop adds, and how many are left over. */
  readonly unroll: number;
  readonly rest: number;
  readonly branches: boolean;
  /**
   * The queries come packed, row r of a block at `block · R + r`; see `contract.kernel.ts` on indexing by thread. And
   * keys past the end need no bound: webasm's reads are bounded for neighbouring threads, and tiles are whole fours.
   */
  readonly packed: boolean;
  readonly exp: PlanTarget['exp'];
}

/**
 * One key against R query rows. A hidden key's dot product may be anything, NaN included: it is replaced, never
 * weighed.
 */
const scoresSource = sourceOf((form: Form) => {
  const { R } = form;
  const arrays = [
    'q',
    'k',
    ...(form.bias === 'none' ? [] : ['bias']),
    ...(['slopes'] as const).filter((name) => form[name]),
    ...(['queryPositions', 'keyPositions', 'keyUntil'] as const).filter((name) => form[name] !== 'none'),
  ];
  const scalars = ['scale', 'softcap', 'batch', rangeNames(form), 'keyStart', 'hidden', 'lowest'];
  const perRow = (line: (r: number) => string): string => each(R, line, '\n      ');
  const visibility = `${perRow((r) => rowOf(form, r))}
      const kp = ${form.keyPositions === 'none' ? 'j' : wholeAt('keyPositions', form.keyPositions, 'this.constants.Lk', 'key')};
      ${form.keyUntil === 'none' ? '' : `const until = ${wholeAt('keyUntil', form.keyUntil, 'this.constants.Lk', 'key')};`}
      ${perRow((r) => seenOf(form, r))}`;
  return `function (${[...arrays, ...scalars].join(', ')}) {
    const z = Math.floor((this.thread.z + 0.5) / this.constants.Y);
    const block = this.thread.z - z * this.constants.Y;
    const inBatch = Math.floor((z + 0.5) / this.constants.Hkv);
    const b = batch + inBatch;
    const kvHead = z - inBatch * this.constants.Hkv;
    ${rangeOf(form, 'block')}
    const tileStart = this.thread.y * this.constants.tile;
    ${each(R, (r) => `let r${r} = hidden;`, ' ')}
    if (tileStart < count) {
      const jj = tileStart + this.thread.x;
      const j = ${keyAt(form, 'jj')};
      const key = ${form.packed ? 'j' : 'Math.max(Math.min(j, this.constants.Lk - 1), 0.0)'};
      const kRow = (b * this.constants.Lk + key - keyStart) * this.constants.Hkv + kvHead;
      ${form.branches ? `${visibility}\n      if (${each(R, (r) => `seen${r}`, ' + ')} > 0.0) {` : ''}
      ${dotOf(form)}
      ${form.branches ? '' : visibility}
      ${perRow((r) => scoreOf(form, r))}
      ${form.branches ? '}' : ''}
    }
    return ${R === 1 ? 'r0' : `[${each(R, (r) => `r${r}`, ', ')}]`};
  }`;
});

/** A whole number out of an array by sequence (`b`) or for all (`1`). */
function wholeAt(array: string, how: '1' | 'b', length: string, index: string): string {
  return `Math.floor(${array}[${how === 'b' ? `b * ${length} + ` : ''}${index}] + 0.5)`;
}

/** Which query, head and position row r of the block is, and its row of q. */
function rowOf({ R, packed, queryPositions }: Form, r: number): string {
  const position =
    queryPositions === 'none'
      ? `offset + i${r}`
      : wholeAt('queryPositions', queryPositions, 'this.constants.Lq', `i${r}`);
  return `const m${r} = Math.min(block * ${R} + ${r}, this.constants.M - 1);
      const query${r} = Math.floor((m${r} + 0.5) / this.constants.G);
      const i${r} = first + query${r};
      const h${r} = kvHead * this.constants.G + m${r} - query${r} * this.constants.G;
      ${packed ? '' : `const q${r} = (b * this.constants.Lq + i${r}) * this.constants.H + h${r};`}
      const p${r} = ${position};`;
}

/** The visibility rule: the one of the reference, in the same order. */
function seenOf(form: Form, r: number): string {
  const sinks = form.sinks ? ' && kp >= this.constants.sinkTokens' : '';
  const hides = [
    'j >= valid || jj >= count',
    ...(form.banded ? ['j < 0'] : []),
    ...(form.sinkTokens ? ['jj >= this.constants.sinkTokens && j < this.constants.sinkTokens'] : []),
    ...(form.keyPositions === 'none' ? [] : ['kp < 0.0']),
    ...(form.causal ? [`kp > p${r}${form.prefixed ? ' && kp >= prefix' : ''}`] : []),
    ...(form.windowed ? [`p${r} - kp > this.constants.before${sinks}`] : []),
    ...(form.bounded ? [`kp - p${r} > this.constants.after${sinks}`] : []),
    ...(form.keyUntil === 'none' ? [] : [`p${r} > until`]),
    ...(form.bias === 'none' ? [] : [`bias${r} < lowest`]),
  ];
  return `let seen${r} = 1.0;
      ${form.bias === 'none' ? '' : `const bias${r} = bias[${biasRow(form, r)}i${r}][key];`}
      ${hides.map((rule) => `if (${rule}) { seen${r} = 0.0; }`).join('\n      ')}
      ${modifierCalls('mask', form.modifiers, (call) => `if (${call(`b, h${r}, p${r}, kp`)} === 0.0) { seen${r} = 0.0; }`)}`;
}

/** Where the rows of the bias for row r begin. */
function biasRow({ bias }: Form, r: number): string {
  return {
    none: '',
    shared: '',
    b: 'b * this.constants.Lq + ',
    h: `h${r} * this.constants.Lq + `,
    bh: `(b * this.constants.H + h${r}) * this.constants.Lq + `,
  }[bias];
}

function dotOf({ R, packed, unroll, rest }: Form): string {
  const q = (r: number): string => (packed ? `q[this.thread.z * ${R} + ${r}]` : `q[q${r}]`);
  const add = (count: number, start: string): string => `
        ${each(count, (u) => `const k${u} = k[kRow][${start} + ${u}];`, ' ')}
        ${each(R, (r) => `s${r} += ${each(count, (u) => `${q(r)}[${start} + ${u}] * k${u}`, ' + ')};`, '\n        ')}`;
  return `${each(R, (r) => `let s${r} = 0.0;`, ' ')}
      for (let t = 0; t < this.constants.turns; t++) {${add(unroll, `t * ${unroll}`)}
      }${rest > 0 ? add(rest, `this.constants.turns * ${unroll}`) : ''}`;
}

function scoreOf(form: Form, r: number): string {
  const s = `s${r}`;
  return `${s} = ${s} * scale;
      ${form.softcap ? softcapOf(s, r, form.exp) : ''}
      ${form.slopes ? `${s} = ${s} - slopes[h${r}] * Math.abs(p${r} - kp);` : ''}
      ${form.bias === 'none' ? '' : `${s} = ${s} + bias${r};`}
      ${modifierCalls('score', form.modifiers, (call) => `${s} = ${call(`${s}, b, h${r}, p${r}, kp`)};`)}
      r${r} = seen${r} === 1.0 ? (${s} < lowest ? hidden : ${s}) : hidden;`;
}

/** `c · tanh(s / c)`. The GPU modes' own tanh is NaN from 50 on, and webasm's leaves the module. */
function softcapOf(s: string, r: number, exp: PlanTarget['exp']): string {
  if (exp === 'native') {
    return `const u${r} = ${s} / softcap;
      ${s} = softcap * (u${r} > 20.0 ? 1.0 : (u${r} < -20.0 ? -1.0 : Math.tanh(u${r})));`;
  }
  return `const u${r} = ${s} / softcap;
      ${expOf(`e${r}`, `-2.0 * Math.abs(u${r})`, exp)}
      const th${r} = (1.0 - e${r}) / (1.0 + e${r});
      ${s} = softcap * (u${r} < 0.0 ? -th${r} : th${r});`;
}

/** `[batch · Hkv][Y][K][R]`, HIDDEN where a key is hidden. */
export function scoresStep(
  inputs: AttentionShapes,
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  target: PlanTarget,
): KernelStep {
  const { R, D } = layout;
  const k = keyRange('k', layout, chunk, params, target);
  const per = (shape: { readonly shape: readonly number[] } | undefined): 'none' | '1' | 'b' =>
    shape ? (shape.shape[0] === 1 ? '1' : 'b') : 'none';
  const { text, helpers, constants } = modifierText(params.modifiers);
  const unroll = target.mode === 'cpu' ? 8 : 2;
  const source = scoresSource({
    ...rangeForm(layout, params),
    windowed: params.before < Infinity,
    sinks: params.sinkTokens > 0,
    softcap: params.softcap > 0,
    bias: inputs.bias ? biasForm(inputs.bias.shape) : 'none',
    slopes: !!inputs.slopes,
    queryPositions: per(inputs.queryPositions),
    keyPositions: per(inputs.keyPositions),
    keyUntil: per(inputs.keyUntil),
    modifiers: text,
    unroll,
    rest: D % unroll,
    branches: target.branches,
    packed: target.packedRows,
    exp: target.exp,
  });
  const optional = ['slopes', 'queryPositions', 'keyPositions', 'keyUntil'] as const;
  return {
    name: 'scores',
    source,
    helpers,
    constants: { ...rangeConstants(layout, chunk, params), turns: Math.floor(D / unroll), ...constants },
    args: [
      target.packedRows
        ? packedQueries(layout, chunk)
        : { array: 'q', size: [D, layout.B * layout.Lq * layout.H] },
      k.argument,
      ...(inputs.bias ? [biasRows(inputs.bias.shape)] : []),
      ...optional.filter((name) => inputs[name]),
      { float: params.scale },
      { float: params.softcap },
      { integer: chunk.batch },
      ...rangeScalars(chunk, params),
      { integer: k.start },
      HIDDEN,
      LOWEST,
    ],
    length: chunk.batches * layout.Hkv * chunk.Y * chunk.K * R,
    threads: [chunk.tile, chunk.tiles, chunk.batches * layout.Hkv * chunk.Y],
    lanes: R as 1 | 2 | 3 | 4,
  };
}

const packSource = sourceOf(
  ({ R }: { readonly R: number }) => `function (q, batch, first) {
    const row = this.thread.y - Math.floor((this.thread.y + 0.5) / ${R}) * ${R};
    const blockOfAll = Math.floor((this.thread.y + 0.5) / ${R});
    const kvHead = Math.floor((blockOfAll + 0.5) / this.constants.Y);
    const m = Math.min((blockOfAll - kvHead * this.constants.Y) * ${R} + row, this.constants.M - 1);
    const query = Math.floor((m + 0.5) / this.constants.G);
    const head = kvHead * this.constants.G + m - query * this.constants.G;
    return q[(batch * this.constants.Lq + first + query) * this.constants.H + head][this.thread.x];
  }`,
);

/** Rows of queries in the order in which threads take them, `[Hkv][Y][R][D]`; nothing to do when they are so. */
export function packStep(layout: Layout, chunk: Chunk, params: AttentionParams): readonly KernelStep[] {
  if (inOrder(layout, chunk)) return [];
  const rows = layout.Hkv * chunk.Y * layout.R;
  return [
    {
      name: 'queries',
      source: packSource({ R: layout.R }),
      constants: rangeConstants(layout, chunk, params),
      args: [
        { array: 'q', size: [layout.D, layout.B * layout.Lq * layout.H] },
        { integer: chunk.batch },
        { integer: chunk.first },
      ],
      length: rows * layout.D,
      threads: [layout.D, rows],
    },
  ];
}

/** One query whose groups of heads fill their blocks: head h is row h already. */
function inOrder({ G, R }: Layout, { queries }: Chunk): boolean {
  return queries === 1 && G % R === 0;
}

function packedQueries(layout: Layout, chunk: Chunk): KernelArray {
  const { D, H, Lq, Hkv, R } = layout;
  if (!inOrder(layout, chunk)) return { array: 'queries', size: [D, Hkv * chunk.Y * R] };
  return { array: 'q', size: [D, H], start: (chunk.batch * Lq + chunk.first) * H * D };
}

function biasRows([b, h, Lq, Lk]: readonly number[]): KernelArray {
  return { array: 'bias', size: [Lk!, b! * h! * Lq!] };
}

function biasForm([b, h]: readonly number[]): Form['bias'] {
  if (b === 1) return h === 1 ? 'shared' : 'h';
  return h === 1 ? 'b' : 'bh';
}
