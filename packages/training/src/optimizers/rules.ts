import {
  add,
  binary,
  multiply,
  reduce,
  scope,
  type Tensor,
  tensor,
  unary,
  ValueError,
} from '@headwise/tensor';
import { adamStep } from '../ops/adam.ts';
import { mapParams, type Params } from '../params.ts';
import type { Optimizer, Rule } from './contract.ts';

/**
 * Rules in a row.
 *
 * @example
 * optimizer('adamw', clipByGlobalNorm(1), scaleByAdam(), decayWeights(0.1));
 * @throws {ValueError} if there are no rules.
 */
export function optimizer(name: string, ...rules: readonly Rule[]): Optimizer {
  if (rules.length === 0) throw new ValueError('optimizer', 'rules', 'must be at least one', 'none');
  return { name, rules };
}

/**
 * Gradients as they are, or with momentum: `u' = μ u + g`. Polyak 1964; Sutskever et al. 2013, eq. 1, in the form of
 * PyTorch's SGD.
 *
 * @throws {ValueError} for a momentum that is not from 0 to below 1.
 */
export function sgd({ momentum = 0 }: { readonly momentum?: number } = {}): Optimizer {
  must('sgd', 'momentum', momentum >= 0 && momentum < 1, 'must be from 0 to below 1', momentum);
  const trace: Rule = {
    name: 'momentum',
    keeps: ['u'],
    alone: true,
    apply({ updates, kept }) {
      const u = mapParams(updates, (g, name) => add(g, kept.u![name]!, { scale: momentum }));
      return { updates: u, kept: { u } };
    },
  };
  const plain: Rule = { name: 'gradient', keeps: [], alone: true, apply: ({ updates }) => ({ updates }) };
  return optimizer('sgd', momentum > 0 ? trace : plain);
}

/** What Adam can be told. */
export interface AdamOptions {
  /** Default 0.9. */
  readonly beta1?: number | undefined;
  /** Default 0.999. */
  readonly beta2?: number | undefined;
  /** Default 1e-8. */
  readonly eps?: number | undefined;
}

/**
 * Adam: Kingma & Ba 2015, algorithm 1.
 * @throws {ValueError} for numbers out of range.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return optimizer('adam', scaleByAdam(options));
}

/**
 * Adam with decoupled decay: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2. Decay
 * acts on matrices, not on gains and biases, unless `on` says otherwise.
 *
 * @throws {ValueError} for numbers out of range.
 */
export function adamW({
  decay = 0.01,
  on,
  clip,
  ...options
}: AdamOptions & {
  readonly decay?: number;
  readonly on?: (name: string, tensor: Tensor) => boolean;
  /** Largest global norm of the gradients. Default none. */
  readonly clip?: number;
} = {}): Optimizer {
  const rules = [scaleByAdam(options), decayWeights(decay, on)];
  return optimizer('adamw', ...(clip === undefined ? rules : [clipByGlobalNorm(clip), ...rules]));
}

/**
 * Lion: the sign of momentum. Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", program 1; with
 * decoupled decay. Wants a learning rate 3 to 10 times smaller than Adam.
 *
 * @throws {ValueError} for numbers out of range.
 */
export function lion({
  beta1 = 0.9,
  beta2 = 0.99,
  decay = 0,
}: {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly decay?: number;
} = {}): Optimizer {
  for (const [name, beta] of Object.entries({ beta1, beta2 }))
    must('lion', name, beta >= 0 && beta < 1, 'must be from 0 to below 1', beta);
  const mix = (m: Tensor, g: Tensor, beta: number): Tensor => add(times(m, beta), g, { scale: 1 - beta });
  const signs: Rule = {
    name: 'lion',
    keeps: ['m'],
    alone: true,
    apply({ updates, kept }) {
      const m = mapParams(updates, (g, name) => mix(kept.m![name]!, g, beta2));
      return { updates: mapParams(updates, (g, name) => sign(mix(kept.m![name]!, g, beta1))), kept: { m } };
    },
  };
  return decay > 0 ? optimizer('lion', signs, decayWeights(decay)) : optimizer('lion', signs);
}

/**
 * The rule of Adam: `m̂ / (√v̂ + ε)`.
 * @throws {ValueError} for numbers out of range.
 */
export function scaleByAdam({ beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }: AdamOptions = {}): Rule {
  for (const [name, beta] of Object.entries({ beta1, beta2 }))
    must('adam', name, beta >= 0 && beta < 1, 'must be from 0 to below 1', beta);
  must('adam', 'eps', eps > 0, 'must be a number > 0', eps);
  return {
    name: 'adam',
    keeps: ['m', 'v'],
    alone: true,
    apply({ updates, kept, step }) {
      const [out, m, v]: [Record<string, Tensor>, Record<string, Tensor>, Record<string, Tensor>] = [
        {},
        {},
        {},
      ];
      for (const [name, gradient] of Object.entries(updates)) {
        const before = { m: kept.m![name]!, v: kept.v![name]! };
        [out[name], m[name], v[name]] = adamStep(gradient, before, { beta1, beta2, eps, step }) as [
          Tensor,
          Tensor,
          Tensor,
        ];
      }
      return { updates: out, kept: { m, v } };
    },
  };
}

/**
 * Adds `decay · parameter`, which draws weights to 0. Default on tensors of two axes and more.
 * @throws {ValueError} for a decay below 0.
 */
export function decayWeights(
  decay: number,
  on: (name: string, tensor: Tensor) => boolean = (_, { shape }) => shape.length > 1,
): Rule {
  must('decayWeights', 'decay', decay >= 0 && Number.isFinite(decay), 'must be a number ≥ 0', decay);
  return {
    name: 'decay',
    keeps: [],
    alone: true,
    apply: ({ updates, params }) => ({
      updates: mapParams(updates, (update, name) =>
        on(name, params[name]!) ? add(update, params[name]!, { scale: decay }) : update,
      ),
    }),
  };
}

/**
 * Scales all gradients by one factor so that their norm together is at most `most`: Pascanu et al. 2013, "On the difficulty
 * of training recurrent neural networks", algorithm 1. Nothing is read back.
 *
 * @throws {ValueError} unless `most` is a number > 0.
 */
export function clipByGlobalNorm(most: number): Rule {
  must('clipByGlobalNorm', 'most', most > 0 && Number.isFinite(most), 'must be a finite number > 0', most);
  return {
    name: 'clip',
    keeps: [],
    apply({ updates, norm = globalNorm(updates) }) {
      const limit = tensor(norm.device, [most], []);
      const factor = binary(limit, binary(norm, limit, 'maximum'), 'divide');
      return { updates: mapParams(updates, (update) => binary(update, factor, 'multiply')) };
    },
  };
}

/** `√Σ g²` over all tensors, a single number on the device. @throws what its operations throw. */
export function globalNorm(updates: Params): Tensor {
  return scope(() => {
    const squares = Object.values(updates).map((update) =>
      scope(() => {
        const flat = update.reshape([update.size]);
        return reduce(multiply(flat, flat), 'sum');
      }),
    );
    return unary(
      squares.reduce((sum, square) => add(sum, square)),
      'sqrt',
    );
  });
}

/** −1, 0 or 1. */
function sign(x: Tensor): Tensor {
  const zero = tensor(x.device, [0], []);
  return binary(binary(zero, x, 'less'), binary(x, zero, 'less'), 'subtract');
}

function times(x: Tensor, by: number): Tensor {
  return binary(x, tensor(x.device, [by], []), 'multiply');
}

function must(op: string, argument: string, holds: boolean, rule: string, got: number): void {
  if (!holds) throw new ValueError(op, argument, rule, got);
}
