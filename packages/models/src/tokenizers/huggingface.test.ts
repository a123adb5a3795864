import { readdirSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { jsonOf, sharedFolder } from '../testing/shared.ts';
import { createHuggingFaceTokenizer } from './huggingface.ts';

interface Golden {
  readonly texts: readonly {
    readonly text: string;
    readonly ids: number[];
    readonly ids_without_special: number[];
    readonly decoded: string;
  }[];
  readonly pairs: readonly {
    readonly text: string;
    readonly pair: string;
    readonly ids: number[];
    readonly type_ids: number[];
  }[];
}

const tiny = sharedFolder('conformance/models/tiny');
const folders = tiny ? readdirSync(tiny).filter((name) => name.startsWith('tokenizer_')) : [];

describe.skipIf(!tiny).each(folders)('%s, as the reference library of Hugging Face', (name) => {
  const folder = new URL(`${name}/`, tiny);
  const tokenizer = createHuggingFaceTokenizer({ Tokenizer, json: jsonOf(folder, 'tokenizer.json') });
  const golden = jsonOf<Golden>(folder, 'golden.json');

  it('encodes and decodes', () => {
    expect(golden.texts.length).toBeGreaterThan(5);
    for (const { text, ids, ids_without_special, decoded } of golden.texts) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { special: false }), text).toEqual(ids_without_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
      const stream = tokenizer.stream();
      expect(ids.map((id) => stream.push(id)).join('') + stream.end(), text).toBe(decoded);
    }
  });

  it('puts two texts together', () => {
    for (const { text, pair, ids, type_ids } of golden.pairs)
      expect(tokenizer.encodePair!(text, pair), pair).toEqual({ ids, types: type_ids });
  });
});
