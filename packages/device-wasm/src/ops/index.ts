import type { OpCall } from '@headwise/tensor';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';
import { storeRows } from '../stored-rows.ts';
import { attention } from './attention.ts';
import { attentionGradient } from './attention-gradient.ts';
import { concat, gather, slice } from './copies.ts';
import { activationGradient, add, gated, gelu, multiply, relu, silu } from './elementwise.ts';
import { expertLinear } from './experts.ts';
import { headLinear, linear, linearGradient, matmul } from './matrix.ts';
import { binary, cast, permute, reduce, scatterAdd, unary, where } from './primitives.ts';
import { argmax, layerNorm, logSoftmax, rmsNorm, rotary, softmax, topK } from './rowwise.ts';
import { adam, crossEntropy, crossEntropyGradient, normGradient } from './training.ts';

/** How the device runs one operation. */
export type Runner = (kit: Kit, call: OpCall) => readonly WasmBuffer[];

/** Every operation of the contract, by name. */
export const runners: Readonly<Record<string, Runner>> = {
  add,
  argmax,
  attention,
  concat,
  expertLinear,
  gated,
  gather,
  gelu,
  headLinear,
  layerNorm,
  linear,
  logSoftmax,
  matmul,
  multiply,
  relu,
  rmsNorm,
  rotary,
  silu,
  slice,
  softmax,
  storeRows,
  topK,
  unary,
  binary,
  where,
  permute,
  reduce,
  cast,
  scatterAdd,
  activationGradient,
  adam,
  linearGradient,
  crossEntropy,
  crossEntropyGradient,
  normGradient,
  attentionGradient,
};
