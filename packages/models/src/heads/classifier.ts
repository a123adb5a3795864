import { linear, type Tensor } from '@headwise/tensor';
import { within } from '../block.ts';
import type { Shapes, Weights } from '../part.ts';
import { type Activation, hyperbolic } from '../parts/activations.ts';
import type { Norm } from '../parts/norms.ts';
import type { Head } from './head.ts';
import { firstToken, type Pooling } from './pooling.ts';

/** Options of a classifier of texts. */
export interface ClassifierOptions {
  /** Names of the classes. */
  readonly labels: readonly string[];
  /** Default the first token. */
  readonly pooling?: Pooling | undefined;
  /** After the projection `dense`. Default tanh. */
  readonly activation?: Activation | undefined;
  /** After the activation (ModernBERT). Default none. */
  readonly norm?: Norm | undefined;
  /** `dense.bias`. Default true. */
  readonly denseBias?: boolean | undefined;
}

/**
 * Which class a text is of: logits `[B, labels]`.
 *
 * ```text
 * logits = out · norm(act(dense · pool(hidden) + bias)) + bias
 * ```
 *
 * Devlin et al. 2018, "BERT", section 4.1. Never throws.
 */
export function createClassifier(options: ClassifierOptions): Head {
  const { labels, pooling = firstToken, activation = hyperbolic, norm, denseBias = true } = options;
  return {
    name: 'classifier',
    per: 'text',
    labels,
    parameters: ({ E }) => ({
      ...innerParameters(E, norm, denseBias),
      out: [labels.length, E],
      'out.bias': [labels.length],
    }),
    apply(hidden, weights, positions) {
      const inner = dense(pooling.pool(hidden, positions), weights, activation, norm);
      return linear(inner, weights.out!, { bias: weights['out.bias'] });
    },
  };
}

/**
 * BERT's vector of a text `[B, E]`: `tanh(dense · first + bias)`. Devlin et al. 2018, section 3.1. Never throws.
 */
export function createPooler(): Head {
  return {
    name: 'pooler',
    per: 'text',
    parameters: ({ E }) => ({ dense: [E, E], 'dense.bias': [E] }),
    apply: (hidden, weights, positions) => dense(firstToken.pool(hidden, positions), weights, hyperbolic),
  };
}

/** Options of a classifier of tokens. */
export interface TokenClassifierOptions {
  readonly labels: readonly string[];
  /** With a projection `dense` before it (ELECTRA's discriminator). Default none. */
  readonly activation?: Activation | undefined;
  /** After the activation (ModernBERT). Default none. */
  readonly norm?: Norm | undefined;
  /** `dense.bias`. Default true. */
  readonly denseBias?: boolean | undefined;
}

/**
 * Which class each token is of (names, parts of speech, replaced or not): logits `[B, L, labels]`.
 * Devlin et al. 2018, section 5.3; Clark et al. 2020, "ELECTRA", section 2. Never throws.
 */
export function createTokenClassifier(options: TokenClassifierOptions): Head {
  const { labels, activation, norm, denseBias = true } = options;
  return {
    name: 'token-classifier',
    per: 'token',
    labels,
    parameters: ({ E }) => ({
      ...(activation && innerParameters(E, norm, denseBias)),
      out: [labels.length, E],
      'out.bias': [labels.length],
    }),
    apply(hidden, weights) {
      const inner = activation ? dense(hidden, weights, activation, norm) : hidden;
      return linear(inner, weights.out!, { bias: weights['out.bias'] });
    },
  };
}

/**
 * Where an answer begins in a passage and where it ends: logits `[B, L, 2]`, labels `start` and `end`.
 * Devlin et al. 2018, section 4.2. Never throws.
 */
export function createSpanFinder(): Head {
  return createTokenClassifier({ labels: ['start', 'end'] });
}

function innerParameters(E: number, norm: Norm | undefined, bias: boolean): Shapes {
  const gains = Object.entries(norm?.parameters(E) ?? {}).map(([name, size]) => [`norm.${name}`, size]);
  return { dense: [E, E], ...(bias && { 'dense.bias': [E] }), ...Object.fromEntries(gains) };
}

function dense(x: Tensor, weights: Weights, activation: Activation, norm?: Norm): Tensor {
  const inner = activation.apply(linear(x, weights.dense!, { bias: weights['dense.bias'] }));
  return norm ? norm.apply(inner, within(weights, 'norm.')) : inner;
}
