import type { Encoder, Head } from '@headwise/models';
import {
  add,
  crossEntropy,
  multiply,
  reduce,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import type { Params } from './params.ts';
import { checkTargets, filled, IGNORED, type TokenBatch } from './rows.ts';

/** Texts as rows of tokens, and of each what the head is to say: a class from 0, or a number. */
export interface TextBatch {
  readonly ids: readonly (readonly number[])[];
  /** The kind of each token, where the model knows kinds (two texts as one). Default 0. */
  readonly types?: readonly (readonly number[])[] | undefined;
  readonly targets: readonly number[];
}

/** Texts as rows of tokens, and of each token its class; `IGNORED` where it does not count. */
export interface TokenLabelBatch extends TokenBatch {
  /** The kind of each token, where the model knows kinds. Default 0. */
  readonly types?: readonly (readonly number[])[] | undefined;
}

/**
 * The loss of an encoder that says of texts which class they are of: the mean cross-entropy over a batch. The encoder is
 * made once, of the very tensors that are trained. Devlin et al. 2018, "BERT", section 4.1.
 *
 * @returns `(params, batch) → []`
 * @throws {ValueError} if the encoder has no head for texts, or only one output; inside, for a target that is no class.
 */
export function classificationLoss(
  encoder: Encoder,
  { smoothing = 0 }: { readonly smoothing?: number } = {},
): (params: Params, batch: TextBatch) => Tensor {
  const head = headFor('classificationLoss', encoder, 'text');
  return (_, { ids, types, targets }) =>
    scope(() => {
      const logits = encoder.predict(ids, { types });
      const classes = classesOf('classificationLoss', head, logits);
      checkClasses('classificationLoss', targets, ids.length, classes);
      return crossEntropy(logits, tensor(encoder.device, Int32Array.from(targets), [ids.length]), {
        smoothing,
      });
    });
}

/**
 * The loss of an encoder that says a number of each text: the mean of the squared differences. Devlin et al. 2018,
 * section 4.1 (similarity of sentences, STS-B).
 *
 * @returns `(params, batch) → []`
 * @throws {ValueError} if the encoder has no head for texts; inside, if the head has several outputs, or a target is no
 * finite number.
 */
export function regressionLoss(encoder: Encoder): (params: Params, batch: TextBatch) => Tensor {
  headFor('regressionLoss', encoder, 'text');
  return (_, { ids, types, targets }) =>
    scope(() => {
      const outputs = encoder.predict(ids, { types });
      if (outputs.size !== ids.length)
        throw new ValueError(
          'regressionLoss',
          'encoder',
          'must have a head of one output (one label)',
          outputs.shape.at(-1),
        );
      if (targets.length !== ids.length || !targets.every(Number.isFinite))
        throw new ValueError('regressionLoss', 'targets', `must be ${ids.length} finite numbers`, targets);
      const away = add(
        outputs.reshape([ids.length]),
        tensor(
          encoder.device,
          targets.map((target) => -target),
          [ids.length],
        ),
      );
      const share = tensor(encoder.device, [1 / ids.length], []);
      return multiply(reduce(multiply(away, away), 'sum').reshape([]), share);
    });
}

/**
 * The loss of an encoder that says of each token which class it is of (names, parts of speech): the mean cross-entropy
 * over the tokens that count. Devlin et al. 2018, section 5.3.
 *
 * @returns `(params, batch) → []`
 * @throws {ValueError} if the encoder has no head for tokens; inside, for a target that is no class.
 */
export function tokenLabelLoss(
  encoder: Encoder,
  { smoothing = 0 }: { readonly smoothing?: number } = {},
): (params: Params, batch: TokenLabelBatch) => Tensor {
  const head = headFor('tokenLabelLoss', encoder, 'token');
  return (_, { ids, types, targets }) =>
    scope(() => {
      checkTargets('tokenLabelLoss', ids, targets);
      const logits = encoder.predict(ids, { types });
      const classes = classesOf('tokenLabelLoss', head, logits);
      for (const row of targets) checkClasses('tokenLabelLoss', row, row.length, classes);
      return crossEntropy(logits, filled(encoder.device, targets, IGNORED), { smoothing });
    });
}

function headFor(op: string, { head }: Encoder, per: Head['per']): Head {
  if (head?.per === per) return head;
  throw new ValueError(
    op,
    'encoder',
    `must have a head that says something of each ${per} (withHead gives it one)`,
    head?.name,
  );
}

function classesOf(op: string, { name }: Head, { shape }: Tensor): number {
  const classes = shape.at(-1)!;
  if (classes > 1) return classes;
  throw new ValueError(op, 'encoder', 'must have a head of two classes or more', `${name} of ${classes}`);
}

/** A class beyond the last would be passed over in silence. */
function checkClasses(op: string, targets: readonly number[], count: number, classes: number): void {
  const wrong = targets.find(
    (target) => target !== IGNORED && !(Number.isSafeInteger(target) && target >= 0 && target < classes),
  );
  if (targets.length !== count)
    throw new ValueError(op, 'targets', `must be one for each of the ${count} texts`, targets.length);
  if (wrong !== undefined)
    throw new ValueError(
      op,
      'targets',
      `must be classes from 0 to ${classes - 1}, or −1 to leave out`,
      wrong,
    );
}
