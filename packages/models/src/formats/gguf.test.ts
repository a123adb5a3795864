import { createReference } from '@headwise/tensor';
import { assertClose, mutateBytes, randomIndex } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { ByteSource, Checkpoint } from '../checkpoint.ts';
import type { Decoder } from '../decoder.ts';
import { FormatError } from '../errors.ts';
import { llama } from '../families/llama.ts';
import { loadModel } from '../load-model.ts';
import { openCheckpoint } from '../open-checkpoint.ts';
import { memorySource } from '../sources/byte-sources.ts';
import { filesOf } from '../sources/file-sets.ts';
import { llamaOf } from '../testing/checkpoint.ts';
import { llamaGguf, type Parts, type Tensor, type Value, writeGguf } from '../testing/gguf.ts';
import { readGguf } from './gguf.ts';
import { ggufCheckpoint } from './gguf-checkpoint.ts';

const ids = [3, 1, 4, 1, 5, 9, 2, 6];
const whole = llamaGguf();

function open(file: Uint8Array | Parts, name = 'tiny.gguf'): Promise<Checkpoint> {
  const bytes = file instanceof Uint8Array ? file : writeGguf(file);
  return openCheckpoint(filesOf([memorySource(bytes, name)]));
}

/** What loading says, which must leave nothing behind. */
async function refusal(file: Uint8Array | Parts): Promise<string> {
  const device = createReference();
  try {
    await loadModel(device, await open(file), { families: { llama } });
  } catch (error) {
    if (!FormatError.isInstance(error)) throw error;
    expect(device.memory.buffers).toBe(0);
    return error.message;
  }
  return 'nothing';
}

/** The model with other metadata: a value, or none. */
function withKey(key: string, value: Value | undefined): Parts {
  const metadata = whole.metadata.filter(([name]) => name !== key);
  return { ...whole, metadata: value ? [...metadata, [key, value]] : metadata };
}

/** The model with one tensor changed. */
function withTensor(name: string, change: Partial<Tensor>): Parts {
  const tensors = whole.tensors.map((tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor));
  return { ...whole, tensors };
}

function cut(bytes: number): Uint8Array {
  return writeGguf(whole).slice(0, bytes);
}

it('gives the logits of the same model from Hugging Face’s files', async () => {
  const device = createReference();
  const want = await llamaOf(device).start().step(ids).data();
  for (const version of [2, 3]) {
    const { model, ids: special } = await loadModel(device, await open({ ...whole, version }), {
      families: { llama },
    });
    assertClose(await (model as Decoder).start().step(ids).data(), want);
    expect(special).toMatchObject({ stop: [2], begin: 1 });
  }
});

it('may be aligned otherwise, and hold its tensors in any order', async () => {
  const key = ['general.alignment', ['u32', 64]] as const;
  expect(await refusal({ ...whole, metadata: [...whole.metadata, key], alignment: 64 })).toBe('nothing');
  expect(await refusal({ ...whole, tensors: [...whole.tensors].reverse() })).toBe('nothing');
});

it('gives metadata of every type', async () => {
  const metadata: Parts['metadata'] = [
    ['a', ['u8', 255]],
    ['b', ['i32', -7]],
    ['c', ['bool', 1]],
    ['d', ['u64', 2n ** 40n]],
    ['e', ['u64', 2n ** 60n]],
    ['f', ['list', 'f32', [1, -2.5]]],
    ['g', ['list', 'text', ['é', '', '😀a', '€', 'plain']]],
    ['h', ['list', 'bool', [1, 0]]],
  ];
  const { metadata: read } = await readGguf(memorySource(writeGguf({ metadata, tensors: [] })));
  expect(Object.fromEntries(read)).toEqual({
    a: 255,
    b: -7,
    c: true,
    d: 2 ** 40,
    e: 2n ** 60n,
    f: Float32Array.of(1, -2.5),
    g: ['é', '', '😀a', '€', 'plain'],
    h: [true, false],
  });
});

