import { FormatError } from '../errors.ts';
import { shown } from '../formats/json.ts';
import { FORMAT, type Json, objectOf, readStep } from './huggingface-steps.ts';

/** Far above every vocabulary there is; the arrays of a reader are no larger. */
const MOST_IDS = 2 ** 24;
const MOST_LISTED = 10;

/** A piece that stands for itself. */
export interface AddedPiece {
  readonly id: number;
  readonly content: string;
  /** Nothing in the text of ids. */
  readonly special: boolean;
}

/** A `tokenizer.json` that says what it must, and nothing twice. */
export interface HuggingFaceFile {
  /** The file, with the steps in the words of the library. */
  readonly json: Json;
  /** What stands around a text, unread. */
  readonly postProcessor: unknown;
  /** Every piece by its id, added ones among them. */
  readonly pieces: ReadonlyMap<number, string>;
  /** Ids by their piece. */
  readonly ids: ReadonlyMap<string, number>;
  readonly added: readonly AddedPiece[];
}

/**
 * Reads a `tokenizer.json` strictly, before any of it is run: what the library would pass over (two pieces of one id, a
 * merge of pieces that are not there, scores that are no numbers) is listed.
 *
 * @throws {FormatError} listing everything that is wrong.
 */
export function readHuggingFaceFile(value: unknown): HuggingFaceFile {
  const problems: string[] = [];
  const file = objectOf(value);
  const model = objectOf(file?.model);
  if (!file || !model) throw new FormatError(FORMAT, 'it must be an object with a "model"');
  const type = model.type === undefined || model.type === null ? typeOf(model) : model.type;
  const ids = vocabularyOf(type, model, problems);
  const pieces = byId(ids, problems);
  const added = addedOf(file.added_tokens, ids, pieces, problems);
  if (problems.length === 0) checkModel(type, model, ids, problems);
  if (problems.length > 0) {
    const more = problems.length - MOST_LISTED;
    const listed = more > 0 ? [...problems.slice(0, MOST_LISTED), `and ${more} more`] : problems;
    throw new FormatError(FORMAT, 'this is no tokenizer', listed);
  }
  const json = {
    ...file,
    model: { ...model, type },
    added_tokens: file.added_tokens ?? [],
    normalizer: readStep('normalizer', file.normalizer),
    pre_tokenizer: readStep('pre_tokenizer', file.pre_tokenizer),
    // the frame is ours
    post_processor: null,
    decoder: readStep('decoder', file.decoder),
  };
  return { json, postProcessor: file.post_processor, pieces, ids, added };
}

/** Files from before the models had a type say it by what they hold. */
function typeOf(model: Json): string {
  if (model.merges !== undefined) return 'BPE';
  return Array.isArray(model.vocab) ? 'Unigram' : 'WordPiece';
}

function vocabularyOf(type: unknown, model: Json, problems: string[]): Map<string, number> {
  const known = ['BPE', 'WordPiece', 'Unigram'];
  if (!known.includes(type as string))
    problems.push(`model.type ${shown(type)} is not supported: ${known.join(', ')}`);
  const { vocab } = model;
  if (type === 'Unigram') return unigramVocabulary(vocab, problems);
  const given = Object.entries(objectOf(vocab) ?? {});
  if (given.length === 0)
    problems.push(`model.vocab must be an object of pieces and ids, it is ${shown(vocab)}`);
  for (const [piece, id] of given)
    if (!isId(id))
      problems.push(
        `the id of ${shown(piece)} must be a whole number from 0 to ${MOST_IDS - 1}, it is ${shown(id)}`,
      );
  return new Map(given.filter(([, id]) => isId(id)) as [string, number][]);
}

