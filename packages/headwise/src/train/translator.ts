import {
  createEncoderDecoder,
  encoderDecoderParameters,
  type Family,
  FormatError,
  randomWeights,
  readConfig,
} from '@headwise/models';
import type { Device, Tensor } from '@headwise/tensor';
import { type Batches, reversedSources, type TranslationBatch, translationLoss } from '@headwise/training';
import { checkSizes, type TrainConfig } from './config.ts';

/** An encoder with a decoder, and what it is to learn. */
export interface Translator {
  readonly family: Family;
  /** The `config.json` of what is saved: also with which id a text begins and ends. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly weights: Record<string, Tensor>;
  readonly loss: (params: Readonly<Record<string, Tensor>>, batch: TranslationBatch) => Tensor;
  readonly data: Batches<TranslationBatch>;
  /** The loss on what is not trained on. */
  readonly look: () => Promise<{ readonly value: number; readonly told: string }>;
}

/**
 * An encoder with a decoder and random weights, which reads digits and writes them backwards.
 * @throws {FormatError} for other data, or a config that does not fit them.
 */
export function createTranslatorRun(
  device: Device,
  family: Family,
  { model: given, data: task, batch: B, seed, smoothing, evaluate }: TrainConfig,
): Translator {
  if (task.kind !== 'reversal')
    throw new FormatError(
      'data',
      `a ${family.title} reads one text and writes another: from nothing it learns the task "reversal"`,
    );
  const { length, symbols } = task;
  const V = symbols + 1;
  const { model: made } = readConfig(family, { vocab_size: V, ...given });
  if (made.kind !== 'encoder-decoder') throw new FormatError('model', `a ${family.title} is a ${made.kind}`);
  const { encoder, decoder } = made.parts;
  for (const { shape, context } of [encoder, decoder]) checkSizes(shape.V, context, V, length + 1);
  // the mark begins a text and ends it, and the files say so
  const json = { vocab_size: V, ...given, decoder_start_token_id: symbols, eos_token_id: symbols };
  readConfig(family, json);
  const weights = randomWeights(device, encoderDecoderParameters(made.parts), { seed });
  const model = createEncoderDecoder({ ...made.parts, device, weights });
  const plain = translationLoss(model);
  // other numbers than the training ever draws
  const check = reversedSources({ length, symbols, B, seed: (seed ^ 0x5bd1e995) >>> 0 });
  return {
    family,
    json,
    weights,
    loss: translationLoss(model, { smoothing }),
    data: reversedSources({ length, symbols, B, seed }),
    async look() {
      let sum = 0;
      for (let i = 0; i < evaluate.batches; i++) {
        using value = plain(weights, check.batch(i));
        sum += (await value.data())[0]!;
      }
      const value = sum / evaluate.batches;
      return { value, told: value.toFixed(4) };
    },
  };
}
