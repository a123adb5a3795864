import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  type Decoder,
  type DecoderParts,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { type Device, type InputEncoding, type PositionEncoding, sizeOf } from '@headwise/tensor';
import {
  adamW,
  cosineDecay,
  IGNORED,
  languageModelLoss,
  type Params,
  tokenWindows,
  train,
} from '@headwise/training';
import { type CurvePoint, followed } from '../learning-curve.ts';
import type { QualityRecipe } from './contract.ts';
import type { Corpus } from './corpus.ts';

/** Points of a learning curve. */
const POINTS = 20;

/** A decoder with weights that are the device's own: what is trained. */
export interface Trainee {
  readonly decoder: Decoder;
  readonly weights: Params;
}

/** What makes one decoder of a sweep differ from another. */
export interface DecoderChoice {
  readonly attention: ConfiguredVariant;
  /** Turns queries and keys, or biases scores. Default `rotary()`. */
  readonly position?: PositionEncoding | undefined;
  /** Is added to the embeddings. Default none. */
  readonly added?: InputEncoding | undefined;
}

/** A pre-norm decoder with RMSNorm and SwiGLU of width `hidden`, tied embeddings. */
export function decoderParts(
  shape: LayerShape,
  V: number,
  hidden: number,
  context: number,
  { attention, position = rotary(), added }: DecoderChoice,
): DecoderParts {
  const norm = createRmsNorm();
  const blocks = block({ attention, position, norm, mlp: createSwiglu({ F: hidden }) });
  return { shape: { ...shape, V }, blocks, norm, context, ...(added && { position: added }) };
}

export function countOf(parts: DecoderParts): number {
  return Object.values(decoderParameters(parts)).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** The feed-forward width at which a decoder has as many weights as wanted, to the nearest whole one. */
export function hiddenFor(wanted: number, hidden: number, parts: (hidden: number) => DecoderParts): number {
  const now = countOf(parts(hidden));
  const perUnit = countOf(parts(hidden + 1)) - now;
  return Math.max(1, hidden + Math.round((wanted - now) / perUnit));
}

/** @param weights those of another one, which become this one's. Default random by the seed. */
export function beginTraining(device: Device, parts: DecoderParts, seed: number, weights?: Params): Trainee {
  const own = weights ?? randomWeights(device, decoderParameters(parts), { seed });
  return { decoder: createDecoder({ ...parts, device, weights: own }), weights: own };
}

/** Trains in place. Resolves to the learning curve: step, and mean loss since the point before. */
export async function learn(
  { decoder, weights }: Trainee,
  { train: tokens }: Corpus,
  { T, B, rate: peak, warmup, decay }: Pick<QualityRecipe, 'T' | 'B' | 'rate' | 'warmup' | 'decay'>,
  { steps, seed }: { readonly steps: number; readonly seed: number },
  onStep: (done: number, label: string) => Promise<void>,
  signal: AbortSignal,
): Promise<CurvePoint[]> {
  const run = train({
    params: weights,
    loss: languageModelLoss(decoder),
    data: tokenWindows({ tokens, T, B, seed }),
    optimizer: adamW({ decay, clip: 1 }),
    rate: cosineDecay({ peak, warmup: Math.min(warmup, steps - 1), steps, floor: peak / 10 }),
    steps,
    mayBeUnused: (name) => decoder.choosing.includes(name),
    signal,
  });
  return followed(run, { steps, points: POINTS }, onStep);
}

/**
 * Mean loss over rows of L tokens from the end of the text, one behind the other.
 * @param from the first place of a row that counts: the length of training, for what lies past it
 */
export async function checkLoss(
  { decoder, weights }: Trainee,
  { check }: Corpus,
  {
    L,
    B,
    tokens,
    from = 0,
  }: { readonly L: number; readonly B: number; readonly tokens: number; readonly from?: number },
): Promise<number> {
  const lossOf = languageModelLoss(decoder);
  const rows = Math.max(1, Math.floor(Math.min(tokens, check.length - 1) / L));
  let total = 0;
  for (let first = 0; first < rows; first += B) {
    const starts = Array.from({ length: Math.min(B, rows - first) }, (_, b) => (first + b) * L);
    const at = (shift: number): number[][] =>
      starts.map((start) => [...check.subarray(start + shift, start + shift + L)]);
    const targets = at(1).map((row) => row.map((id, i) => (i < from ? IGNORED : id)));
    using value = lossOf(weights, { ids: at(0), targets });
    total += (await value.data())[0]! * starts.length;
  }
  return total / rows;
}
