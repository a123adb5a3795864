import type { Choice, Filter } from './contract.ts';
import { SamplingError, show } from './errors.ts';

/** An order of filters that ends in one choice. Immutable; any number of samplers can run the same chain. */
export interface Chain {
  readonly filters: readonly Filter[];
  readonly choice: Choice;
}

/**
 * Puts rules in order: any number of filters, then exactly one choice. The order is the meaning; the same rules
 * in another order give another distribution.
 *
 * @example
 * chain(temperature(0.8), topK(40), topP(0.95), draw());
 */
export function chain(...stages: readonly [...filters: Filter[], choice: Choice]): Chain {
  const list: readonly (Filter | Choice)[] = stages;
  list.forEach((stage, index) => {
    const last = index === list.length - 1;
    if (stage?.kind === (last ? 'choice' : 'filter')) return;
    const found = stage?.name ? `${stage.name} (a ${stage.kind})` : show(stage);
    const rule = last ? 'the last rule must be a choice such as draw()' : 'a choice may only come last';
    throw new SamplingError('chain', `${rule}, found ${found} at place ${index + 1} of ${list.length}`);
  });
  const choice = list.at(-1);
  if (choice?.kind !== 'choice') {
    throw new SamplingError('chain', 'a chain needs at least a choice; add draw() or greedy()');
  }
  return { filters: list.slice(0, -1) as Filter[], choice };
}