function unigramVocabulary(vocab: unknown, problems: string[]): Map<string, number> {
  const given = Array.isArray(vocab) ? vocab : [];
  if (given.length === 0)
    problems.push(`model.vocab must be a list of pieces and scores, it is ${shown(vocab)}`);
  const ids = new Map<string, number>();
  given.forEach((entry: unknown, id) => {
    const [piece, score] = Array.isArray(entry) ? entry : [];
    if (typeof piece !== 'string' || typeof score !== 'number' || !Number.isFinite(score))
      problems.push(`model.vocab[${id}] must be a piece and its score, it is ${shown(entry)}`);
    else if (ids.has(piece)) problems.push(`${shown(piece)} is both ${ids.get(piece)} and ${id}`);
    else ids.set(piece, id);
  });
  return ids;
}

function isId(id: unknown): id is number {
  return Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < MOST_IDS;
}

function byId(ids: ReadonlyMap<string, number>, problems: string[]): Map<number, string> {
  const pieces = new Map<number, string>();
  for (const [piece, id] of ids) {
    if (pieces.has(id)) problems.push(`id ${id} is both ${shown(pieces.get(id))} and ${shown(piece)}`);
    pieces.set(id, piece);
  }
  return pieces;
}

/** Reads the added pieces and puts them among the others. */
function addedOf(
  list: unknown,
  ids: Map<string, number>,
  pieces: Map<number, string>,
  problems: string[],
): AddedPiece[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) {
    problems.push(`added_tokens must be a list, it is ${shown(list)}`);
    return [];
  }
  return list.flatMap((entry: unknown, i) => {
    const { id, content, special = false } = objectOf(entry) ?? {};
    if (!isId(id) || typeof content !== 'string' || content === '') {
      problems.push(`added_tokens[${i}] must have an "id" and a "content", it is ${shown(entry)}`);
      return [];
    }
    const before = ids.get(content);
    if (before !== undefined && before !== id)
      problems.push(`${shown(content)} is both ${before} and, among the added tokens, ${id}`);
    const other = pieces.get(id);
    if (other !== undefined && other !== content)
      problems.push(`id ${id} is both ${shown(other)} and, among the added tokens, ${shown(content)}`);
    ids.set(content, id);
    pieces.set(id, content);
    return [{ id, content, special: special === true }];
  });
}

function checkModel(type: unknown, model: Json, ids: ReadonlyMap<string, number>, problems: string[]): void {
  const { unk_token: unknown, unk_id: unknownId, dropout } = model;
  if (typeof dropout === 'number' && dropout > 0)
    problems.push(`model.dropout ${dropout} would make other ids every time: it must be null or 0`);
  const { continuing_subword_prefix: prefix } = model;
  if (type === 'BPE' && prefix !== undefined && prefix !== null && prefix !== '')
    problems.push(`model.continuing_subword_prefix ${shown(prefix)} is not supported in a BPE`);
  const needs = type === 'WordPiece' || (unknown !== undefined && unknown !== null && unknown !== '');
  if (type !== 'Unigram' && needs && !(typeof unknown === 'string' && ids.has(unknown)))
    problems.push(`model.unk_token ${shown(unknown)} is no piece of the vocabulary`);
  const count = Array.isArray(model.vocab) ? model.vocab.length : 0;
  if (type === 'Unigram' && !(isId(unknownId) && unknownId < count))
    problems.push(`model.unk_id must be one of the ${count} pieces, it is ${shown(unknownId)}`);
  if (type === 'BPE') checkMerges(model.merges, ids, problems);
}

function checkMerges(merges: unknown, ids: ReadonlyMap<string, number>, problems: string[]): void {
  if (!Array.isArray(merges)) {
    problems.push(`model.merges must be a list, it is ${shown(merges)}`);
    return;
  }
  merges.forEach((merge: unknown, i) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((side) => typeof side !== 'string')) {
      problems.push(`model.merges[${i}] must be two pieces, it is ${shown(merge)}`);
      return;
    }
    const absent = [...pair, pair.join('')].filter((piece) => !ids.has(piece));
    if (absent.length > 0)
      problems.push(`model.merges[${i}] ${shown(pair)}: ${absent.map(shown).join(', ')} is no piece`);
  });
}
