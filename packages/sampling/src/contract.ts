import type { Candidates } from './candidates.ts';
import { SamplingError } from './errors.ts';
import type { Random } from './random/contract.ts';

/** What a rule may look at besides the candidates. */
export interface SampleContext {
  /** Prompt and output so far, in order. */
  readonly ids: readonly number[];
  /** How many of {@link ids} are the prompt; the rest was generated. 0 where nobody said. */
  readonly promptLength: number;
  /** The sampler's own generator. */
  readonly random: Random;
  /** Tokens that may not come at this step whatever the chain says, for instance end tokens before a minimum length. */
  readonly excluded?: readonly number[] | undefined;
  /** Logits `[V]` of the same step without the condition, for classifier-free guidance. */
  readonly unconditional?: Float32Array | undefined;
  /** Logits `[V]` of a weaker model at the same step, for contrastive decoding. */
  readonly amateur?: Float32Array | undefined;
}

/** What the caller knows about the step; everything may be left out. */
export type History = Partial<Omit<SampleContext, 'random'>>;

interface Rule<State> {
  /** Kebab-case, as in the registry. */
  readonly name: string;
  /** The parameters in force, for explanations and for people. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The state of one sequence before its first token: plain data, so that a sampler can be cloned and saved. */
  start?(): State;
  /** Told every token that becomes part of the sequence, after it was chosen. */
  accept?(id: number, context: SampleContext, state: State): void;
  /** True once nothing may follow, so that a run without an end token still ends. */
  finished?(state: State): boolean;
}

/** Changes logits or removes candidates. It never adds one. */
export interface Filter<State = unknown> extends Rule<State> {
  readonly kind: 'filter';
  /** @throws {SamplingError} if the candidates cannot be read; a constraint `ConstraintError`, if it allows none. */
  apply(candidates: Candidates, context: SampleContext, state: State): void;
  /**
   * Whether {@link apply} would leave this token of the whole vocabulary: for a rule that can tell without looking at
   * all of it. A chain's `check` is asked this way where it can be.
   * @throws what {@link apply} throws of what it remembers.
   */
  allows?(id: number, context: SampleContext, state: State): boolean;
}

/** Picks one of the candidates; the last element of every chain. */
export interface Choice<State = unknown> extends Rule<State> {
  readonly kind: 'choice';
  /** Returns an index into `candidates.ids`. @throws {SamplingError} if the candidates cannot be read. */
  choose(candidates: Candidates, context: SampleContext, state: State): number;
  /**
   * Reduces the candidates to those the choice would pick from, so that `weights` are its probabilities; absent
   * where the choice has no fixed distribution (Mirostat moves with every token).
   * @throws {SamplingError} if the candidates cannot be read.
   */
  distribution?(candidates: Candidates): void;
}

/** Gives a hand-written filter its types; does nothing at run time. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineFilter<State>(filter: Omit<Filter<State>, 'kind'>): Filter {
  return { kind: 'filter', ...filter };
}

/** Gives a hand-written choice its types; does nothing at run time. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineChoice<State>(choice: Omit<Choice<State>, 'kind'>): Choice {
  return { kind: 'choice', ...choice };
}

/** Where a definition comes from. */
export interface Source {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly url: string;
}

/** What the registry, tables and menus need to know of a rule. */
export interface RuleDescription<Name extends string, Defaults extends object> {
  /** Kebab-case. */
  readonly name: Name;
  /** One line, in the notation of the source. */
  readonly formula: string;
  readonly source: Source;
  /** Every option with its default. */
  readonly defaults: Defaults;
}

/** A rule that can be built from its name and plain options. */
export interface RuleEntry<Name extends string, Defaults extends object, Built>
  extends RuleDescription<Name, Defaults> {
  /** @throws {SamplingError} if an option is unknown (lists the known) or its value is out of range. */
  create(options?: Partial<Defaults>): Built;
}

/** Keeps the literal name and the option types, and fills in defaults before a rule is built. */
/* @__NO_SIDE_EFFECTS__ */
export function defineRule<const Name extends string, Defaults extends object, Built>({
  build,
  ...description
}: RuleDescription<Name, Defaults> & { build(options: Defaults): Built }): RuleEntry<Name, Defaults, Built> {
  return {
    ...description,
    create(options = {}) {
      const merged = { ...description.defaults };
      for (const [key, value] of Object.entries(options)) {
        if (!Object.hasOwn(merged, key)) {
          const known = Object.keys(merged).join(', ') || 'none';
          throw new SamplingError(
            description.name,
            `has no option ${JSON.stringify(key)}; its options are: ${known}`,
          );
        }
        if (value !== undefined) Object.assign(merged, { [key]: value });
      }
      return build(merged);
    },
  };
}

/** Keeps the literal name of a rule that is not built from options; does nothing at run time. */
/* @__NO_SIDE_EFFECTS__ */
export function describeRule<const Name extends string, Defaults extends object>(
  description: RuleDescription<Name, Defaults>,
): RuleDescription<Name, Defaults> {
  return description;
}
