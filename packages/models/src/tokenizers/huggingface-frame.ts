import { FormatError } from '../errors.ts';
import { shown } from '../formats/json.ts';
import type { TextPair } from './contract.ts';
import { FORMAT, objectOf } from './huggingface-steps.ts';

/** Puts the ids of a text, or of two, into what the model was trained to see around them. */
export type Frame = (first: readonly number[], second?: readonly number[]) => TextPair;

type Part =
  | { readonly which: 'A' | 'B'; readonly type: number }
  | { readonly ids: readonly number[]; readonly type: number };

/**
 * Reads the `post_processor`: a template, or what BERT and RoBERTa put around. Ids and their names must agree.
 *
 * This is ours rather than the library's (0.2.0), which drops the second text where there is only `ByteLevel` or
 * nothing, reads an empty second text as none, and hands out no kinds then.
 *
 * @throws {FormatError} if it is unknown, or names pieces that the vocabulary has not.
 */
export function readFrame(processor: unknown, ids: ReadonlyMap<string, number>): Frame {
  if (processor === undefined || processor === null) return framed([A], [A, B]);
  const json = objectOf(processor);
  switch (json?.type) {
    case 'ByteLevel':
      return framed([A], [A, B]);
    case 'TemplateProcessing': {
      const special = specialIds(json.special_tokens, ids);
      const pair = Array.isArray(json.pair) && json.pair.length > 0 ? json.pair : undefined;
      return framed(template(json.single, special), pair ? template(pair, special) : [A, B]);
    }
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const [cls, sep] = [json.cls, json.sep].map((named) => ({ ids: [namedId(named, ids)], type: 0 }));
      if (json.type === 'BertProcessing')
        return framed([cls!, A, sep!], [cls!, A, sep!, B, { ...sep!, type: 1 }]);
      return framed([cls!, A, sep!], [cls!, A, sep!, sep!, { ...B, type: 0 }, sep!]);
    }
    case 'Sequence': {
      // the one that adds something; ByteLevel only moves offsets
      const list = json.processors;
      if (!Array.isArray(list))
        throw new FormatError(FORMAT, `post_processor.processors must be a list, it is ${shown(list)}`);
      const adding = list.filter((each) => objectOf(each)?.type !== 'ByteLevel');
      if (adding.length > 1)
        throw new FormatError(
          FORMAT,
          `a post_processor of ${adding.length} that add pieces is not supported`,
        );
      return readFrame(adding[0], ids);
    }
    default:
      throw new FormatError(
        FORMAT,
        `the post_processor ${shown(json ? json.type : processor)} is not supported`,
      );
  }
}

const A: Part & { readonly type: number } = { which: 'A', type: 0 };
const B: Part & { readonly type: number } = { which: 'B', type: 1 };

function framed(single: readonly Part[], pair: readonly Part[]): Frame {
  return (first, second) => {
    const parts = (second ? pair : single).map((part) => ({
      ids: 'which' in part ? (part.which === 'A' ? first : (second ?? [])) : part.ids,
      type: part.type,
    }));
    return {
      ids: parts.flatMap((part) => part.ids),
      types: parts.flatMap((part) => part.ids.map(() => part.type)),
    };
  };
}

function template(list: unknown, special: ReadonlyMap<string, readonly number[]>): Part[] {
  if (!Array.isArray(list)) throw new FormatError(FORMAT, `a template must be a list, it is ${shown(list)}`);
  return list.map((entry: unknown) => {
    const json = objectOf(entry);
    const [text, piece] = [objectOf(json?.Sequence), objectOf(json?.SpecialToken)];
    const type = text?.type_id ?? piece?.type_id ?? 0;
    if (typeof type !== 'number')
      throw new FormatError(FORMAT, `type_id must be a number, it is ${shown(type)}`);
    if (text && (text.id === 'A' || text.id === 'B')) return { which: text.id, type };
    const found = special.get(String(piece?.id));
    if (!found)
      throw new FormatError(
        FORMAT,
        `a template has ${JSON.stringify(entry)}, which is no text and no special token of it`,
      );
    return { ids: found, type };
  });
}

function specialIds(tokens: unknown, ids: ReadonlyMap<string, number>): Map<string, readonly number[]> {
  return new Map(
    Object.entries(objectOf(tokens) ?? {}).map(([name, entry]) => {
      const { ids: given, tokens: pieces } = objectOf(entry) ?? {};
      if (!Array.isArray(given) || !Array.isArray(pieces) || given.length !== pieces.length)
        throw new FormatError(FORMAT, `the special token ${shown(name)} must have as many ids as tokens`);
      for (const [i, id] of given.entries()) agree(pieces[i], id, ids);
      return [name, given as number[]];
    }),
  );
}

function namedId(named: unknown, ids: ReadonlyMap<string, number>): number {
  const [piece, id] = Array.isArray(named) ? named : [];
  agree(piece, id, ids);
  return id as number;
}

function agree(piece: unknown, id: unknown, ids: ReadonlyMap<string, number>): void {
  const known = ids.get(String(piece));
  if (known === undefined || known !== id)
    throw new FormatError(
      FORMAT,
      `the post_processor says that ${shown(piece)} is ${shown(id)}, in the vocabulary it is ${shown(known)}`,
    );
}
