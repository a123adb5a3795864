import { type HostTensor, writeSafetensors } from '../../formats/safetensors.ts';
import { bytes, type Case, casesOf, folder, joined, tensors, weights } from './case.ts';

const LENGTH_BYTES = 8;
const headerLength = Number(new DataView(weights.buffer).getBigUint64(0, true));
const start = LENGTH_BYTES + headerLength;
const data = weights.subarray(start);
type Entry = { dtype: unknown; shape: unknown; data_offsets: [number, number] };
type Header = Record<string, Entry>;
const header = (): Header => JSON.parse(new TextDecoder().decode(weights.subarray(LENGTH_BYTES, start)));
const first = Object.keys(header())[0]!;
const second = Object.keys(header())[1]!;
const last = Object.keys(header()).at(-1)!;
const named = (name: string): RegExp => new RegExp(`"${name.replaceAll('.', '\\.')}"`);

function lengthOf(length: number | bigint): Uint8Array {
  const eight = new Uint8Array(LENGTH_BYTES);
  new DataView(eight.buffer).setBigUint64(0, BigInt(length), true);
  return eight;
}

/** The file with another header, and the length that it has or claims. */
function withHeader(
  text: string | Uint8Array,
  claims?: number | bigint,
  rest: Uint8Array = data,
): Uint8Array {
  const written = typeof text === 'string' ? bytes(text) : text;
  return joined(lengthOf(claims ?? written.length), written, rest);
}

function changed(change: (header: Header) => void, rest?: Uint8Array): Uint8Array {
  const copy = header();
  change(copy);
  return withHeader(JSON.stringify(copy), undefined, rest);
}

/** One field of the first entry as it must not be. */
const entry = (field: keyof Entry, value: unknown): Uint8Array =>
  changed((all) => {
    Object.assign(all[first]!, { [field]: value });
  });

const text = JSON.stringify(header());
const whole = (): number => data.length;

/** Bytes that are no safetensors file, or not all of one. */
const files = {
  'no bytes at all': [new Uint8Array(0), /truncated: 0 bytes/],
  'seven bytes': [weights.slice(0, 7), /truncated: 7 bytes/],
  'the length alone': [weights.slice(0, 8), /truncated header/],
  'one byte of the header': [weights.slice(0, 9), /truncated header/],
  'half of the header': [weights.slice(0, 8 + headerLength / 2), /truncated header/],
  'no data': [weights.slice(0, start), /truncated/],
  'one byte of data': [weights.slice(0, start + 1), /truncated/],
  'half of the data': [weights.slice(0, start + data.length / 2), /truncated/],
  'one byte short': [weights.slice(0, -1), named(last)],
  'a byte too many': [joined(weights, bytes(' ')), /1 bytes after the last tensor/],
  'a page of zeros too many': [joined(weights, new Uint8Array(4096)), /4096 bytes after the last tensor/],
  'two files': [joined(weights, weights), /bytes after the last tensor/],
  'a length of zero': [withHeader(text, 0), /header/],
  'a length of two': [withHeader(text, 2), /header/],
  'a length one too small': [withHeader(text, text.length - 1), /header is not JSON/],
  'a length one too large': [withHeader(text, text.length + 1), /header is not JSON|header is not UTF-8/],
  'a length beyond the file': [withHeader(text, weights.length), /truncated header/],
  'a length of 2^53': [withHeader(text, 2n ** 53n), /header claims 9007199254740992 bytes/],
  'a length of 2^64 − 1': [withHeader(text, 2n ** 64n - 1n), /header claims 18446744073709551615 bytes/],
  'a length above the bound': [withHeader(text, 100_000_001), /header claims 100000001 bytes/],
  'a length in the other byte order': [
    joined(lengthOf(headerLength).reverse(), weights.subarray(8)),
    /header claims/,
  ],
  zeros: [new Uint8Array(1024), /header/],
  'a pointer of Git LFS': [
    bytes('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n'),
    /Git LFS/,
  ],
  'a page of a web site': [
    bytes('<!DOCTYPE html><html><body>Not found</body></html>'),
    /header claims|web page/,
  ],
  'a zip file': [bytes('PK\u0003\u0004 and more bytes than eight'), /header claims|Python/],
  'a GGUF file': [bytes('GGUF\u0003\0\0\0 and more bytes than eight'), /header claims|GGUF/],
} as const;

