import {
  type Chain,
  type Choice,
  chain,
  createSampler,
  type Explanation,
  type Filter,
  type History,
  type Pieces,
  type Sampler,
} from '@headwise/sampling';
import { choices, filters } from '@headwise/sampling/registry';
import { choicesOf } from '../choices.ts';
import { visible } from '../pieces.ts';
import { type Constraint, constraintOf, constraintPicture, reasonAgainst } from './constraint.ts';
import type {
  ChoicePicture,
  HistogramPicture,
  SamplingPicture,
  Segment,
  Stage,
  TokenRow,
} from './picture.ts';
import { goodnessOfFit } from './statistics.ts';

/** Rows of the table, and parts of the bar that are named. */
const ROWS = 24;
const SEGMENTS = 48;

/** Choices that take one number and walk along the probabilities, and in which order. */
const walks: Readonly<Record<string, 'ids' | 'descending'>> = {
  draw: 'ids',
  'draw-descending': 'descending',
};

/** One step of a text. */
export interface SamplingSetup {
  /** `[V]` */
  readonly logits: Float32Array;
  /** Of the same step without the prompt, for filters that compare. */
  readonly unconditional?: Float32Array | undefined;
  readonly pieces: Pieces;
  readonly endIds: readonly number[];
  /** The prompt and what was generated. */
  readonly ids: readonly number[];
  readonly promptLength: number;
  readonly stages: readonly Stage[];
  readonly choice: Stage;
  readonly seed: number;
  /** Empty for none. */
  readonly schema: string;
}

/** A rule of the registry, for menus and forms. */
export interface RuleChoice {
  readonly name: string;
  readonly formula: string;
  readonly source: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly choices: Readonly<Record<string, readonly string[]>>;
}

interface Entry {
  readonly name: string;
  readonly formula: string;
  readonly source: { readonly authors: string; readonly year: number; readonly title: string };
  readonly defaults: object;
  create(options?: object): Filter | Choice;
}

/** Every filter and every choice of the registry. */
export function samplingRules(): {
  readonly filters: readonly RuleChoice[];
  readonly choices: readonly RuleChoice[];
} {
  const listed = (map: object): RuleChoice[] =>
    Object.values(map as Record<string, Entry>).map(({ name, formula, source, defaults, create }) => ({
      name,
      formula,
      source: `${source.authors} ${source.year}, “${source.title}”`,
      defaults: { ...defaults },
      choices: choicesOf({ ...defaults }, create),
    }));
  return { filters: listed(filters), choices: listed(choices) };
}

/** The chain that runs, the constraint in front of it. @throws {SamplingError} for an option that a rule refuses. */
export function chainOf({ stages, choice, schema, pieces, endIds }: SamplingSetup): {
  readonly chain: Chain;
  readonly constraint: Constraint | undefined;
} {
  const constraint = schema.trim() === '' ? undefined : constraintOf(schema, pieces, endIds);
  const made = stages.map(({ name, options }) =>
    (filters as unknown as Record<string, Entry>)[name]!.create(options),
  );
  const last = (choices as unknown as Record<string, Entry>)[choice.name]!.create(choice.options);
  const rules = [...(constraint ? [constraint.filter] : []), ...made, last];
  return { chain: chain(...(rules as [...Filter[], Choice])), constraint };
}

/**
 * One step through the chain, rule by rule, with the token it ends in.
 *
 * @throws {SamplingError} for an option that a rule refuses; {ConstraintError} where nothing may follow.
 */
export function samplingPicture(setup: SamplingSetup): SamplingPicture {
  const { chain: rules, constraint } = chainOf(setup);
  const explanation = samplerOf(rules, setup).explain(setup.logits, historyOf(setup));
  const generated = setup.ids.slice(setup.promptLength);
  const { start, stages } = explanation;
  const removedBy = new Map<number, number>();
  stages.forEach(({ removed }, i) => {
    for (const id of removed) removedBy.set(id, i);
  });
  const last = stages.at(-1) ?? start;
  const after = stages.map(({ ids, probabilities }) => probabilityOf(ids, probabilities));
  const listed = listedIds(explanation);
  const before = probabilityOf(start.ids, start.probabilities);
  const rows = listed.map(
    (id): TokenRow => ({
      id,
      text: textOf(setup.pieces, id),
      logit: setup.logits[id]!,
      probability: before(id) ?? 0,
      after: after.map((of) => of(id)),
      removedBy: removedBy.get(id),
      reason: constraint && removedBy.get(id) === 0 ? reasonAgainst(constraint, generated, id) : undefined,
    }),
  );
  const shown = new Set(listed);
  const rest = [...last.ids.keys()].filter((i) => !shown.has(last.ids[i]!));
  return {
    vocabulary: explanation.vocabulary,
    start: { entropy: start.entropy },
    stages: stages.map(({ name, options, ids, removed, entropy, uniforms, note }) => ({
      name: name === 'constrain' ? String(options.matcher) : name,
      left: ids.length,
      removed: removed.length,
      entropy,
      uniforms,
      note,
    })),
    rows,
    rest: { count: rest.length, probability: rest.reduce((sum, i) => sum + last.probabilities[i]!, 0) },
    choice: choicePicture(explanation, setup.pieces),
    constraint: constraint && constraintPicture(constraint, generated, stages[0]!.removed.length),
  };
}

