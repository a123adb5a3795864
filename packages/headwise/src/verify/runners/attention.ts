import type { Runners } from '../contract.ts';
import { runFlexAttention } from './attention-flex.ts';
import { runGroupedDecode, runLatent } from './attention-layers.ts';
import {
  runAdditive,
  runAttentionExtra,
  runAttentionSinks,
  runCrossAttention,
  runDifferential,
  runLinearElu,
  runMultiplicative,
  runSlidingWindow,
} from './attention-numeric.ts';
import { runLinearAttention, runOnnxAttention } from './attention-onnx.ts';
import { runGradients, runTorchDecoderLayer, runTorchEncoder, runTorchMultiHead } from './attention-torch.ts';

/** Attention variants against ONNX's operators, the numeric families and PyTorch's modules. */
export const attentionRunners: Runners = {
  Attention: runOnnxAttention,
  FlexAttention: runFlexAttention,
  LinearAttention: runLinearAttention,
  sliding_window: runSlidingWindow,
  attention_sinks: runAttentionSinks,
  attention_extra: runAttentionExtra,
  cross_attention: runCrossAttention,
  additive_attention: runAdditive,
  multiplicative_attention: runMultiplicative,
  differential_attention: runDifferential,
  linear_attention_elu: runLinearElu,
  mla: runLatent,
  gqa_decode: runGroupedDecode,
  'torch.attention_gradients': runGradients,
  'torch.multihead_attention': runTorchMultiHead,
  'torch.encoder': runTorchEncoder,
  'torch.decoder_layer': runTorchDecoderLayer,
};
