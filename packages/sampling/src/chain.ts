import type { Choice, Filter } from './contract.ts';
import { SamplingError, show } from './errors.ts';

/** An order of filters that ends in one choice. Immutable; any number of samplers can run the same chain. */
export interface Chain {
  readonly filters: readonly Filter[];
  readonly choice: Choice;
  /**
   * A constraint that is asked only about the token that was drawn, as llama.cpp places its grammar: where it would
   * have removed that token, the token is drawn anew with the constraint in front of the filters. A constraint among
   * the filters gives another distribution: it also moves what the cutoffs keep of the tokens that are allowed.
   */
  readonly check?: Filter;
}

/** All rules of a chain, in the order in which a sampler keeps what they remember. */
export function rulesOf({ filters, choice, check }: Chain): readonly (Filter | Choice)[] {
  return [...filters, choice, ...(check ? [check] : [])];
}

/**
 * Puts rules in order: any number of filters, then exactly one choice. The order is the meaning; the same rules
 * in another order give another distribution.
 *
 * @example
 * chain(temperature(0.8), topK(40), topP(0.95), draw());
 *
 * @throws {SamplingError} if something is no rule, a choice comes before the end, or the last rule is no choice.
 */
export function chain(...stages: readonly [...filters: Filter[], choice: Choice]): Chain {
  const list: readonly (Filter | Choice)[] = stages;
  list.forEach((stage, index) => {
    const last = index === list.length - 1;
    if (stage?.kind === (last ? 'choice' : 'filter')) return;
    const place = `at place ${index + 1} of ${list.length}`;
    if (typeof stage === 'function')
      throw new SamplingError('chain', `takes rules, found a function ${place}; call it, as in topK(40)`);
    const found = stage?.name ? `${stage.name} (a ${stage.kind})` : show(stage);
    const rule = last ? 'the last rule must be a choice such as draw()' : 'a choice may only come last';
    throw new SamplingError('chain', `${rule}, found ${found} ${place}`);
  });
  const choice = list.at(-1);
  if (choice?.kind !== 'choice') {
    throw new SamplingError('chain', 'a chain needs at least a choice; add draw() or greedy()');
  }
  return { filters: list.slice(0, -1) as Filter[], choice };
}