/** Headers that are not what they must be. */
const headers = {
  'no JSON': ['{"a": ', /header is not JSON/],
  'a comma too many': [text.replace(/}$/, ',}'), /header is not JSON/],
  'single quotes': [text.replaceAll('"', "'"), /header is not JSON/],
  'a comment': [text.replace('{', '{/* x */'), /header is not JSON/],
  'a NaN': [text.replace(/\[0,/, '[NaN,'), /header is not JSON/],
  'a NUL behind it': [`${text}\0`, /header is not JSON/],
  'a NUL inside': [text.replace('{', '{\0'), /header is not JSON/],
  'a byte order mark': [`\ufeff${text}`, /byte order mark/],
  'a space before it': [` ${text}`, /must begin with {/],
  'a list': ['[]', /must be a JSON object/],
  'a number': ['7', /must be a JSON object/],
  'a text': ['"x"', /must be a JSON object/],
  null: ['null', /must be a JSON object/],
  'no tensor': ['{}', /after the last tensor belong to none/],
  'a tensor twice': [
    text.replace('{', `{${JSON.stringify(first)}:${JSON.stringify(header()[first])},`),
    named(first),
  ],
  'a tensor twice, once escaped': [
    text.replace('{', `{"\\u006d${first.slice(1)}":${JSON.stringify(header()[first])},`),
    named(first),
  ],
  'a field twice': [text.replace('"dtype":"F32"', '"dtype":"F32","dtype":"F32"'), /"dtype" stands twice/],
  'metadata twice': [
    text.replace('{', '{"__metadata__":{},"__metadata__":{},'),
    /"__metadata__" stands twice/,
  ],
  'metadata that are nested': [text.replace('{', '{"__metadata__":{"a":{}},'), /__metadata__/],
  'metadata that are numbers': [text.replace('{', '{"__metadata__":{"a":1},'), /__metadata__/],
  'metadata that are a list': [text.replace('{', '{"__metadata__":[],'), /__metadata__/],
  'metadata that are a text': [text.replace('{', '{"__metadata__":"pt",'), /__metadata__/],
  'half of a pair in a name': [text.replace('{', '{"\\ud800":{},'), /must be|dtype/],
  'a name that every object has': [text.replace('{', '{"__proto__":{},'), /"__proto__"/],
  'nested a thousand deep': [`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`, /header is nested 1000 deep/],
  'nested a million deep': [`${'['.repeat(1_000_000)}`, /header/],
  'metadata and spaces': [`${text.replace('{', '{"__metadata__":{"format":"pt"},')}          `],
  'no metadata in them': [text.replace('{', '{"__metadata__":{},')],
  'spaces and line ends between': [`${JSON.stringify(header(), null, 2)}\n`],
  'a field that nobody knows': [text.replace('"dtype"', '"note":"x","dtype"')],
  'the last tensor first': [JSON.stringify(Object.fromEntries(Object.entries(header()).reverse()))],
} as const;

/** Entries that are not what they must be. */
const entries = {
  'is null': [changed((all) => Object.assign(all, { [first]: null })), named(first)],
  'is a list': [changed((all) => Object.assign(all, { [first]: [] })), named(first)],
  'is a text': [changed((all) => Object.assign(all, { [first]: 'F32' })), named(first)],
  'has no fields': [changed((all) => Object.assign(all, { [first]: {} })), named(first)],
  ...Object.fromEntries(
    (['dtype', 'shape', 'data_offsets'] as const).map((field) => [
      `has no ${field}`,
      [entry(field, undefined), new RegExp(`${named(first).source}.*${field}`)] as const,
    ]),
  ),
  ...Object.fromEntries(
    ['f32', 'FP32', 'float32', 'F8_E4M3', 'F4', 'F128', 'Q4_0', '', null, 32, ['F32'], 'toString'].map(
      (dtype) => [
        `is of dtype ${JSON.stringify(dtype)}`,
        [entry('dtype', dtype), new RegExp(`${named(first).source}: dtype`)] as const,
      ],
    ),
  ),
  'is of half the width': [entry('dtype', 'F16'), named(first)],
  'is of twice the width': [entry('dtype', 'F64'), named(first)],
  ...Object.fromEntries(
    [null, '16', 16, {}, [-1], [1.5], ['16'], [null], [[16]], [true], [2 ** 53], [1e300], [NaN]].map(
      (shape) => [
        `has shape ${JSON.stringify(shape)}`,
        [entry('shape', shape), new RegExp(`${named(first).source}: shape`)] as const,
      ],
    ),
  ),
  'has a shape whose product is beyond all numbers': [entry('shape', Array(40).fill(2 ** 30)), named(first)],
  'has a shape of 2^31 × 2^31': [entry('shape', [2 ** 31, 2 ** 31]), named(first)],
  'has no axes': [entry('shape', []), named(first)],
  'has a row more': [entry('shape', [17]), named(first)],
  ...Object.fromEntries(
    [null, [0], [0, 64, 128], ['0', '64'], [-64, 0], [0.5, 64.5], [0, 1e300], {}, 'x', [null, 64]].map(
      (offsets) => [
        `has data_offsets ${JSON.stringify(offsets)}`,
        [entry('data_offsets', offsets), named(first)] as const,
      ],
    ),
  ),
  'ends before it begins': [entry('data_offsets', [64, 0]), named(first)],
  'lies behind all data': [
    changed((all) => {
      const [a, b] = all[last]!.data_offsets;
      all[last]!.data_offsets = [a + whole(), b + whole()];
    }),
    named(last),
  ],
  'lies where another does': [
    changed((all) => {
      const [a] = all[first]!.data_offsets;
      const [b, end] = all[second]!.data_offsets;
      all[second]!.data_offsets = [a, a + end - b];
    }),
    named(second),
  ],
  'begins inside another': [
    changed((all) => {
      const [b, end] = all[second]!.data_offsets;
      all[second]!.data_offsets = [b - 4, end - 4];
    }),
    named(second),
  ],
  'leaves a hole': [
    changed(
      (all) => {
        for (const name of Object.keys(all).slice(1))
          all[name]!.data_offsets = all[name]!.data_offsets.map((at) => at + 4) as [number, number];
      },
      joined(new Uint8Array(4), data),
    ),
    /belong to no tensor/,
  ],
  'leaves a hole at the beginning': [
    changed(
      (all) => {
        for (const each of Object.values(all))
          each.data_offsets = each.data_offsets.map((at) => at + 8) as [number, number];
      },
      joined(new Uint8Array(8), data),
    ),
    /bytes 0 … 7, before .* belong to no tensor/,
  ],
} as const;

function others(change: (all: Map<string, HostTensor>) => void): Uint8Array {
  const all = new Map(tensors);
  change(all);
  return writeSafetensors(all);
}

/** What is in the tensors, and which there are. */
const q = 'model.layers.1.self_attn.q_proj.weight';
const norm = 'model.norm.weight';
const with0 = (name: string, value: number, dtype: 'F32' | 'F16' | 'BF16' | 'F64' = 'F32') =>
  others((all) => {
    const { shape, data: numbers } = all.get(name)!;
    const changedNumbers =
      dtype === 'F64'
        ? Float64Array.from(numbers as Float32Array)
        : Float32Array.from(numbers as Float32Array);
    changedNumbers[3] = value;
    all.set(name, { dtype, shape, data: changedNumbers } as HostTensor);
  });
const shaped = (name: string, shape: readonly number[]): Uint8Array =>
  others((all) => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    all.set(name, { dtype: 'F32', shape, data: new Float32Array(size).fill(0.5) });
  });
