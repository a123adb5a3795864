import { type Encoder, type Family, FormatError, readConfig, type Tokenizer } from '@headwise/models';
import type { Tensor } from '@headwise/tensor';
import {
  type Batches,
  classificationLoss,
  mapped,
  shuffled,
  split,
  type TextBatch,
  withHead,
} from '@headwise/training';
import { encoderOf, type LoadedModel, neededTokenizer } from '../load-model.ts';
import type { DataConfig, TrainConfig } from './config.ts';
import { readExamples } from './examples-file.ts';

/** An encoder with a new head, and what it is to learn. */
export interface Classifier {
  readonly family: Family;
  /** The `config.json` of what is saved. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly weights: Record<string, Tensor>;
  readonly loss: (params: Readonly<Record<string, Tensor>>, batch: TextBatch) => Tensor;
  readonly data: Batches<TextBatch>;
  /** Loss and share of right answers on what is not trained on. */
  readonly look: () => Promise<{ readonly loss: number; readonly accuracy: number }>;
}

interface Row {
  readonly ids: readonly number[];
  readonly target: number;
}

/**
 * A loaded encoder under the head for texts that its family has, with the classes of a file of examples.
 * @throws {FormatError} if the family has no such head, or the file is not of two classes and more.
 */
export function createClassifierRun(
  loaded: LoadedModel,
  { batch: B, seed, smoothing }: TrainConfig,
  data: DataConfig & { readonly kind: 'examples' },
  given?: Tokenizer,
): Classifier {
  const encoder = encoderOf(loaded, 'train on examples');
  const tokenizer = given ?? neededTokenizer(loaded);
  const { family } = loaded.loaded;
  const architecture = family.architectures.find((name) => name.endsWith('ForSequenceClassification'));
  if (!architecture) throw new FormatError('from', `a ${family.title} has no head for texts in its files`);
  const examples = readExamples(data.file, data);
  const labels = [...new Set(examples.map(({ label }) => label))].sort();
  if (labels.length < 2)
    throw new FormatError(
      data.file,
      `it has ${labels.length} classes in ${examples.length} examples; there must be two`,
    );
  const json = {
    ...(loaded.files.config as object),
    architectures: [architecture],
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  };
  const { model } = readConfig(family, json);
  if (model.kind !== 'encoder' || !model.parts.head)
    throw new FormatError('from', `a ${family.title} has no head`);
  const tuned = withHead(encoder, loaded.loaded.weights, model.parts.head, { seed });
  const most = Math.min(data.length, encoder.context);
  const rows = examples.map(({ text, label }) => ({
    ids: cut(tokenizer.encode(text), most),
    target: labels.indexOf(label),
  }));
  const parts = split(rows, { share: 0.1, seed });
  const batchOf = (of: readonly Row[]): TextBatch => ({
    ids: of.map(({ ids }) => ids),
    targets: of.map(({ target }) => target),
  });
  const plain = classificationLoss(tuned.encoder);
  return {
    family,
    json,
    weights: tuned.weights,
    loss: classificationLoss(tuned.encoder, { smoothing }),
    data: mapped(shuffled(parts.train, { B, seed }), batchOf),
    look: () => looked(tuned.encoder, plain, tuned.weights, parts.check, B, batchOf),
  };
}

async function looked(
  encoder: Encoder,
  loss: Classifier['loss'],
  weights: Readonly<Record<string, Tensor>>,
  check: readonly Row[],
  B: number,
  batchOf: (rows: readonly Row[]) => TextBatch,
): Promise<{ loss: number; accuracy: number }> {
  let [sum, right] = [0, 0];
  for (let at = 0; at < check.length; at += B) {
    const rows = check.slice(at, at + B);
    const batch = batchOf(rows);
    using value = loss(weights, batch);
    sum += (await value.data())[0]! * rows.length;
    using logits = encoder.predict(batch.ids);
    const all = await logits.data();
    const C = all.length / rows.length;
    for (const [b, { target }] of rows.entries()) {
      const own = all.subarray(b * C, (b + 1) * C);
      if (own.indexOf(Math.max(...own)) === target) right += 1;
    }
  }
  return { loss: sum / check.length, accuracy: right / check.length };
}

/** The first tokens, and the one that ends a text. */
function cut(ids: readonly number[], most: number): readonly number[] {
  return ids.length <= most ? ids : [...ids.slice(0, most - 1), ids.at(-1)!];
}
