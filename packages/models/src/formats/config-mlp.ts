import type { GeluKind } from '@headwise/tensor';
import {
  createGeglu,
  createGeluMlp,
  createReluMlp,
  createSiluMlp,
  createSwiglu,
  createTanhMlp,
  type Mlp,
  type MlpOptions,
} from '../parts/feed-forward.ts';
import type { ConfigFields } from './config-fields.ts';

/** Makes a feed-forward of an inner width. */
export type MlpFactory = (options: MlpOptions) => Mlp;

/** Names of GELU in files, exact or through tanh. */
const gelus: Readonly<Record<string, GeluKind>> = {
  gelu: 'exact',
  gelu_python: 'exact',
  gelu_new: 'tanh',
  gelu_fast: 'tanh',
  gelu_accurate: 'tanh',
  gelu_pytorch_tanh: 'tanh',
  gelu_python_tanh: 'tanh',
};

function ofGelu(make: (options: MlpOptions & { kind: GeluKind }) => Mlp): Record<string, MlpFactory> {
  return Object.fromEntries(
    Object.entries(gelus).map(([name, kind]) => [name, (options: MlpOptions) => make({ ...options, kind })]),
  );
}

const plain: Readonly<Record<string, MlpFactory>> = {
  ...ofGelu(createGeluMlp),
  relu: createReluMlp,
  silu: createSiluMlp,
  swish: createSiluMlp,
  tanh: createTanhMlp,
};

const gated: Readonly<Record<string, MlpFactory>> = {
  silu: createSwiglu,
  swish: createSwiglu,
  ...ofGelu(createGeglu),
};

/** The feed-forward `down · act(up · x)` with the activation that a field names. Never throws. */
export function plainMlp(fields: ConfigFields, key: string, fallback: string): MlpFactory {
  return fields.oneOf(key, plain, fallback);
}

/** The feed-forward `down · (act(gate · x) · (up · x))` with the activation that a field names. Never throws. */
export function gatedMlp(fields: ConfigFields, key = 'hidden_act', fallback = 'silu'): MlpFactory {
  return fields.oneOf(key, gated, fallback);
}