const typed = (dtype: HostTensor['dtype'], Numbers: new (size: number) => HostTensor['data']): Uint8Array =>
  others((all) => all.set(q, { dtype, shape: [16, 16], data: new Numbers(256) } as HostTensor));

const contents = {
  ...Object.fromEntries(
    [...tensors.keys()].map((name) => [
      `${name} is missing`,
      [others((all) => all.delete(name)), new RegExp(`${named(name).source} is missing`)] as const,
    ]),
  ),
  'one more layer': [
    others((all) => {
      for (const [name, tensor] of tensors)
        if (name.includes('layers.1')) all.set(name.replace('layers.1', 'layers.2'), tensor);
    }),
    /"model\.layers\.2\..*" is unknown/,
  ],
  'a bias more': [
    others((all) =>
      all.set(q.replace('weight', 'bias'), { dtype: 'F32', shape: [16], data: new Float32Array(16) }),
    ),
    /q_proj\.bias" is unknown/,
  ],
  'the name of nobody': [
    others((all) => all.set('x', { dtype: 'F32', shape: [], data: Float32Array.of(1) })),
    /"x" is unknown/,
  ],
  'a tensor of another name': [
    others((all) => {
      all.set('model.norm.weights', all.get(norm)!);
      all.delete(norm);
    }),
    /"model\.norm\.weight" is missing[\s\S]*"model\.norm\.weights" is unknown/,
  ],
  'a head of other numbers than the table it is tied to': [
    others((all) =>
      all.set('lm_head.weight', { dtype: 'F32', shape: [20, 16], data: new Float32Array(320) }),
    ),
    /"lm_head\.weight" is unknown/,
  ],
  'a head of another size than the table it is tied to': [
    others((all) =>
      all.set('lm_head.weight', { dtype: 'F32', shape: [21, 16], data: new Float32Array(336) }),
    ),
    /"lm_head\.weight" is unknown/,
  ],
  'a table of a row too few': [
    shaped('model.embed_tokens.weight', [19, 16]),
    /embed_tokens\.weight" must be \[20, 16\]/,
  ],
  'a table of a row too many': [
    shaped('model.embed_tokens.weight', [21, 16]),
    /embed_tokens\.weight" must be \[20, 16\]/,
  ],
  'a table on its side': [
    shaped('model.embed_tokens.weight', [16, 20]),
    /embed_tokens\.weight" must be \[20, 16\]/,
  ],
  'a matrix as one list': [shaped(q, [256]), /q_proj\.weight" must be \[16, 16\]/],
  'a matrix with an axis more': [shaped(q, [1, 16, 16]), /q_proj\.weight" must be \[16, 16\]/],
  'a matrix of no rows': [shaped(q, [0, 16]), /q_proj\.weight" must be \[16, 16\]/],
  'keys of all heads': [
    shaped('model.layers.0.self_attn.k_proj.weight', [16, 16]),
    /k_proj\.weight" must be \[8, 16\]/,
  ],
  'a feed-forward on its side': [
    shaped('model.layers.0.mlp.up_proj.weight', [16, 24]),
    /up_proj\.weight" must be \[24, 16\]/,
  ],
  'a gain that is one number': [shaped(norm, []), /norm\.weight" must be \[16\]/],
  'a gain that is a row': [shaped(norm, [1, 16]), /norm\.weight" must be \[16\]/],
  'whole numbers of 64 bits': [
    typed('I64', BigInt64Array),
    /q_proj\.weight" must hold floating-point numbers, it is I64/,
  ],
  'whole numbers of 32 bits': [typed('I32', Int32Array), /must hold floating-point numbers, it is I32/],
  'whole numbers of 8 bits': [typed('I8', Int8Array), /must hold floating-point numbers, it is I8/],
  'bytes, as quantized files have them': [
    typed('U8', Uint8Array),
    /must hold floating-point numbers, it is U8/,
  ],
  truths: [typed('BOOL', Uint8Array), /must hold floating-point numbers, it is BOOL/],
  'a NaN': [with0(q, NaN), /q_proj\.weight" must hold finite numbers/],
  'an infinity': [with0(q, Infinity), /q_proj\.weight" must hold finite numbers/],
  'a NaN in a gain': [with0(norm, NaN), /norm\.weight" must hold finite numbers/],
  'a NaN in 16 bits': [with0(q, NaN, 'F16'), /q_proj\.weight" must hold finite numbers/],
  'an infinity in brain floats': [with0(q, -Infinity, 'BF16'), /q_proj\.weight" must hold finite numbers/],
  'a number of 64 bits that float32 does not hold': [
    with0(q, 1e300, 'F64'),
    /q_proj\.weight" must hold finite numbers/,
  ],
  'a NaN in the table': [
    with0('model.embed_tokens.weight', NaN),
    /embed_tokens\.weight" must hold finite numbers/,
  ],
  'numbers of 64 bits': [with0(q, 0.25, 'F64')],
  'numbers of 16 bits': [with0(q, 0.25, 'F16')],
  'brain floats': [with0(q, 0.25, 'BF16')],
  'a number that is hardly one': [with0(q, 1e-45)],
  'all zeros': [shaped(q, [16, 16])],
  'a second copy of the table': [
    others((all) => all.set('lm_head.weight', all.get('model.embed_tokens.weight')!)),
  ],
  'frequencies that follow from the config': [
    others((all) =>
      all.set('model.layers.0.self_attn.rotary_emb.inv_freq', {
        dtype: 'F32',
        shape: [2],
        data: Float32Array.of(1, 0.01),
      }),
    ),
  ],
} as const;

/** Everything that can be wrong with the tensors of a file, in one: all of it is in one error. */
function allAtOnce(): Case {
  const file = others((all) => {
    all.delete('model.layers.0.mlp.up_proj.weight');
    all.set('surplus', { dtype: 'F32', shape: [1], data: Float32Array.of(1) });
    all.set(norm, { dtype: 'F32', shape: [15], data: new Float32Array(15) });
  });
  return {
    name: 'tensors: missing, unknown, misshapen and cut ones together',
    files: folder({ 'model.safetensors': file.slice(0, -40) }),
    says: /(?=[\s\S]*up_proj\.weight" is missing)(?=[\s\S]*"surplus" is unknown)(?=[\s\S]*norm\.weight" must be \[16\], it is \[15\])(?=[\s\S]*(is truncated|ends at byte))/,
  };
}

/** Of safetensors files. */
export function safetensorsCases(): Case[] {
  const file = (content: Uint8Array) => ({ files: folder({ 'model.safetensors': content }) });
  return [
    ...casesOf<Uint8Array>('safetensors', files, file),
    ...casesOf<string>('a header', headers, (header) => file(withHeader(header))),
    ...casesOf<Uint8Array>('a header in which a tensor', entries, file),
    ...casesOf<Uint8Array>('tensors', contents, file),
    allAtOnce(),
  ];
}
