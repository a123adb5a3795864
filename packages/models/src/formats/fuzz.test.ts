import { createReference } from '@headwise/tensor';
import { mutateBytes, mutateJson, type Pick, randomIndex } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { llama } from '../families/llama.ts';
import { readConfig } from '../family.ts';
import { loadModel } from '../load-model.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { checkpoint, json, llamaOf, toLlama2c } from '../testing/checkpoint.ts';
import { createTokenizer } from '../tokenizer.ts';
import { llama2cCheckpoint } from './llama2c.ts';
import { readJsonVocabulary, readLlama2cVocabulary } from './llama2c-tokenizer.ts';
import { type HostTensor, numbersOf, readSafetensors, writeSafetensors } from './safetensors.ts';

/**
 * Valid files with one thing changed: each loads to something valid, or is refused in a message of its own that names
 * the defect in less than 8 KB. The seeds are fixed; HEADWISE_LONG=1 tries a hundred times as many.
 */
const long = process.env.HEADWISE_LONG === '1';
const rounds = long ? 100_000 : 1000;

interface Subject {
  readonly mutate: (pick: Pick) => Uint8Array | string;
  /** Reads it, and uses what it read. */
  readonly use: (file: Uint8Array | string) => void | Promise<void>;
}

const tensors = new Map<string, HostTensor>([
  ['10', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ['9', { dtype: 'F16', shape: [4], data: Float32Array.of(1, 2, 3, 4) }],
  ['b', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['w', { dtype: 'I64', shape: [1], data: BigInt64Array.of(5n) }],
  ['none', { dtype: 'F32', shape: [0, 2], data: new Float32Array(0) }],
]);
const safetensors = writeSafetensors(tensors, { made: 'here' });
const headerLength = Number(new DataView(safetensors.buffer).getBigUint64(0, true));
const header: unknown = JSON.parse(new TextDecoder().decode(safetensors.subarray(8, 8 + headerLength)));

function withHeader(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const file = new Uint8Array(8 + bytes.length + safetensors.length - 8 - headerLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(bytes.length), true);
  file.set(bytes, 8);
  file.set(safetensors.subarray(8 + headerLength), 8 + bytes.length);
  return file;
}

const config = {
  ...json,
  architectures: ['LlamaForCausalLM'],
  rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 10_000 },
  partial_rotary_factor: 1,
};
const llama2c = toLlama2c(checkpoint(), true);
const pieces = Array.from({ length: 270 }, (_, id) => {
  if (id < 3) return ['<unk>', '<s>', '</s>'][id]!;
  if (id < 259) return `<0x${(id - 3).toString(16).padStart(2, '0').toUpperCase()}>`;
  return 'abcdefghijk'.slice(0, id - 258);
});
const scores = pieces.map((_, id) => -id);

function tokenizerBin(): Uint8Array {
  const bytes: number[] = [...new Uint8Array(Int32Array.of(11).buffer)];
  pieces.forEach((piece, id) => {
    const utf8 = new TextEncoder().encode(piece);
    bytes.push(...new Uint8Array(Float32Array.of(scores[id]!).buffer));
    bytes.push(...new Uint8Array(Int32Array.of(utf8.length).buffer), ...utf8);
  });
  return Uint8Array.from(bytes);
}

const tokenizer = tokenizerBin();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOfText = (text: string, pick: Pick): Uint8Array => mutateBytes(utf8(text), pick);

const subjects: Readonly<Record<string, Subject>> = {
  safetensors: {
    mutate: (pick) => (pick(2) === 0 ? mutateBytes(safetensors, pick) : withHeader(mutateJson(header, pick))),
    use(file) {
      const read = readSafetensors(file as Uint8Array);
      for (const { data, shape, dtype } of read.tensors.values()) {
        expect(data.length).toBe(shape.reduce((size, axis) => size * axis, 1));
        if (dtype !== 'I64' && dtype !== 'U64') numbersOf({ data, shape, dtype } as HostTensor);
      }
      expect(readSafetensors(writeSafetensors(read.tensors, read.metadata)).tensors.size).toBe(
        read.tensors.size,
      );
    },
  },
  'config.json': {
    mutate: (pick) =>
      pick(4) === 0 ? bytesOfText(JSON.stringify(config), pick) : utf8(mutateJson(config, pick)),
    use(file) {
      const { config: read, ids } = readConfig(llama, file);
      const { shape, F, Hkv, context, eps } = read;
      const { V, E, layers, H, D } = shape;
      for (const size of [V, E, F, layers, H, Hkv, D, context]) expect(size).toSatisfy(Number.isSafeInteger);
      expect(Math.min(V, E, F, layers, H, Hkv, D, context, eps)).toBeGreaterThan(0);
      for (const id of ids.stop) expect(id).toBeLessThan(V);
    },
  },
  'config.json, as parsed by others, and the weights': {
    mutate: (pick) => mutateJson(config, pick),
    use(file) {
      const device = createReference();
      llamaOf(device, JSON.parse(file as string)).dispose();
      device.dispose();
    },
  },
  'a llama2.c checkpoint': {
    mutate: (pick) => mutateBytes(llama2c, pick),
    async use(file) {
      const read = await llama2cCheckpoint(memorySource(file as Uint8Array));
      const device = createReference();
      (await loadModel(device, read, { families: { llama } })).model.dispose();
      device.dispose();
    },
  },
  'a llama2.c tokenizer': {
    mutate: (pick) => mutateBytes(tokenizer, pick),
    use: (file) => useTokenizer(createTokenizer(readLlama2cVocabulary(file as Uint8Array))),
  },
  'a vocabulary in JSON': {
    mutate: (pick) =>
      pick(2) === 0
        ? bytesOfText(JSON.stringify({ pieces, scores }), pick)
        : mutateJson({ pieces, scores }, pick),
    use: (file) => useTokenizer(createTokenizer(readJsonVocabulary(file))),
  },
};

function useTokenizer({ size, encode, decode }: ReturnType<typeof createTokenizer>): void {
  const ids = encode('abc kjihg é');
  expect(ids.every((id) => id >= 0 && id < size)).toBe(true);
  expect(decode(ids)).toBeTypeOf('string');
}

describe('with one thing changed', long ? { timeout: 3_600_000 } : {}, () => {
  it.each(Object.entries(subjects))(
    '%s loads, or is refused by a message of its own',
    async (name, subject) => {
      const pick = randomIndex(name.length);
      let refused = 0;
      for (let round = 0; round < rounds; round++) {
        const file = subject.mutate(pick);
        try {
          await subject.use(file);
        } catch (error) {
          if (!FormatError.isInstance(error)) throw new Error(`round ${round} of ${name}`, { cause: error });
          refused++;
          const bytes = new TextEncoder().encode(error.message).length;
          expect(bytes).toBeLessThan(8192);
          // no control character, and no sentence of the engine about our own code
          expect(error.message).toMatch(/^[^\p{Cc}\p{Cf}]+: [^\p{Cf}]+$/u);
          expect(error.message).not.toMatch(
            /undefined \(reading|is not a function|not iterable|call stack|Invalid array/,
          );
        }
      }
      expect(refused).toBeGreaterThan(rounds / 20);
      expect(refused).toBeLessThan(rounds);
    },
  );
});

it.each([
  [
    () => readSafetensors(undefined as never),
    'safetensors: its content must be a Uint8Array, it is undefined',
  ],
  [
    () => readSafetensors(new ArrayBuffer(8) as never),
    'safetensors: its content must be a Uint8Array, it is object',
  ],
  [() => memorySource('text' as never), 'file: its content must be a Uint8Array, it is string'],
  [
    () => readLlama2cVocabulary(null as never),
    'llama2.c tokenizer: its content must be a Uint8Array, it is null',
  ],
  [() => readJsonVocabulary(7 as never), 'vocabulary: its content must be a Uint8Array, it is number'],
])('refuses what is no file (%#)', (read, message) => {
  expect(read).toThrow(FormatError);
  expect(read).toThrow(message);
});
