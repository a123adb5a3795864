import { llamaGguf, type Parts, type Tensor, type Value, writeGguf } from '../gguf.ts';
import { bytes, type Case, casesOf, joined } from './case.ts';

type Entry = readonly [string, Value];

const parts = llamaGguf();
const file = writeGguf(parts);
const some = 'blk.0.attn_q.weight';
const tensor = (name: string, change: Partial<Tensor>): Uint8Array =>
  writeGguf({
    ...parts,
    tensors: parts.tensors.map((each) => (each.name === name ? { ...each, ...change } : each)),
  });
/** Metadata with one value exchanged, added, or taken out. */
const meta = (key: string, value: Value | undefined): Uint8Array => {
  const without = parts.metadata.filter(([each]) => each !== key);
  return writeGguf({ ...parts, metadata: value === undefined ? without : [...without, [key, value]] });
};
const also = (...entries: readonly Entry[]): Uint8Array =>
  writeGguf({ ...parts, metadata: [...parts.metadata, ...entries] });
const without = (...names: readonly string[]): Uint8Array =>
  writeGguf({ ...parts, tensors: parts.tensors.filter(({ name }) => !names.includes(name)) });
const withTensors = (...more: readonly Tensor[]): Uint8Array =>
  writeGguf({ ...parts, tensors: [...parts.tensors, ...more] });
const parted = (change: Partial<Parts>): Uint8Array => writeGguf({ ...parts, ...change });
const at = (offset: number, ...values: readonly number[]): Uint8Array => {
  const copy = file.slice();
  copy.set(values, offset);
  return copy;
};
/** A header by hand: metadata of one key. */
const byHand = (
  key: string,
  type: number,
  ...value: readonly (readonly [bytes: 1 | 4 | 8, value: bigint])[]
) => {
  const out: number[] = [...bytes('GGUF'), 3, 0, 0, 0];
  const put = (width: number, number: bigint): void => {
    for (let n = 0; n < width; n++) out.push(Number((number >> BigInt(8 * n)) & 255n));
  };
  put(8, 0n);
  put(8, 1n);
  put(8, BigInt(key.length));
  out.push(...bytes(key));
  put(4, BigInt(type));
  for (const [width, number] of value) put(width, number);
  return Uint8Array.from([...out, ...new Uint8Array(256)]);
};
const f32 = (size: number): Uint8Array => new Uint8Array(size * 4);
const row = (name: string, text: RegExp): RegExp =>
  new RegExp(`${name.replaceAll('.', '\\.')}.*${text.source}`);
const A = 'llama.';

const files = {
  'whole and right': [file],
  'of version 2': [parted({ version: 2 })],
  'with an alignment of 64': [
    writeGguf({ ...parts, alignment: 64, metadata: [...parts.metadata, ['general.alignment', ['u32', 64]]] }),
  ],
  'with keys that nobody knows': [
    also(['general.author', ['text', 'x']], ['my.own', ['list', 'u32', [1, 2]]]),
  ],
  'no bytes at all': [new Uint8Array(0), /truncated: 0 bytes/],
  'four bytes': [file.slice(0, 4), /truncated: 4 bytes/],
  'another magic number': [parted({ magic: 'GGML' }), /does not begin with GGUF/],
  'its magic in lower case': [parted({ magic: 'gguf' }), /does not begin with GGUF/],
  zeros: [new Uint8Array(1024), /does not begin with GGUF/],
  'a pointer of Git LFS': [
    bytes('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n'),
    /Git LFS/,
  ],
  ...Object.fromEntries(
    [0, 1, 4, 99, 0xffffffff].map((version) => [
      `version ${version}`,
      [parted({ version }), new RegExp(`version ${version} cannot be read`)] as const,
    ]),
  ),
  'big-endian': [at(4, 0, 0, 0, 3), /big-endian/],
  ...Object.fromEntries(
    [8, 16, 23, 24, 30, 100, 400, 700, 1000, file.length >> 1, file.length - 33, file.length - 1].map(
      (length) => [
        `cut after ${length < 1001 ? length : length - file.length} bytes`,
        [file.slice(0, length), /truncated|cannot be/] as const,
      ],
    ),
  ),
  'with a byte too many': [joined(file, new Uint8Array(1)), /1 bytes after the last tensor/],
  'with a page too many': [joined(file, new Uint8Array(4096)), /4096 bytes after the last tensor/],
  'with a tensor too few': [
    parted({ tensorCount: parts.tensors.length - 1 }),
    /belong to no|begins at offset|after the last|missing/,
  ],
  'with a tensor too many': [
    parted({ tensorCount: parts.tensors.length + 1 }),
    /name of tensor|tensor ""|cannot be/,
  ],
  'with 2^62 tensors': [parted({ tensorCount: 2n ** 62n }), /tensor_count 4611686018427387904 cannot be/],
  'with 2^64 − 1 tensors': [
    parted({ tensorCount: 2n ** 64n - 1n }),
    /tensor_count 18446744073709551615 cannot be/,
  ],
  'with a key too few': [parted({ keyCount: parts.metadata.length - 1 }), /tensor/],
  'with a key too many': [parted({ keyCount: parts.metadata.length + 1 }), /metadata|tensor 0/],
  'with 2^40 keys': [parted({ keyCount: 2n ** 40n }), /metadata_kv_count 1099511627776 cannot be/],
} as const;

