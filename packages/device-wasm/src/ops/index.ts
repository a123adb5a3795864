import { installed, modifierReasons } from '../modifiers/library.ts';
import { knownTiles } from '../modifiers/tiles.ts';
import { attention, attentionReasons, type Modifying } from './attention.ts';
import { attentionGradient, gradientReasons } from './attention-gradient.ts';
import { operations as light } from './light.ts';
import { linearGradient } from './matrix.ts';
import type { Operations } from './operations.ts';
import { shortConvolution } from './short-convolution.ts';
import { adam, crossEntropy, crossEntropyGradient, normGradient } from './training.ts';

const modifying: Modifying = { installed, knownTiles, reasons: modifierReasons };

/** Every operation of the contract. */
export const operations: Operations = {
  runners: {
    ...light.runners,
    attention: (kit, call) => attention(kit, call, modifying),
    adam,
    linearGradient,
    crossEntropy,
    crossEntropyGradient,
    normGradient,
    attentionGradient,
    shortConvolution,
  },
  reasons: {
    ...light.reasons,
    attention: (_, params) => attentionReasons(params, modifying),
    attentionGradient: (_, params) => gradientReasons(params),
  },
  lacking: (op) => `${op} is not one of the operations this device has kernels for`,
};
