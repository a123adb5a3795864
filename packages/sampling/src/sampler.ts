import { Candidates } from './candidates.ts';
import type { Chain } from './chain.ts';
import type { Choice, Filter, History, SampleContext } from './contract.ts';
import { checkWhole, SamplingError, show } from './errors.ts';
import { createRecorder, type Explanation, type StageReport, snapshot } from './explain.ts';
import type { Random, RandomState } from './random/contract.ts';
import { restoreRandom } from './random/restore.ts';
import { createRandom } from './random/xoshiro.ts';

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
  /** One entry a rule of the chain, the choice last. */
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
 */
export function createSampler(chain: Chain, options: SamplerOptions = {}): Sampler {
  return new Sampler(chain, options);
}

export class Sampler {
  readonly chain: Chain;
  /** The seed it started from, where it started from one. */
  readonly seed: number | undefined;
  readonly #rules: readonly (Filter | Choice)[];
  readonly #states: unknown[];
  readonly #candidates = new Candidates();
  #random: Random;

  constructor(chain: Chain, { seed, random, state }: SamplerOptions) {
    if (!chain?.choice) {
      throw new SamplingError(
        'sampler',
        `needs a chain, got ${show(chain)}; chain(temperature(0.8), draw()) makes one`,
      );
    }
    this.chain = chain;
    this.#rules = [...chain.filters, chain.choice];
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

  /** Runs the chain, tells every rule the chosen token, returns its id. `logits` `[V]` is not written to. */
  sample(logits: Float32Array, history: History = everything): number {
    const context = this.#context(history, this.#random);
    const candidates = this.#filter(logits, context);
    const index = this.chain.choice.choose(candidates, context, this.#states.at(-1));
    const id = this.#chosen(candidates, index);
    this.#accept(id, context);
    return id;
  }

  /** Like {@link sample}, and tells what every rule did. */
  explain(logits: Float32Array, history: History = everything): Explanation {
    const recorder = createRecorder(this.#random);
    const context = this.#context(history, recorder.random);
    const candidates = this.#candidates.load(logits);
    const stages: StageReport[] = [];
    const start = snapshot(candidates);
    let before = start.ids;
    const report = (name: string, options: Readonly<Record<string, unknown>>) => {
      const after = snapshot(candidates);
      const removed = difference(before, after.ids);
      const note = candidates.takeNote();
      stages.push({ name, options, ...after, removed, uniforms: recorder.take(), note });
      before = after.ids;
    };
    const { excluded } = context;
    if (excluded?.length) {
      candidates.remove(excluded);
      report('excluded', { ids: excluded });
    }
    this.chain.filters.forEach((filter, i) => {
      filter.apply(candidates, context, this.#states[i]);
      report(filter.name, filter.options);
    });
    const { choice } = this.chain;
    const index = choice.choose(candidates, context, this.#states.at(-1));
    const id = this.#chosen(candidates, index);
    const probability = candidates.probability(index);
    const uniforms = recorder.take();
    const final = snapshot(candidates);
    this.#accept(id, context);
    return {
      vocabulary: logits.length,
      start,
      stages,
      choice: {
        name: choice.name,
        options: choice.options,
        removed: difference(before, final.ids),
        id,
        probability,
        uniforms,
        state: structuredClone(this.#states.at(-1)),
      },
    };
  }

  /**
   * The distribution the chain would choose from; nothing is chosen and no rule is told of a token. (A rule that
   * itself draws, XTC, does take its random number.)
   *
   * @throws {SamplingError} if the choice has no fixed distribution (Mirostat).
   */
  distribution(logits: Float32Array, history: History = everything): Distribution {
    const { choice } = this.chain;
    if (!choice.distribution) {
      throw new SamplingError(
        'sampler',
        `${choice.name} has no fixed distribution: it changes with every token; end the chain in draw() instead`,
      );
    }
    const candidates = this.#filter(logits, this.#context(history, this.#random));
    choice.distribution(candidates);
    const { ids, probabilities } = snapshot(candidates);
    return { ids, probabilities };
  }

  /** Tells every rule of a token that became part of the sequence without {@link sample}. */
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

  /** An independent copy that goes on with the same random numbers and the same memory. */
  clone(): Sampler {
    return new Sampler(this.chain, { state: this.state() });
  }

  /** Plain JSON data from which `createSampler(chain, { state })` goes on. */
  state(): SamplerState {
    return { random: this.#random.state(), rules: structuredClone(this.#states) };
  }

  #filter(logits: Float32Array, context: SampleContext): Candidates {
    const candidates = this.#candidates.load(logits);
    if (context.excluded?.length) candidates.remove(context.excluded);
    const { filters } = this.chain;
    for (let i = 0; i < filters.length; i++) filters[i]!.apply(candidates, context, this.#states[i]);
    return candidates;
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
