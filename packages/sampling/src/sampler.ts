import { Candidates } from './candidates.ts';
import { type Chain, rulesOf } from './chain.ts';
import type { Choice, Filter, History, SampleContext } from './contract.ts';
import { checkOptions, checkWhole, SamplingError, show } from './errors.ts';
import {
  type ChoiceReport,
  createRecorder,
  type DrawReport,
  type Explanation,
  type StageReport,
  snapshot,
} from './explain.ts';
import type { Random, RandomState } from './random/contract.ts';
import { restoreRandom } from './random/restore.ts';
import { createRandom } from './random/xoshiro.ts';

/** Where the random numbers of a sampler come from. */
export interface SamplerOptions {
  /** Seed of the sampler's own generator; without one, a new seed is drawn and {@link Sampler.seed} tells it. */
  readonly seed?: number | undefined;
  /** A generator of your own instead of a seed. */
  readonly random?: Random | undefined;
  /** Goes on from what {@link Sampler.state} wrote. */
  readonly state?: SamplerState | undefined;
}

/** A sampler as plain JSON data. */
export interface SamplerState {
  readonly random: RandomState;
  /** One entry a rule of the chain: the filters, the choice, and the check if there is one. */
  readonly rules: readonly unknown[];
}

/** Tokens with probabilities that add up to one. */
export interface Distribution {
  /** Ascending token ids. */
  readonly ids: Uint32Array;
  readonly probabilities: Float64Array;
}

const everything: History = {};
const none: readonly number[] = [];

/**
 * Runs a chain for one sequence: owns the random numbers and what rules remember, and reuses its memory for
 * every token.
 *
 * @example
 * const sampler = createSampler(chain(topK(40), draw()), { seed: 42 });
 * const id = sampler.sample(logits, { ids });
 *
 * @throws {SamplingError} if there is no chain, the seed is out of range, or the state is of another chain.
 */
export function createSampler(chain: Chain, options: SamplerOptions = {}): Sampler {
  return new Sampler(chain, options);
}

/** A chain with its random numbers and what its rules remember: it draws one token after the other, and can be cloned and saved. */
export class Sampler {
  readonly chain: Chain;
  /** The seed it started from, where it started from one. */
  readonly seed: number | undefined;
  readonly #rules: readonly (Filter | Choice)[];
  readonly #states: unknown[];
  readonly #candidates = new Candidates();
  #random: Random;

  constructor(chain: Chain, options: SamplerOptions) {
    checkOptions('sampler', options);
    const { seed, random, state } = options;
    if (!chain?.choice) {
      throw new SamplingError(
        'sampler',
        `needs a chain, got ${show(chain)}; chain(temperature(0.8), draw()) makes one`,
      );
    }
    this.chain = chain;
    this.#rules = rulesOf(chain);
    if (state) {
      if (state.rules?.length !== this.#rules.length) {
        throw new SamplingError(
          'sampler',
          `the state is of a chain of ${state.rules?.length} rules, this chain has ${this.#rules.length}`,
        );
      }
      this.#random = restoreRandom(state.random);
      this.#states = structuredClone([...state.rules]);
    } else {
      this.seed = random ? undefined : (seed ?? Math.floor(Math.random() * 2 ** 32));
      this.#random = random ?? createRandom(this.seed!);
      this.#states = this.#rules.map((rule) => rule.start?.() ?? null);
    }
  }

