import { createReference, printable } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { llama } from './families/llama.ts';
import {
  createModel,
  createTokenizer,
  FormatError,
  readConfig,
  readJsonVocabulary,
  readSafetensors,
} from './index.ts';

const device = createReference();
const evil = '\u001b]0;owned\u0007\u202e\nerror: none';
const long = `${evil}${'é'.repeat(100_000)}`;

function file(header: object | string, bytes = 8): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + bytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  return out;
}
const entry = (more: object): object => ({ dtype: 'F32', shape: [2], data_offsets: [0, 8], ...more });
const config = {
  model_type: 'llama',
  hidden_size: 8,
  num_attention_heads: 2,
  intermediate_size: 8,
  num_hidden_layers: 1,
  vocab_size: 300,
  max_position_embeddings: 16,
};
const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).padStart(2, '0').toUpperCase()}>`);
const vocabulary = (pieces: string[]) => {
  const all = ['<unk>', '<s>', '</s>', ...pieces];
  return readJsonVocabulary(JSON.stringify({ pieces: all, scores: all.map(() => 0) }));
};

/** What a file can put into a message: its names, its values, its sizes, its own text. */
const readings: readonly (readonly [what: string, read: () => unknown, says: RegExp])[] = [
  ['a name', () => readSafetensors(file({ [long]: 3 })), /must be an object$/],
  [
    'two names',
    () => readSafetensors(file({ [long]: entry({}), [`${long}x`]: entry({}) })),
    /which ends at 8$/,
  ],
  ['20,001 sizes', () => readSafetensors(file({ x: entry({ shape: Array(20_001).fill(7) }) })), /needs /],
  [
    'offsets',
    () => readSafetensors(file({ x: entry({ data_offsets: Array(20_001).fill(7) }) })),
    /must be two/,
  ],
  ['a dtype', () => readSafetensors(file({ x: entry({ dtype: long }) })), /is not one of/],
  ['a name that stands twice', () => readSafetensors(file(`{${twice(long)},${twice(long)}}`)), /twice/],
  ['a header that is no JSON', () => readSafetensors(file(`${evil}{`)), /not JSON/],
  ['a text that is no JSON', () => readJsonVocabulary(evil), /not JSON/],
  ['a model type', () => readConfig(llama, { ...config, model_type: long }), /model_type must be/],
  ['a number', () => readConfig(llama, { ...config, hidden_size: [long] }), /hidden_size must be/],
  ['ids', () => readConfig(llama, { ...config, eos_token_id: Array(100_000).fill(evil) }), /eos_token_id/],
  [
    'a way to turn',
    () => readConfig(llama, { ...config, rope_scaling: { rope_type: long, factor: 2 } }),
    /rope/,
  ],
  [
    'a tensor’s name',
    () => {
      const { tensors } = readSafetensors(file({ [long]: entry({}) }));
      createModel(device, llama, config, tensors);
    },
    /is missing/,
  ],
  [
    'a piece',
    () => createTokenizer(vocabulary(bytes.map((piece, i) => (i === 9 ? long : piece)))),
    /must be <0x09>/,
  ],
];

it.each(readings)('shows no control character of %s, and stays short', (_, read, says) => {
  let error: unknown;
  try {
    read();
  } catch (thrown) {
    error = thrown;
  }
  expect(FormatError.isInstance(error)).toBe(true);
  const { message, problems } = error as FormatError;
  expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThan(8192);
  expect(message).toMatch(says);
  for (const text of [message, ...problems]) expect(text).toBe(printable(text));
  expect(message).not.toMatch(/^error: none/m);
});

it('encodes with a piece of more bytes than a call takes arguments', () => {
  const huge = 'a'.repeat(300_000);
  const tokenizer = createTokenizer(vocabulary([...bytes, huge]));
  expect(tokenizer.decode([259])).toBe(huge);
});

function twice(name: string): string {
  return `${JSON.stringify(name)}:{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`;
}
