import { attentionGradient, gradientReasons } from './attention-gradient.ts';
import { operations as light } from './light.ts';
import { linearGradient } from './matrix.ts';
import type { Operations } from './operations.ts';
import { adam, crossEntropy, crossEntropyGradient, normGradient } from './training.ts';

/** Every operation of the contract. */
export const operations: Operations = {
  runners: {
    ...light.runners,
    adam,
    linearGradient,
    crossEntropy,
    crossEntropyGradient,
    normGradient,
    attentionGradient,
  },
  reasons: { ...light.reasons, attentionGradient: (_, params) => gradientReasons(params) },
  lacking: (op) => `${op} is not one of the operations this device has kernels for`,
};