  /**
   * Runs the chain, tells every rule the chosen token, returns its id. `logits` `[V]` is not written to.
   *
   * @throws {SamplingError} if the logits are no Float32Array, hold NaN or Infinity, or leave no token.
   * @throws {ConstraintError} if a constraint allows no token.
   */
  sample(logits: Float32Array, history: History = everything): number {
    const context = this.#context(history, this.#random);
    let id = this.#draw(logits, context);
    if (!this.#passes(id, logits, context)) id = this.#draw(logits, context, this.chain.check);
    this.#accept(id, context);
    return id;
  }

  /** Like {@link sample}, and tells what every rule did. @throws {SamplingError} as {@link sample} does. */
  explain(logits: Float32Array, history: History = everything): Explanation {
    const { check } = this.chain;
    const start = snapshot(this.#candidates.load(logits));
    const context = this.#context(history, this.#random);
    let drawn = this.#report(logits, history);
    let refused: DrawReport | undefined;
    if (!this.#passes(drawn.choice.id, logits, context)) {
      refused = { ...drawn, choice: this.#remembering(drawn.choice) };
      drawn = this.#report(logits, history, check);
    }
    this.#accept(drawn.choice.id, context);
    return {
      vocabulary: logits.length,
      start,
      stages: drawn.stages,
      choice: this.#remembering(drawn.choice),
      ...(refused && { refused }),
    };
  }

  /**
   * The distribution the chain would choose from; nothing is chosen and no rule is told of a token. (A rule that
   * itself draws, XTC, does take its random number.)
   *
   * @throws {SamplingError} if the choice has no fixed distribution (Mirostat), or as {@link sample} does.
   */
  distribution(logits: Float32Array, history: History = everything): Distribution {
    const context = this.#context(history, this.#random);
    const first = this.#distribution(logits, context);
    const { check } = this.chain;
    if (!check) return first;
    const allowed = this.#allowed(check, logits, context);
    const passes = new Set([...first.ids].filter((id) => allowed.indexOf(id) >= 0));
    if (passes.size === first.ids.length) return first;
    return mixture(first, passes, this.#distribution(logits, context, check));
  }

  /**
   * Tells every rule of a token that became part of the sequence without {@link sample}.
   *
   * @throws {SamplingError} if the id is no whole number from 0 on.
   * @throws {ConstraintError} if a constraint of the chain does not allow it.
   */
  accept(id: number, history: History = everything): void {
    checkWhole('sampler', 'id', id, 0);
    this.#accept(id, this.#context(history, this.#random));
  }

  /** True once a rule of the chain allows nothing more: a constraint that is complete. */
  get finished(): boolean {
    return this.#rules.some((rule, i) => rule.finished?.(this.#states[i]) ?? false);
  }

  /** The sampler's generator: drawing from it changes what the sampler draws next. */
  get random(): Random {
    return this.#random;
  }

  /** An independent copy that goes on with the same random numbers and memory. @throws as {@link state} does. */
  clone(): Sampler {
    return new Sampler(this.chain, { state: this.state() });
  }

  /**
   * Plain JSON data from which `createSampler(chain, { state })` goes on.
   *
   * @throws {DOMException} if what a rule of your own remembers is no plain data.
   */
  state(): SamplerState {
    return { random: this.#random.state(), rules: structuredClone(this.#states) };
  }

  /** Runs the filters, after `first` if there is one. */
  #filter(logits: Float32Array, context: SampleContext, first?: Filter): Candidates {
    const candidates = this.#candidates.load(logits);
    if (context.excluded?.length) candidates.remove(context.excluded);
    first?.apply(candidates, context, this.#checkState);
    const { filters } = this.chain;
    for (let i = 0; i < filters.length; i++) filters[i]!.apply(candidates, context, this.#states[i]);
    return candidates;
  }

  #draw(logits: Float32Array, context: SampleContext, first?: Filter): number {
    const candidates = this.#filter(logits, context, first);
    return this.#chosen(candidates, this.chain.choice.choose(candidates, context, this.#choiceState));
  }

  #distribution(logits: Float32Array, context: SampleContext, first?: Filter): Distribution {
    const { choice } = this.chain;
    if (!choice.distribution) {
      throw new SamplingError(
        'sampler',
        `${choice.name} has no fixed distribution: it changes with every token; end the chain in draw() instead`,
      );
    }
    const candidates = this.#filter(logits, context, first);
    choice.distribution(candidates);
    const { ids, probabilities } = snapshot(candidates);
    return { ids, probabilities };
  }

  /** {@link #draw} with a report of every rule. */
  #report(logits: Float32Array, history: History, first?: Filter): DrawReport {
    const recorder = createRecorder(this.#random);
    const context = this.#context(history, recorder.random);
    const candidates = this.#candidates.load(logits);
    const stages: StageReport[] = [];
    let before = snapshot(candidates).ids;
    const report = (name: string, options: Readonly<Record<string, unknown>>) => {
      const after = snapshot(candidates);
      const removed = difference(before, after.ids);
      const note = candidates.takeNote();
      stages.push({ name, options, ...after, removed, uniforms: recorder.take(), note });
      before = after.ids;
    };
    const run = (filter: Filter, state: unknown) => {
      filter.apply(candidates, context, state);
      report(filter.name, filter.options);
    };
    const { excluded } = context;
    if (excluded?.length) {
      candidates.remove(excluded);
      report('excluded', { ids: excluded });
    }
    if (first) run(first, this.#checkState);
    this.chain.filters.forEach((filter, i) => {
      run(filter, this.#states[i]);
    });
    const { choice } = this.chain;
    const index = choice.choose(candidates, context, this.#choiceState);
    const id = this.#chosen(candidates, index);
    return {
      stages,
      choice: {
        name: choice.name,
        options: choice.options,
        removed: difference(before, snapshot(candidates).ids),
        id,
        probability: candidates.probability(index),
        uniforms: recorder.take(),
        state: undefined,
      },
    };
  }

  /** The report of a choice with what the choice remembers now. */
  #remembering(choice: ChoiceReport): ChoiceReport {
    return { ...choice, state: structuredClone(this.#choiceState) };
  }

  /** Whether the chain's check, if there is one, leaves this token. */
  #passes(id: number, logits: Float32Array, context: SampleContext): boolean {
    const { check } = this.chain;
    if (!check) return true;
    return (
      check.allows?.(id, context, this.#checkState) ?? this.#allowed(check, logits, context).indexOf(id) >= 0
    );
  }

  #allowed(check: Filter, logits: Float32Array, context: SampleContext): Candidates {
    const candidates = this.#candidates.load(logits);
    check.apply(candidates, context, this.#checkState);
    return candidates;
  }

  get #choiceState(): unknown {
    return this.#states[this.chain.filters.length];
  }

  get #checkState(): unknown {
    return this.#states[this.chain.filters.length + 1];
  }

  #chosen(candidates: Candidates, index: number): number {
    if (index >= 0 && index < candidates.size) return candidates.ids[index]!;
    throw new SamplingError(
      this.chain.choice.name,
      `chose index ${index}, but there are ${candidates.size} candidates`,
      { index },
    );
  }

  #accept(id: number, context: SampleContext): void {
    for (let i = 0; i < this.#rules.length; i++) this.#rules[i]!.accept?.(id, context, this.#states[i]);
  }

  #context(history: History, random: Random): SampleContext {
    const ids = history.ids ?? none;
    return {
      ids,
      promptLength: history.promptLength ?? 0,
      random,
      excluded: history.excluded,
      unconditional: history.unconditional,
      amateur: history.amateur,
    };
  }
}

/** Ids of the ascending list `all` that are not in the ascending list `rest`. */
function difference(all: Uint32Array, rest: Uint32Array): Uint32Array {
  let at = 0;
  return all.filter((id) => {
    while (at < rest.length && rest[at]! < id) at++;
    return rest[at] !== id;
  });
}

/** The first draw where it passes, and the second with the probability that it does not. */
function mixture(first: Distribution, passes: ReadonlySet<number>, second: Distribution): Distribution {
  const sums = new Map<number, number>();
  let lost = 0;
  first.ids.forEach((id, i) => {
    if (passes.has(id)) sums.set(id, first.probabilities[i]!);
    else lost += first.probabilities[i]!;
  });
  second.ids.forEach((id, i) => {
    sums.set(id, (sums.get(id) ?? 0) + lost * second.probabilities[i]!);
  });
  const ids = Uint32Array.from(sums.keys()).sort();
  return { ids, probabilities: Float64Array.from(ids, (id) => sums.get(id)!) };
}
