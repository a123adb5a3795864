import { type Device, printable } from '@headwise/tensor';
import { type Options, text, whole } from '../arguments.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { classifierOf, type LoadedModel, neededTokenizer } from '../load-model.ts';
import { jsonLine } from '../output.ts';
import {
  type Rows,
  readTextOptions,
  rounded,
  rowsOf,
  type TextOptions,
  titleOf,
  withModel,
} from './texts.ts';

/** One class of a text, or one token that fits. */
interface Choice {
  readonly label: string;
  /** Absent for a head of one output, which is a number rather than a class. */
  readonly probability?: number;
  readonly logit: number;
}

/** What is said of one place: of a text, of one of its tokens, or of a mask in it. */
interface Answer {
  /** Of the token, where it is about one. */
  readonly position?: number;
  readonly token?: string;
  readonly choices: readonly Choice[];
}

const DEFAULT_TOP = 5;
/** What a mask is called in the vocabularies of masked language models. */
const masks = ['[MASK]', '<mask>'];

/** `headwise classify`: the classes of texts, of their tokens, or what stands where a mask is, by the head of the model. */
export async function runClassify(texts: readonly string[], options: Options, io: Io): Promise<number> {
  const given = readTextOptions('classify', texts, options, io);
  const top = whole(options, 'top', 1) ?? DEFAULT_TOP;
  const pair = text(options, 'pair');
  if (pair !== undefined && given.ids)
    throw new UsageError('--pair is a text beside a text; leave --ids out');
  return withModel(given, io, async (model, device) => {
    const encoder = classifierOf(model, 'classify');
    const rows = rowsOf(given, model, encoder.context, pair);
    const answers = await answersOf(encoder, model, rows, top, io.signal);
    if (given.json) io.out(jsonLine(report(given, model, rows, answers, device)));
    else
      for (const [i, of] of answers.entries())
        for (const answer of of) io.out(line(titleOf(given, i), answer));
    return exitCodes.ok;
  });
}

async function answersOf(
  encoder: ReturnType<typeof classifierOf>,
  model: LoadedModel,
  rows: Rows,
  top: number,
  signal: AbortSignal,
): Promise<Answer[][]> {
  const { head } = encoder;
  if (!head || head.name === 'pooler')
    throw new UsageError(
      `${model.path} has no classes${head ? `, only a ${head.name}` : ''}: headwise embed gives its vectors`,
    );
  const places = rows.ids.map((ids) => (head.per === 'text' ? [0] : placesOf(head.name, ids, model)));
  const { types } = rows;
  using outputs = encoder.predict(rows.ids, { ...(types && { types }), signal });
  const all = await outputs.data();
  const width = outputs.shape.at(-1)!;
  const each = head.per === 'text' ? 1 : outputs.shape[1]!;
  const labels = head.labels ?? Array.from({ length: width }, (_, id) => pieceOf(model, id));
  const byClass = isMultiLabel(model) ? sigmoids : softmax;
  return rows.ids.map((ids, b) =>
    places[b]!.map((place) => {
      const logits = Array.from(all.subarray((b * each + place) * width, (b * each + place + 1) * width));
      const choices = choicesOf(logits, labels, width === 1 ? undefined : byClass(logits)).slice(0, top);
      if (head.per === 'text') return { choices };
      return { position: place, token: pieceOf(model, ids[place]!), choices };
    }),
  );
}

/** Of a masked language model the masks, of a classifier of tokens all. */
function placesOf(head: string, ids: readonly number[], model: LoadedModel): number[] {
  const all = ids.map((_, i) => i);
  if (head !== 'masked-lm') return all;
  const tokenizer = neededTokenizer(model);
  const found = masks.map((mask) => ({ mask, ids: tokenizer.encode(mask, { special: false }) }));
  const known = found.find((each) => each.ids.length === 1 && tokenizer.piece(each.ids[0]!) === each.mask);
  const places = all.filter((i) => ids[i] === known?.ids[0]);
  if (places.length > 0) return places;
  throw new UsageError(
    `this model says what stands at a mask: write ${known?.mask ?? masks.join(' or ')} into the text`,
  );
}

function pieceOf({ tokenizer }: LoadedModel, id: number): string {
  return tokenizer ? tokenizer.piece(id) : String(id);
}

/** Each class for itself, as `problem_type` says. */
function isMultiLabel({ files: { config } }: LoadedModel): boolean {
  return (config as { problem_type?: unknown } | null)?.problem_type === 'multi_label_classification';
}

function choicesOf(
  logits: readonly number[],
  labels: readonly string[],
  shares?: readonly number[],
): Choice[] {
  return logits
    .map((logit, i) => ({
      label: labels[i]!,
      ...(shares && { probability: rounded(shares[i]!) }),
      logit: rounded(logit),
    }))
    .sort((a, b) => b.logit - a.logit);
}

function softmax(logits: readonly number[]): number[] {
  const most = logits.reduce((best, value) => Math.max(best, value), -Infinity);
  const parts = logits.map((value) => Math.exp(value - most));
  const sum = parts.reduce((total, value) => total + value, 0);
  return parts.map((value) => value / sum);
}

function sigmoids(logits: readonly number[]): number[] {
  return logits.map((value) => 1 / (1 + Math.exp(-value)));
}

function report(
  given: TextOptions,
  { loaded }: LoadedModel,
  rows: Rows,
  answers: readonly (readonly Answer[])[],
  device: Device,
): object {
  return {
    model: given.model,
    family: loaded.family.name,
    head: loaded.kind === 'encoder' ? loaded.model.head?.name : undefined,
    device: device.name,
    engine: device.ran,
    results: answers.map((of, i) => ({
      ...(given.ids ? {} : { text: given.texts[i] }),
      ids: rows.ids[i],
      ...(of.length === 1 && of[0]!.position === undefined ? { choices: of[0]!.choices } : { tokens: of }),
    })),
  };
}

function line(title: string, { position, token, choices }: Answer): string {
  const where = position === undefined ? '' : `  ${position} ${token}`;
  const told = choices.map(({ label, probability, logit }) =>
    probability === undefined ? `${label} ${logit}` : `${label} ${(100 * probability).toFixed(1)} %`,
  );
  return printable(`${title}${where}  ${told.join(', ')}\n`);
}