/** So many draws at this step, each by rules that have seen nothing of the others, from one generator. */
export function histogramPicture(setup: SamplingSetup, draws: number): HistogramPicture {
  const { chain: rules } = chainOf(setup);
  const history = historyOf(setup);
  const { random } = createSampler(rules, { seed: setup.seed });
  const sampler = (): Sampler => followed(createSampler(rules, { random }), setup);
  const counts = new Map<number, number>();
  for (let n = 0; n < draws; n++) {
    const id = sampler().sample(setup.logits, history);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const { ids, probabilities } = finalDistribution(rules, setup);
  const order = [...ids.keys()].sort((a, b) => probabilities[b]! - probabilities[a]! || ids[a]! - ids[b]!);
  const bars = order.slice(0, ROWS).map((i) => ({
    id: ids[i]!,
    text: textOf(setup.pieces, ids[i]!),
    count: counts.get(ids[i]!) ?? 0,
    probability: probabilities[i]!,
  }));
  const others = order.slice(ROWS);
  return {
    draws,
    bars,
    rest: {
      tokens: others.length,
      count: others.reduce((sum, i) => sum + (counts.get(ids[i]!) ?? 0), 0),
      probability: others.reduce((sum, i) => sum + probabilities[i]!, 0),
    },
    fit: goodnessOfFit(
      order.map((i) => counts.get(ids[i]!) ?? 0),
      order.map((i) => probabilities[i]!),
    ),
  };
}

/** What the choice picks from; of Mirostat, which has no fixed distribution, what its filters leave. */
function finalDistribution(rules: Chain, setup: SamplingSetup) {
  if (rules.choice.distribution) return samplerOf(rules, setup).distribution(setup.logits, historyOf(setup));
  const { stages, start } = samplerOf(rules, setup).explain(setup.logits, historyOf(setup));
  return stages.at(-1) ?? start;
}

function samplerOf(rules: Chain, setup: SamplingSetup): Sampler {
  return followed(createSampler(rules, { seed: setup.seed }), setup);
}

/** Tells the rules of the tokens that were generated before. */
function followed(sampler: Sampler, { ids, promptLength }: SamplingSetup): Sampler {
  for (let i = promptLength; i < ids.length; i++)
    sampler.accept(ids[i]!, { ids: ids.slice(0, i), promptLength });
  return sampler;
}

function historyOf({ ids, promptLength, unconditional }: SamplingSetup): History {
  // the same model without the prompt: what guidance and contrastive decoding compare with
  return { ids, promptLength, unconditional, amateur: unconditional };
}

/** The most likely tokens, those that are left among them, and the chosen one. */
function listedIds({ start, stages, choice }: Explanation): number[] {
  const best = (ids: Uint32Array, logits: Float64Array, count: number): number[] =>
    [...ids.keys()]
      .sort((a, b) => logits[b]! - logits[a]! || ids[a]! - ids[b]!)
      .slice(0, count)
      .map((i) => ids[i]!);
  const last = stages.at(-1) ?? start;
  const all = new Set([choice.id, ...best(last.ids, last.logits, ROWS / 2)]);
  for (const id of best(start.ids, start.logits, ROWS)) if (all.size < ROWS) all.add(id);
  const logits = new Map([...start.ids].map((id, i) => [id, start.logits[i]!]));
  const leftNow = new Set(last.ids);
  const order = (a: number, b: number): number =>
    Number(leftNow.has(b)) - Number(leftNow.has(a)) || logits.get(b)! - logits.get(a)! || a - b;
  return [...all].sort(order);
}

function probabilityOf(ids: Uint32Array, probabilities: Float64Array): (id: number) => number | undefined {
  const known = new Map([...ids].map((id, i) => [id, probabilities[i]!]));
  return (id) => known.get(id);
}

function choicePicture({ choice, stages, start }: Explanation, pieces: Pieces): ChoicePicture {
  const { name, id, probability, uniforms } = choice;
  const order = walks[name];
  const left = stages.at(-1) ?? start;
  return {
    name,
    id,
    text: textOf(pieces, id),
    probability,
    u: order && uniforms[0],
    uniforms: uniforms.length,
    bar: order ? barOf(left, order, id, pieces) : [],
  };
}

/** The line from 0 to 1; small neighbours are put together where there are too many. */
function barOf(
  { ids, probabilities }: { readonly ids: Uint32Array; readonly probabilities: Float64Array },
  order: 'ids' | 'descending',
  chosen: number,
  pieces: Pieces,
): Segment[] {
  const walk = [...ids.keys()];
  if (order === 'descending') walk.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  const sizes = [...probabilities].sort((a, b) => b - a);
  const least = sizes[SEGMENTS - 1] ?? 0;
  const bar: { id: number | undefined; text: string; from: number; to: number; tokens: number }[] = [];
  let sum = 0;
  for (const i of walk) {
    const from = sum;
    sum += probabilities[i]!;
    const named = probabilities[i]! >= least || ids[i] === chosen;
    const last = bar.at(-1);
    if (named) bar.push({ id: ids[i]!, text: textOf(pieces, ids[i]!), from, to: sum, tokens: 1 });
    else if (last && last.id === undefined) Object.assign(last, { to: sum, tokens: last.tokens + 1 });
    else bar.push({ id: undefined, text: '', from, to: sum, tokens: 1 });
  }
  return bar.map(({ tokens, ...segment }) => ({
    ...segment,
    text: segment.id === undefined ? `${tokens} tokens` : segment.text,
  }));
}

function textOf(pieces: Pieces, id: number): string {
  return visible(pieces[id], id);
}