it('reads each byte of a file once, the header and the tensors', async () => {
  const big = llamaGguf();
  const filler = { name: 'filler', sizes: [2 ** 19], type: 0, bytes: new Uint8Array(2 ** 21) };
  const bytes = writeGguf({ ...big, tensors: [...big.tensors.slice(0, 3), filler, ...big.tensors.slice(3)] });
  const reads: [number, number][] = [];
  const inner = memorySource(bytes, 'tiny.gguf');
  const noted: ByteSource = {
    ...inner,
    read(start, end, signal) {
      reads.push([start, end]);
      return inner.read(start, end, signal);
    },
  };
  const opened = await ggufCheckpoint([noted]);
  for (const name of opened.tensors.keys()) await opened.read(name);
  const sorted = reads.sort(([a], [b]) => a - b);
  for (const [n, [start]] of sorted.entries())
    if (n > 0) expect(start).toBeGreaterThanOrEqual(sorted[n - 1]![1]);
  const alone = await open(big);
  for (const name of alone.tensors.keys()) expect(await opened.read(name)).toEqual(await alone.read(name));
});

it('reads a header that is longer than what it looks at first, each byte once', async () => {
  const long = Array.from({ length: 300_000 }, (_, n) => `token ${n}`);
  const bytes = writeGguf({ metadata: [['tokens', ['list', 'text', long]]], tensors: [] });
  const reads: [number, number][] = [];
  const inner = memorySource(bytes);
  const source: ByteSource = {
    ...inner,
    read(start, end, signal) {
      reads.push([start, end]);
      return inner.read(start, end, signal);
    },
  };
  const { metadata } = await readGguf(source);
  expect(metadata.get('tokens')).toHaveLength(300_000);
  expect(reads.length).toBeGreaterThan(1);
  reads.forEach(([start], n) => {
    expect(start).toBe(n === 0 ? 0 : reads[n - 1]![1]);
  });
});