const metadata = {
  'a key twice': [also(['llama.block_count', ['u32', 2]]), /"llama\.block_count" stands twice/],
  'a name of 2^63 bytes': [
    at(24, 0, 0, 0, 0, 0, 0, 0, 0x80),
    /length of the name of metadata 0, 9223372036854775808 cannot be/,
  ],
  'a name that is not UTF-8': [at(32, 0xff), /name of metadata 0 is not UTF-8/],
  'a value of type 13': [byHand('a', 13), /metadata "a" is of type 13, which does not exist/],
  'a value of type 2^32 − 1': [byHand('a', 0xffffffff), /is of type 4294967295/],
  'a truth of 2': [byHand('a', 7, [1, 2n]), /metadata "a" must be 0 or 1, it is 2/],
  'a list of type 13': [byHand('a', 9, [4, 13n], [8, 1n]), /metadata "a" is of type 13/],
  'a list of 2^61 numbers': [
    byHand('a', 9, [4, 4n], [8, 2n ** 61n]),
    /length of metadata "a", 2305843009213693952 cannot be/,
  ],
  'a list of 2^61 texts': [
    byHand('a', 9, [4, 8n], [8, 2n ** 61n]),
    /length of metadata "a", 2305843009213693952 cannot be/,
  ],
  'a list of lists of lists without end': [
    byHand(
      'a',
      9,
      ...Array.from(
        { length: 12 },
        () =>
          [
            [4, 9n],
            [8, 1n],
          ] as const,
      ).flat(),
    ),
    /metadata "a".* is nested more than/,
  ],
  'a text of 2^60 bytes': [
    byHand('a', 8, [8, 2n ** 60n]),
    /length of metadata "a", 1152921504606846976 cannot be/,
  ],
  ...Object.fromEntries(
    [0, 3, 24, 2 ** 31].map((alignment) => [
      `an alignment of ${alignment}`,
      [meta('general.alignment', ['u32', alignment]), /general\.alignment/] as const,
    ]),
  ),
  'an alignment that is a text': [meta('general.alignment', ['text', '32']), /general\.alignment/],
  'an alignment of others': [
    meta('general.alignment', ['u32', 4096]),
    /is no multiple of 4096|begins at offset|truncated/,
  ],
  'no architecture': [meta('general.architecture', undefined), /general\.architecture/],
  'an architecture of nobody': [
    meta('general.architecture', ['text', 'nobody']),
    /general\.architecture "nobody" is not known; those that are/,
  ],
  'an architecture that every object has': [
    meta('general.architecture', ['text', 'constructor']),
    /general\.architecture "constructor" is not known/,
  ],
  'an architecture that is a number': [meta('general.architecture', ['u32', 1]), /general\.architecture/],
  'an architecture of another': [
    meta('general.architecture', ['text', 'qwen2']),
    /hidden_size|embedding_length/,
  ],
  ...Object.fromEntries(
    [
      'block_count',
      'context_length',
      'embedding_length',
      'feed_forward_length',
      'attention.head_count',
      'attention.layer_norm_rms_epsilon',
    ].map((key) => [
      `no ${key}`,
      [
        meta(`${A}${key}`, undefined),
        new RegExp(`llama\\.${key.replaceAll('.', '\\.')} must be said`),
      ] as const,
    ]),
  ),
  ...Object.fromEntries(
    (
      [
        ['block_count', 0, /num_hidden_layers/],
        ['block_count', 3, /is missing|num_hidden_layers/],
        ['block_count', 1, /is unknown/],
        ['block_count', 4_000_000_000, /num_hidden_layers/],
        ['context_length', 0, /max_position_embeddings/],
        ['embedding_length', 0, /hidden_size/],
        ['embedding_length', 15, /hidden_size 15 must be a multiple/],
        ['embedding_length', 32, /must be \[20, 32\]|must be/],
        ['feed_forward_length', 0, /intermediate_size/],
        ['feed_forward_length', 25, /must be \[25, 16\]|must be/],
        ['attention.head_count', 0, /num_attention_heads/],
        ['attention.head_count', 3, /num_attention_heads/],
        ['attention.head_count', 8, /must be/],
        ['attention.head_count_kv', 0, /num_key_value_heads/],
        ['attention.head_count_kv', 3, /num_key_value_heads/],
        ['attention.head_count_kv', 4, /must be \[16, 16\]/],
        ['vocab_size', 0, /vocab_size/],
        ['vocab_size', 21, /must be \[21, 16\]/],
        ['rope.dimension_count', 3, /partial_rotary_factor|rotary|even/],
        ['rope.dimension_count', 6, /partial_rotary_factor|rotary/],
      ] as const
    ).map(([key, value, says]) => [`${key} ${value}`, [meta(`${A}${key}`, ['u32', value]), says] as const]),
  ),
  'a count that is a text': [meta(`${A}block_count`, ['text', '2']), /num_hidden_layers/],
  'a count that is a list': [
    meta(`${A}attention.head_count`, ['list', 'u32', [4, 4]]),
    /num_attention_heads/,
  ],
  'a count that is a fraction': [meta(`${A}block_count`, ['f32', 2.5]), /num_hidden_layers/],
  'a count that is negative': [meta(`${A}embedding_length`, ['i32', -16]), /hidden_size/],
  'a base of 0': [meta(`${A}rope.freq_base`, ['f32', 0]), /rope_theta/],
  'a base that is no number': [meta(`${A}rope.freq_base`, ['f32', NaN]), /rope_theta/],
  'an epsilon of −1': [meta(`${A}attention.layer_norm_rms_epsilon`, ['f32', -1]), /rms_norm_eps/],
  'an epsilon that is no number': [
    meta(`${A}attention.layer_norm_rms_epsilon`, ['f32', NaN]),
    /rms_norm_eps/,
  ],
  'a scaling of nobody': [also([`${A}rope.scaling.type`, ['text', 'nobody']]), /nobody/],
  'a scaling without a factor': [also([`${A}rope.scaling.type`, ['text', 'linear']]), /factor/],
  'a field that nobody knows': [
    also([`${A}attention.clamp`, ['f32', 8]]),
    /"llama\.attention\.clamp" 8 is not understood/,
  ],
  'experts that are not there': [
    also([`${A}expert_count`, ['u32', 4]], [`${A}expert_used_count`, ['u32', 2]]),
    /missing/,
  ],
  'one part of two': [
    also(['split.no', ['u16', 0]], ['split.count', ['u16', 2]]),
    /one of 2 parts, and 1 are there/,
  ],
} as const;

