import type { Tensor } from '@headwise/tensor';
import type { Params } from '../params.ts';

/** What one step gives a rule. */
export interface RuleCall {
  /** What the rule before made of the gradients, or the gradients themselves. */
  readonly updates: Params;
  readonly params: Params;
  /** What the rule keeps, by its names, one tensor a parameter. */
  readonly kept: Readonly<Record<string, Params>>;
  /** `√Σ u²` over all updates, where it is known already. */
  readonly norm?: Tensor | undefined;
  /** Number of the step, from 1. */
  readonly step: number;
}

/** What a rule hands back. */
export interface RuleResult {
  readonly updates: Params;
  /** What it keeps from now on, for each of its names; a parameter that is left out has what it had. Default as before. */
  readonly kept?: Readonly<Record<string, Params>>;
}

/**
 * One thing that is done to gradients before they become a step: clipping, momentum, decay. Rules are put in a row, each
 * gets what the one before made. A rule keeps tensors of the shapes of the parameters, zeros at first.
 */
export interface Rule {
  readonly name: string;
  /** Names of what it keeps: `['m', 'v']`. */
  readonly keeps: readonly string[];
  /**
   * Each tensor is changed by itself, whatever the others are: such rules at the end of a row run tensor by tensor, so that
   * the step holds one more of each and not all. Default false: all are given at once.
   */
  readonly alone?: boolean;
  /** @throws what its operations throw. */
  apply(call: RuleCall): RuleResult;
}

/** Rules in a row; the parameters move against what comes out, times the learning rate. */
export interface Optimizer {
  readonly name: string;
  readonly rules: readonly Rule[];
}