const last = whole.tensors.at(-1)!;
const broken: readonly [what: string, file: Uint8Array | Parts, says: RegExp][] = [
  ['another magic number', { ...whole, magic: 'GGML' }, /does not begin with GGUF, but with 0x4c4d4747$/],
  ['version 1', { ...whole, version: 1 }, /version 1 cannot be read, only 2 and 3$/],
  ['version 4', { ...whole, version: 4 }, /version 4 cannot be read/],
  ['the bytes of another order', { ...whole, version: 0x03000000 }, /it is big-endian/],
  ['nothing in it', new Uint8Array(0), /truncated: 0 bytes$/],
  ['a header that is cut', cut(100), /truncated in |cannot be: \d+ bytes are left/],
  [
    'tensors that are cut',
    cut(writeGguf(whole).length - 4096),
    /ends at byte \d+, the file has \d+: it is truncated/,
  ],
  [
    'the last tensor cut',
    cut(writeGguf(whole).length - 32),
    /tensor ".+" ends at byte \d+, the file has \d+: it is truncated$/,
  ],
  [
    'bytes behind the last tensor',
    Uint8Array.of(...writeGguf(whole), ...Array(64).fill(1)),
    /64 bytes after the last/,
  ],
  [
    'a key twice',
    { ...whole, metadata: [...whole.metadata, whole.metadata[1]!] },
    /"llama.block_count" stands twice$/,
  ],
  ['a tensor twice', { ...whole, tensors: [...whole.tensors, last] }, /tensor ".+" stands twice$/],
  [
    '2^60 tensors',
    { ...whole, tensorCount: 2n ** 60n },
    /tensor_count 1152921504606846976 cannot be: \d+ bytes are left/,
  ],
  ['2^40 keys', { ...whole, keyCount: 2n ** 40n }, /metadata_kv_count 1099511627776 cannot be/],
  ['a tensor more than there are', { ...whole, tensorCount: whole.tensors.length + 1 }, /GGUF: /],
  ['a key more than there are', { ...whole, keyCount: whole.metadata.length + 1 }, /GGUF: /],
  ['no architecture', withKey('general.architecture', undefined), /it has no general.architecture$/],
  [
    'an architecture that is a number',
    withKey('general.architecture', ['u32', 7]),
    /it has no general.architecture$/,
  ],
  [
    'an unknown architecture',
    withKey('general.architecture', ['text', 'mamba']),
    /"mamba" is not known; those that are: bert, cohere2, /,
  ],
  [
    'no layers',
    withKey('llama.block_count', undefined),
    /GGUF: llama\.block_count must be said, and is not$/,
  ],
  [
    '2^32 − 1 layers',
    withKey('llama.block_count', ['u32', 2 ** 32 - 1]),
    /num_hidden_layers 4294967295 cannot be: the file has 20/,
  ],
  ['a layer that is not there', withKey('llama.block_count', ['u32', 3]), /"model.layers.2.+" is missing/],
  [
    'a width that is a text',
    withKey('llama.embedding_length', ['text', '16']),
    /hidden_size must be a whole number ≥ 1, it is "16"/,
  ],
  ['another width', withKey('llama.embedding_length', ['u32', 32]), /must be \[/],
  [
    'a field that the family does not know',
    withKey('llama.attention.clamp_kqv', ['f32', 8]),
    /llama.attention.clamp_kqv/,
  ],
  [
    'an end outside the vocabulary',
    withKey('tokenizer.ggml.eos_token_id', ['u32', 99]),
    /eos_token_id 99 must be below vocab_size 20/,
  ],
  [
    'an alignment of zero',
    withKey('general.alignment', ['u32', 0]),
    /general.alignment must be a power of two, it is 0$/,
  ],
  ['an alignment of 48', withKey('general.alignment', ['u32', 48]), /must be a power of two, it is 48$/],
  [
    'an alignment that is a text',
    withKey('general.alignment', ['text', '32']),
    /must be a power of two, it is 32$/,
  ],
  [
    'a type that does not exist',
    withTensor('output_norm.weight', { type: 77 }),
    /is of type 77, which does not exist$/,
  ],
  [
    'a type that was removed',
    withTensor('output_norm.weight', { type: 4 }),
    /is of type 4, which does not exist$/,
  ],
  [
    'a type that cannot be read',
    withTensor('output_norm.weight', { type: 16 }),
    /is of type IQ2_XXS, which cannot be read; those that can/,
  ],
  [
    'rows of half a block',
    withTensor('token_embd.weight', { type: 8 }),
    /has rows of 16 numbers, Q8_0 needs whole blocks of 32$/,
  ],
  [
    'more axes than there can be',
    withTensor('output_norm.weight', { sizes: [1, 1, 1, 1, 16] }),
    /has 5 axes, at most 4 are allowed$/,
  ],
  [
    'a shape beyond the file',
    withTensor('token_embd.weight', { sizes: [2 ** 31, 2 ** 31] }),
    /takes 18446744073709551616 bytes, the whole file has \d+$/,
  ],
  [
    'a shape whose product wraps around',
    withTensor('token_embd.weight', { sizes: [2n ** 63n, 2n] }),
    /takes \d+ bytes, the whole file has/,
  ],
  [
    'an offset that is not aligned',
    withTensor('output_norm.weight', { offset: 33 }),
    /begins at offset 33, which is no multiple of 32$/,
  ],
  [
    'an offset beyond the file',
    withTensor('output_norm.weight', { offset: 2n ** 62n }),
    /begins at offset 4611686018427388000, behind ".+" it must be \d+: bytes between/,
  ],
  ['two tensors in one place', withTensor(last.name, { offset: 0 }), /: two share bytes$/],
  ['bytes between two tensors', { ...whole, tensors: withGap() }, /bytes between belong to none$/],
  [
    'a shape that is another',
    withTensor('token_embd.weight', { sizes: [20, 16] }),
    /"model.embed_tokens.weight" must be \[20, 16\], it is \[16, 20\]/,
  ],
  [
    'integers for weights',
    withTensor('output_norm.weight', { type: 26 }),
    /must hold floating-point numbers, it is I32/,
  ],
  [
    'a weight that is no number',
    withTensor('output_norm.weight', {
      bytes: new Uint8Array(Float32Array.from({ length: 16 }, () => Number.NaN).buffer),
    }),
    /"model.norm.weight" must hold finite numbers, number 0 is NaN$/,
  ],
  [
    'a tensor that nobody knows',
    { ...whole, tensors: [...whole.tensors, { ...last, name: 'blk.0.extra.weight' }] },
    /"blk.0.extra.weight" is unknown/,
  ],
  [
    'two names of one tensor',
    { ...whole, tensors: [...whole.tensors, { ...last, name: hfName() }] },
    /two tensors have one meaning/,
  ],
  [
    'a tensor that is missing',
    { ...whole, tensors: whole.tensors.filter(({ name }) => name !== 'blk.1.ffn_up.weight') },
    /"model.layers.1.mlp.up_proj.weight" is missing/,
  ],
];

/** Hugging Face's name of a tensor that is there under llama.cpp's. */
function hfName(): string {
  return 'model.norm.weight';
}

/** The last tensor one place further than it should be. */
function withGap(): Tensor[] {
  let offset = 0;
  return whole.tensors.map((tensor, n) => {
    const own = n === whole.tensors.length - 1 ? offset + 32 : offset;
    offset += Math.ceil(tensor.bytes.length / 32) * 32;
    const bytes =
      n === whole.tensors.length - 1 ? Uint8Array.of(...tensor.bytes, ...Array(32).fill(0)) : tensor.bytes;
    return { ...tensor, bytes, offset: own };
  });
}

it.each(broken)('refuses a file with %s', async (_, file, says) => {
  const message = await refusal(file);
  expect(message).toMatch(says);
  expect(message).toContain('tiny.gguf: ');
});

describe('metadata that lie', () => {
  const raw = (key: string, type: number, ...bytes: number[]): Uint8Array => {
    const file = writeGguf({ metadata: [], tensors: [], keyCount: 1 }).slice(0, 24);
    const name = new TextEncoder().encode(key);
    return Uint8Array.of(
      ...file,
      name.length,
      ...Array(7).fill(0),
      ...name,
      type,
      0,
      0,
      0,
      ...bytes,
      ...Array(64).fill(0),
    );
  };
  const huge = [0, 0, 0, 0, 0, 0, 0, 16];
  it.each([
    [
      'a text of 2^60 bytes',
      raw('a', 8, ...huge),
      /the length of metadata "a", 1152921504606846976 cannot be/,
    ],
    [
      'a list of 2^60 numbers',
      raw('a', 9, 4, 0, 0, 0, ...huge),
      /the length of metadata "a", 1152921504606846976 cannot be/,
    ],
    ['a type that does not exist', raw('a', 13), /metadata "a" is of type 13, which does not exist$/],
    [
      'entries of a type that does not exist',
      raw('a', 9, 99, 0, 0, 0, 1),
      /the entries of metadata "a" is of type 99/,
    ],
    ['a flag of 2', raw('a', 7, 2), /metadata "a" must be 0 or 1, it is 2$/],
    [
      'a text that is not UTF-8',
      raw('a', 8, 2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe),
      /metadata "a" is not UTF-8$/,
    ],
    [
      'texts of which one goes on in the next',
      raw(
        'a',
        9,
        8,
        0,
        0,
        0,
        2,
        ...Array(7).fill(0),
        1,
        ...Array(7).fill(0),
        0xc3,
        1,
        ...Array(7).fill(0),
        0xa9,
      ),
      /metadata "a"\[1\] is not UTF-8$/,
    ],
    [
      'texts of which one is cut',
      raw('a', 9, 8, 0, 0, 0, 1, ...Array(7).fill(0), 1, ...Array(7).fill(0), 0xc3),
      /a text of metadata "a" is not UTF-8$/,
    ],
    [
      'a text of a list beyond the file',
      raw('a', 9, 8, 0, 0, 0, 1, ...Array(7).fill(0), 0, 0, 0, 0, 1, 0, 0, 0),
      /the length of metadata "a"\[0\], 4294967296 cannot be/,
    ],
    [
      'lists in lists without end',
      raw('a', 9, ...Array.from({ length: 6 }, () => [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).flat()),
      /nested more than 4 deep$/,
    ],
  ])('%s', async (_, file, says) => {
    await expect(readGguf(memorySource(file))).rejects.toThrow(says);
    await expect(readGguf(memorySource(file))).rejects.toThrow(FormatError);
  });
});

it('with any byte changed it loads, or says what is wrong', { timeout: 600_000 }, async () => {
  const bytes = writeGguf(whole);
  const pick = randomIndex(15);
  let refused = 0;
  const rounds = process.env.HEADWISE_LONG === '1' ? 20_000 : 600;
  for (let round = 0; round < rounds; round++) {
    const message = await refusal(mutateBytes(bytes, pick));
    if (message === 'nothing') continue;
    refused++;
    expect(message).toMatch(/^tiny\.gguf: /);
    expect(new TextEncoder().encode(message).length).toBeLessThan(8192);
  }
  expect(refused).toBeGreaterThan(rounds / 20);
  expect(refused).toBeLessThan(rounds);
});