const q = parts.tensors.find(({ name }) => name === some)!;
const tensorsOf = {
  'a name twice': [withTensors(q), /tensor "blk\.0\.attn_q\.weight" stands twice/],
  'a name that is empty': [tensor(some, { name: '' }), /blk\.0|q_proj/],
  'a tensor missing': [without(some), /q_proj\.weight" is missing/],
  'the table missing': [without('token_embd.weight'), /embed_tokens\.weight" is missing/],
  'a tensor more': [
    withTensors({ name: 'surplus.weight', sizes: [8], type: 0, bytes: f32(8) }),
    /"surplus\.weight" is unknown/,
  ],
  'a layer more': [
    withTensors({ ...q, name: 'blk.7.attn_q.weight' }),
    /model\.layers\.7\.self_attn\.q_proj\.weight" is unknown/,
  ],
  'five axes': [tensor(some, { sizes: [16, 4, 1, 1, 4] }), row(some, /has 5 axes/)],
  '2^32 − 1 axes': [tensor(some, { sizes: Array(100).fill(1) }), row(some, /has 100 axes/)],
  'sizes of 2^40 × 2^40': [
    tensor(some, { sizes: [2n ** 40n, 2n ** 40n] }),
    row(some, /takes .* bytes, the whole file has/),
  ],
  'a size of 2^64 − 1': [tensor(some, { sizes: [2n ** 64n - 1n] }), row(some, /takes .* bytes/)],
  'a size of 0': [tensor(some, { sizes: [16, 0] }), /attn_q|q_proj|begins at offset/],
  'no axes': [tensor(some, { sizes: [] }), /attn_q|q_proj|begins at offset/],
  'an axis on its side': [
    tensor('blk.0.ffn_up.weight', { sizes: [24, 16] }),
    /up_proj\.weight" must be \[24, 16\], it is \[16, 24\]/,
  ],
  'rows too many': [
    tensor(some, { sizes: [16, 17], bytes: f32(16 * 17) }),
    /q_proj\.weight" must be \[16, 16\]/,
  ],
  'rows that are no whole blocks': [
    tensor(some, { type: 8 }),
    row(some, /has rows of 16 numbers, Q8_0 needs whole blocks of 32/),
  ],
  ...Object.fromEntries(
    [4, 5, 31, 36, 40, 99, 0xffffffff].map((type) => [
      `type ${type}`,
      [tensor(some, { type }), row(some, /is of type/)] as const,
    ]),
  ),
  ...Object.fromEntries(
    [9, 15, 16, 19, 23, 29, 34, 39].map((type) => [
      `type ${type}, which exists`,
      [tensor(some, { type }), row(some, /is of type .*, which cannot be read|needs whole blocks/)] as const,
    ]),
  ),
  ...Object.fromEntries(
    (
      [
        [24, 'I8', 256],
        [26, 'I32', 1024],
        [27, 'I64', 2048],
      ] as const
    ).map(([type, name, length]) => [
      `whole numbers, ${name}`,
      [
        tensor(some, { type, bytes: new Uint8Array(length) }),
        new RegExp(`must hold floating-point numbers, it is ${name}`),
      ] as const,
    ]),
  ),
  'an offset of 4': [
    tensor(some, { offset: 4 }),
    row(some, /begins at offset 4, which is no multiple of 32/),
  ],
  'an offset where another stands': [tensor(some, { offset: 0 }), /two share bytes/],
  'an offset beyond the file': [tensor(some, { offset: 2n ** 40n }), /begins at offset|truncated/],
  'an offset of 2^63': [tensor(some, { offset: 2n ** 63n }), /begins at offset|truncated/],
  'a hole': [
    withTensors({ name: 'x', sizes: [8], type: 0, bytes: f32(8), offset: 2 ** 16 }),
    /bytes between belong to none/,
  ],
  'a NaN': [
    tensor(some, { bytes: new Uint8Array(new Float32Array(256).fill(NaN).buffer) }),
    /q_proj\.weight" must hold finite numbers/,
  ],
  'an infinity in a gain': [
    tensor('output_norm.weight', { bytes: new Uint8Array(new Float32Array(16).fill(Infinity).buffer) }),
    /model\.norm\.weight" must hold finite numbers/,
  ],
  'missing, unknown and misshapen ones together': [
    writeGguf({
      ...parts,
      tensors: parts.tensors
        .filter(({ name }) => name !== 'blk.1.ffn_up.weight')
        .map((each) => (each.name === 'output_norm.weight' ? { ...each, sizes: [8], bytes: f32(8) } : each))
        .concat({ name: 'surplus', sizes: [8], type: 0, bytes: f32(8) }),
    }).slice(0, -32),
    /(?=[\s\S]*up_proj\.weight" is missing)(?=[\s\S]*"surplus" is unknown)(?=[\s\S]*norm\.weight" must be \[16\], it is \[8\])(?=[\s\S]*truncated)/,
  ],
} as const;

const tokens = (change: (pieces: string[]) => void): Value => {
  const pieces = Array.from({ length: 20 }, (_, id) => `piece ${id}`);
  change(pieces);
  return ['list', 'text', pieces];
};
const T = 'tokenizer.ggml.';
/** With the tokenizer of BERT in place of its own. */
const bert = (...entries: readonly Entry[]): Uint8Array => {
  const own = [[`${T}model`, ['text', 'bert']] as const, ...entries];
  const keys = own.map(([key]) => key);
  return writeGguf({
    ...parts,
    metadata: [...parts.metadata.filter(([key]) => !keys.includes(key)), ...own],
  });
};
const unknown: Entry = [`${T}unknown_token_id`, ['u32', 0]];
const tokenizers = {
  'a model of nobody': [
    meta(`${T}model`, ['text', 'nobody']),
    /tokenizer\.ggml\.model "nobody" is not supported/,
  ],
  'a model that is a number': [meta(`${T}model`, ['u32', 1]), /tokenizer\.ggml\.model/],
  'no pieces': [meta(`${T}tokens`, undefined), /tokenizer\.ggml\.tokens/],
  'a list of no pieces': [meta(`${T}tokens`, ['list', 'text', []]), /tokenizer\.ggml\.tokens/],
  'pieces that are numbers': [meta(`${T}tokens`, ['list', 'u32', [1, 2]]), /tokenizer\.ggml\.tokens/],
  'a piece more than rows': [
    meta(
      `${T}tokens`,
      tokens((all) => all.push('one')),
    ),
    /there are 21 pieces, and the embedding table has 20 rows/,
  ],
  'a piece fewer than scores': [
    meta(
      `${T}tokens`,
      tokens((all) => all.pop()),
    ),
    /scores must have one number for each of the 19 pieces, it has 20/,
  ],
  'a piece twice': [
    meta(
      `${T}tokens`,
      tokens((all) => all.fill('same', 3, 5)),
    ),
    /"same" is both 3 and 4/,
  ],
  'no scores': [meta(`${T}scores`, undefined), /tokenizer\.ggml\.scores/],
  'scores too few': [
    meta(`${T}scores`, ['list', 'f32', [1, 2]]),
    /scores must have one number for each of the 20 pieces, it has 2/,
  ],
  'a score that is no number': [
    meta(`${T}scores`, ['list', 'f32', Array(20).fill(NaN)]),
    /scores\[0\] must be a number/,
  ],
  'scores that are texts': [
    meta(`${T}scores`, ['list', 'text', Array(20).fill('1')]),
    /scores\[0\] must be a number/,
  ],
  'scores that are one number': [meta(`${T}scores`, ['f32', 1]), /scores must have one number/],
  'types too few': [
    meta(`${T}token_type`, ['list', 'i32', [1]]),
    /token_type must have one number for each of the 20 pieces/,
  ],
  'a type of 7': [
    meta(`${T}token_type`, ['list', 'i32', Array(20).fill(7)]),
    /token_type\[0\] must be from 1 to 6, it is 7/,
  ],
  'a type of 0': [
    meta(`${T}token_type`, ['list', 'i32', Array(20).fill(0)]),
    /token_type\[0\] must be from 1 to 6, it is 0/,
  ],
  ...Object.fromEntries(
    ['bos', 'eos', 'unknown', 'padding'].map((name) => [
      `${name} beyond the pieces`,
      [
        meta(`${T}${name}_token_id`, ['u32', 20]),
        new RegExp(`${name === 'unknown' ? 'unknown' : name.slice(0, 3)}_token_id`),
      ] as const,
    ]),
  ),
  'an end that is a text': [meta(`${T}eos_token_id`, ['text', '2']), /eos_token_id/],
  'an end of 2^32 − 1': [meta(`${T}eos_token_id`, ['u32', 0xffffffff]), /eos_token_id/],
  'a begin that is asked for and is not there': [
    writeGguf({
      ...parts,
      metadata: [
        ...parts.metadata.filter(([key]) => key !== `${T}bos_token_id`),
        [`${T}add_bos_token`, ['bool', 1]],
      ],
    }),
    /add_bos_token is true, and there is no bos_token_id/,
  ],
  'a flag that is a text': [
    meta(`${T}add_bos_token`, ['text', 'yes']),
    /add_bos_token must be true or false/,
  ],
  'merges that are missing': [meta(`${T}model`, ['text', 'gpt2']), /tokenizer\.ggml\.merges/],
  'words of nobody': [
    writeGguf({
      ...parts,
      metadata: [
        ...parts.metadata.filter(([key]) => key !== `${T}model`),
        [`${T}model`, ['text', 'gpt2']],
        [`${T}pre`, ['text', 'nobody']],
        [`${T}merges`, ['list', 'text', []]],
      ],
    }),
    /tokenizer\.ggml\.pre "nobody" is not supported/,
  ],
  ...Object.fromEntries(
    ['piece', 'piece 1 x', 'a b', '', ' '].map((merge) => [
      `the merge ${JSON.stringify(merge)}`,
      [
        writeGguf({
          ...parts,
          metadata: [
            ...parts.metadata.filter(([key]) => key !== `${T}model`),
            [`${T}model`, ['text', 'gpt2']],
            [`${T}merges`, ['list', 'text', [merge]]],
          ],
        }),
        /merges\[0\] must be two pieces that make a third/,
      ] as const,
    ]),
  ),
  'word pieces': [bert(unknown)],
  'word pieces of which none is unknown': [bert(), /needs \[UNK\] among its 20 pieces/],
  'word pieces with an unknown one beyond them': [
    bert([`${T}unknown_token_id`, ['u32', 20]]),
    /tokenizer\.ggml\.unknown_token_id/,
  ],
  'word pieces that begin with nothing': [
    bert(unknown, [`${T}cls_token_id`, ['u32', 20]]),
    /needs \[CLS\] among its 20 pieces, tokenizer\.ggml\.cls_token_id is 20/,
  ],
  'word pieces that end with a text': [
    bert(unknown, [`${T}seperator_token_id`, ['text', '[SEP]']]),
    /needs \[SEP\] among its 20 pieces, tokenizer\.ggml\.seperator_token_id is "\[SEP\]"/,
  ],
  'word pieces that are none': [
    bert(unknown, [`${T}tokens`, ['list', 'text', []]]),
    /tokenizer\.ggml\.tokens/,
  ],
  'no tokenizer at all': [
    writeGguf({ ...parts, metadata: parts.metadata.filter(([key]) => !key.startsWith('tokenizer.')) }),
  ],
  'rows that have no piece': [
    writeGguf({
      ...parts,
      metadata: [
        ...parts.metadata.filter(([key]) => ![`${T}tokens`, `${T}scores`].includes(key)),
        [`${T}tokens`, tokens((all) => all.splice(18))],
        [`${T}scores`, ['list', 'f32', Array(18).fill(-1)]],
      ],
    }),
  ],
} as const;

/** Of GGUF files. */
export function ggufCases(): Case[] {
  const of = (content: Uint8Array) => ({ files: { 'model.gguf': content }, main: 'model.gguf' });
  return [
    ...casesOf<Uint8Array>('GGUF', files, of),
    ...casesOf<Uint8Array>('GGUF metadata', metadata, of),
    ...casesOf<Uint8Array>('GGUF tensors', tensorsOf, of),
    ...casesOf<Uint8Array>('GGUF tokenizer', tokenizers, of),
  ];
}
