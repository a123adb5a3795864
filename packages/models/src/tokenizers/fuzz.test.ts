import { readdirSync } from 'node:fs';
import { ValueError } from '@headwise/tensor';
import { Tokenizer } from '@huggingface/tokenizers';
import { expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { jsonOf, sharedFolder } from '../testing/shared.ts';
import { createGgufTokenizer } from './gguf.ts';
import { createHuggingFaceTokenizer } from './huggingface.ts';

// what stands in a file of a stranger: any value in any place
const odd: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  1e30,
  '',
  'x',
  '<s>',
  true,
  [],
  {},
  [['a', 'b']],
  { type: 'Sequence' },
];

/** Numbers from 0 to 1, the same every time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A copy with one value changed or taken out, at a place that is drawn. */
function damaged(value: unknown, next: () => number): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  let at: Record<string, unknown> = copy;
  for (;;) {
    const keys = Object.keys(at);
    const key = keys[Math.floor(next() * keys.length)]!;
    const inner = at[key];
    const goesOn =
      typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 && next() < 0.8;
    if (goesOn) {
      at = inner as Record<string, unknown>;
      continue;
    }
    if (next() < 0.25) {
      // a list has no holes
      if (Array.isArray(at)) at.splice(Number(key), 1);
      else delete at[key];
    } else at[key] = odd[Math.floor(next() * odd.length)];
    return copy;
  }
}

function tryOut(make: () => { encode(text: string): number[]; decode(ids: number[]): string }): void {
  try {
    const tokenizer = make();
    const ids = tokenizer.encode('The old  lamp, é 12 <s>');
    expect(ids.every((id) => Number.isSafeInteger(id) && id >= 0 && id < 1000)).toBe(true);
    expect(typeof tokenizer.decode(ids)).toBe('string');
  } catch (error) {
    if (!FormatError.isInstance(error) && !ValueError.isInstance(error)) throw error;
    // an error of ours names what is wrong; one of the engine's would not
    expect(error.message).not.toMatch(/of undefined|is not a function|not iterable|Cannot read/);
  }
}

const tiny = sharedFolder('conformance/models/tiny');
const names = tiny ? readdirSync(tiny).filter((name) => name.startsWith('tokenizer_')) : [];
it.skipIf(!tiny).each(names)('a damaged %s works or is refused by name', (name) => {
  const json = jsonOf(new URL(`${name}/`, tiny), 'tokenizer.json');
  const next = numbers(name.length);
  for (let i = 0; i < 150; i++) {
    const changed = damaged(json, next);
    tryOut(() => createHuggingFaceTokenizer({ Tokenizer, json: changed, rows: 1000 }));
  }
});

it('damaged GGUF metadata work or are refused by name', () => {
  const letters = [...'abcdefghijklmnopqrstuvwxyzTĠÃ©,.12<>'];
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const common = { bos_token_id: 1, eos_token_id: 2, add_bos_token: true, unknown_token_id: 0 };
  const files = [
    {
      ...common,
      model: 'gpt2',
      pre: 'llama-bpe',
      tokens: ['<unk>', '<s>', '</s>', ...letters, 'he', 'Ġl'],
      merges: ['h e', 'Ġ l'],
    },
    {
      ...common,
      model: 'llama',
      tokens: ['<unk>', '<s>', '</s>', ...bytes, ...letters],
      scores: Array.from({ length: 259 + letters.length }, (_, i) => -i),
      token_type: Array.from({ length: 259 + letters.length }, (_, i) => (i < 3 ? 3 : i < 259 ? 6 : 1)),
    },
  ];
  const next = numbers(7);
  for (const file of files)
    for (let i = 0; i < 200; i++) {
      const changed = Object.entries(damaged(file, next) as object);
      const metadata = new Map(changed.map(([key, value]) => [`tokenizer.ggml.${key}`, value as unknown]));
      tryOut(() => createGgufTokenizer(metadata, 1000));
    }
});
