import {
  type Activation,
  clippedGelu,
  exactGelu,
  hyperbolic,
  identity,
  leakyRectifier,
  logistic,
  mish,
  rectifier,
  sigmoidGelu,
  squaredRectifier,
  swish,
  tanhGelu,
} from '../parts/activations.ts';
import type { ConfigFields } from './config-fields.ts';

/** As transformers names them. */
export const activationNames: Readonly<Record<string, Activation>> = {
  gelu: exactGelu,
  gelu_python: exactGelu,
  gelu_new: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  gelu_python_tanh: tanhGelu,
  gelu_accurate: tanhGelu,
  quick_gelu: sigmoidGelu,
  relu: rectifier,
  silu: swish,
  swish,
  tanh: hyperbolic,
  sigmoid: logistic,
  linear: identity,
  relu2: squaredRectifier,
  leaky_relu: leakyRectifier,
  mish,
  gelu_10: clippedGelu,
};

/** The activation that a field names. A name that is not known is among the problems. Never throws. */
export function activationOf(fields: ConfigFields, key: string, fallback: string): Activation {
  return fields.oneOf(key, activationNames, fallback);
}
