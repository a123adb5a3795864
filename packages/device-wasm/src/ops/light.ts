import { storeRows } from '../stored-rows.ts';
import { attention, attentionReasons } from './attention.ts';
import { concat, gather, slice } from './copies.ts';
import { activationGradient, add, gated, gelu, multiply, relu, silu } from './elementwise.ts';
import { expertLinear } from './experts.ts';
import { linearAttention, linearAttentionReasons } from './linear-attention.ts';
import { headLinear, linear, matmul } from './matrix.ts';
import type { Operations } from './operations.ts';
import { binary, cast, permute, reduce, scatterAdd, stridedReasons, unary, where } from './primitives.ts';
import { argmax, layerNorm, logSoftmax, rmsNorm, rotary, softmax, topK } from './rowwise.ts';

/** Everything but the kernels of training, which are composed of these, and modifiers that a person wrote. */
export const operations: Operations = {
  runners: {
    add,
    argmax,
    attention: (kit, call) => attention(kit, call),
    concat,
    expertLinear,
    gated,
    gather,
    gelu,
    headLinear,
    layerNorm,
    linear,
    linearAttention,
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
  },
  reasons: {
    attention: (_, params) => attentionReasons(params),
    linearAttention: linearAttentionReasons,
    binary: stridedReasons,
    where: stridedReasons,
    permute: stridedReasons,
    cast: stridedReasons,
  },
  lacking: (op) =>
    `${op} is not among the light kernels of @headwise/device-wasm/light: @headwise/device-wasm has all of them`,
};
