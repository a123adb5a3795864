import { createEncoder, type Encoder, encoderParameters, type Head } from '@headwise/models';
import { type Tensor, tensor, ValueError } from '@headwise/tensor';
import type { Params } from './params.ts';
import { hash, hashAt } from './random.ts';

/** Standard deviation of what is new: Devlin et al. 2018, in the paper's code. */
const DEVIATION = 0.02;

/**
 * An encoder under another head: what it says of texts or tokens is learnt anew, the rest goes on from where it is. A
 * pooler that the encoder had becomes the first layer of a classifier of texts, as in BERT.
 *
 * @param weights those the encoder is made of, by name; what the new encoder has no use for is freed
 * @returns the encoder and its weights, which are shared with the one given
 * @throws {ValueError} if `weights` are not the encoder's.
 * @example
 * const { model, weights } = await loadModel(device, checkpoint, { families, float32: true });
 * const tuned = withHead(model, weights, createClassifier({ labels: ['bad', 'good'] }));
 */
export function withHead(
  encoder: Encoder,
  weights: Params,
  head: Head,
  { seed = 1 }: { readonly seed?: number } = {},
): { readonly encoder: Encoder; readonly weights: Record<string, Tensor> } {
  const parts = { ...encoder.parts, head };
  const { device } = encoder;
  const missing = Object.keys(encoderParameters(encoder.parts)).filter(
    (name) => !Object.hasOwn(weights, name),
  );
  if (missing.length > 0)
    throw new ValueError(
      'withHead',
      'weights',
      'must be those that the encoder is made of',
      `no ${missing[0]}`,
    );
  const isTextHead = (name: string | undefined): boolean => name === 'pooler' || name === 'classifier';
  const keepsDense = isTextHead(encoder.head?.name) && isTextHead(head.name);
  const stays = (name: string): boolean =>
    !name.startsWith('head.') || (keepsDense && !/\.out(\.|$)/.test(name));
  const made = Object.fromEntries(
    Object.entries(encoderParameters(parts)).map(([name, shape], i) => {
      const old = weights[name];
      if (old && stays(name) && String(old.shape) === String(shape)) return [name, old];
      return [name, tensor(device, fresh(name, shape, hash(seed, i)), shape)];
    }),
  );
  for (const [name, old] of Object.entries(weights)) if (made[name] !== old) old.dispose();
  return { encoder: createEncoder({ ...parts, device, weights: made }), weights: made };
}

function fresh(name: string, shape: readonly number[], key: number): Float32Array {
  const size = shape.reduce((product, axis) => product * axis, 1);
  const bound = DEVIATION * Math.sqrt(3);
  const value = (i: number): number => {
    if (name.endsWith('bias')) return 0;
    return shape.length === 1 ? 1 : bound * ((2 * hashAt(key, i)) / 2 ** 32 - 1);
  };
  return Float32Array.from({ length: size }, (_, i) => value(i));
}
