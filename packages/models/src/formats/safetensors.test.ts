import { expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { type HostTensor, numbersOf, readSafetensors, writeSafetensors } from './safetensors.ts';

const two = (begin: number, end: number, shape = [2]): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

/** A file with this header and `bytes` bytes of data. */
function file(header: object | string, bytes: number, claimed?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + bytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(claimed ?? json.length), true);
  out.set(json, 8);
  return out;
}

it('gives back what was written, for every dtype, to the bit', () => {
  const tensors: Record<string, HostTensor> = {
    bool: { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
    bf16: { dtype: 'BF16', shape: [2], data: Float32Array.of(1.5, -Infinity) },
    f16: { dtype: 'F16', shape: [4], data: Float32Array.of(0.5, -65504, 2 ** -24, -0) },
    f32: { dtype: 'F32', shape: [1, 2], data: Float32Array.of(-Infinity, 1e-45) },
    f64: { dtype: 'F64', shape: [], data: Float64Array.of(Math.PI) },
    i8: { dtype: 'I8', shape: [1], data: Int8Array.of(-128) },
    u8: { dtype: 'U8', shape: [1], data: Uint8Array.of(255) },
    i16: { dtype: 'I16', shape: [1], data: Int16Array.of(-32768) },
    u16: { dtype: 'U16', shape: [1], data: Uint16Array.of(65535) },
    i32: { dtype: 'I32', shape: [1], data: Int32Array.of(-1) },
    u32: { dtype: 'U32', shape: [1], data: Uint32Array.of(4294967295) },
    i64: { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 63n)) },
    u64: { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
    none: { dtype: 'F32', shape: [0, 4], data: new Float32Array() },
    ['__proto__']: { dtype: 'F32', shape: [1], data: Float32Array.of(7) },
  };
  const bytes = writeSafetensors(tensors, { story: 'héllo "quoted"' });
  const read = readSafetensors(bytes);
  expect(read.metadata).toEqual({ story: 'héllo "quoted"' });
  expect(Object.fromEntries(read.tensors)).toEqual(tensors);
  expect(writeSafetensors(read.tensors, read.metadata)).toEqual(bytes);
});

it('reads a file that lies unaligned in a larger buffer', () => {
  const bytes = writeSafetensors({ x: { dtype: 'F64', shape: [2], data: Float64Array.of(1.25, -3) } });
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  expect(readSafetensors(shifted.subarray(3)).tensors.get('x')?.data).toEqual(Float64Array.of(1.25, -3));
});

it('narrows to 16 bits by rounding to nearest, ties to even', () => {
  const narrowed = (dtype: 'F16' | 'BF16', value: number): number | bigint | undefined =>
    readSafetensors(writeSafetensors({ x: { dtype, shape: [1], data: Float32Array.of(value) } })).tensors.get(
      'x',
    )?.data[0];
  expect(narrowed('F16', 1 + 2 ** -11)).toBe(1);
  expect(narrowed('F16', 1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
  expect(narrowed('F16', 65519)).toBe(65504);
  expect(narrowed('F16', 65520)).toBe(Infinity);
  expect(narrowed('F16', 2047.6)).toBe(2048);
  expect(narrowed('F16', 2 ** -25)).toBe(0);
  expect(narrowed('F16', 3 * 2 ** -25)).toBe(2 ** -23);
  expect(narrowed('F16', Number.NaN)).toBeNaN();
  expect(narrowed('BF16', 1 + 2 ** -8)).toBe(1);
  expect(narrowed('BF16', 1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  expect(narrowed('BF16', 3.4e38)).toBe(Infinity);
});

it('turns 64-bit integers into numbers only when they are exact', () => {
  const of = (value: bigint): HostTensor => ({ dtype: 'I64', shape: [1], data: BigInt64Array.of(value) });
  expect(numbersOf(of(-(2n ** 53n) + 1n))).toEqual(Float64Array.of(-(2 ** 53) + 1));
  expect(() => numbersOf(of(2n ** 53n))).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: safetensors: I64 value 9007199254740992 is not exact as a number]`,
  );
});

it.each([
  ['a file shorter than the header length', new Uint8Array(5)],
  ['a header longer than the file', file({ x: two(0, 8) }, 0, 5000)],
  ['a header length that is absurd', file('', 16, 2 ** 60)],
  ['a header that is not JSON', file('{"x": ', 0)],
  ['a header that is not UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe)],
  ['a header that is no object', file('[1]', 0)],
  ['an entry that is no object', file({ x: 3 }, 0)],
  [
    'a name that stands twice',
    file(
      '{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0078":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      2,
    ),
  ],
  ['a dtype that is unknown', file({ x: { ...two(0, 8), dtype: 'toString' } }, 8)],
  ['a shape that is negative', file({ x: two(0, 8, [-2]) }, 8)],
  ['a shape that is fractional', file({ x: two(0, 8, [0.5, 4]) }, 8)],
  ['offsets that run backwards', file({ x: two(8, 0) }, 8)],
  ['offsets that are missing', file({ x: { dtype: 'F32', shape: [2] } }, 8)],
  ['a size that disagrees with the shape', file({ x: two(0, 8, [3]) }, 8)],
  ['offsets past the end', file({ x: two(0, 8), y: two(8, 16) }, 12)],
  ['offsets that overlap', file({ x: two(0, 8), y: two(4, 12) }, 12)],
  ['bytes that belong to no tensor', file({ x: two(0, 8), y: two(12, 20) }, 20)],
  ['bytes after the last tensor', file({ x: two(0, 8) }, 9)],
  ['metadata that are not strings', file({ __metadata__: { atol: 1 } }, 0)],
])('refuses %s', (_, bytes) => {
  expect(() => readSafetensors(bytes)).toThrowErrorMatchingSnapshot();
});

const one = (name: string): [string, HostTensor] => [
  name,
  { dtype: 'U8', shape: [1], data: Uint8Array.of(1) },
];

it("keeps the header's order, also of names that are whole numbers", () => {
  const names = ['b', '10', '9', 'a', '0', '__proto__', '4294967294'];
  const entries = names.map(
    (name, i) => `${JSON.stringify(name)}:{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
  );
  expect([...readSafetensors(file(`{${entries.join(',')}}`, names.length)).tensors.keys()]).toEqual(names);
  // offsets in another order than names
  const turned = entries.toReversed();
  expect([...readSafetensors(file(`{${turned.join(',')}}`, names.length)).tensors.keys()]).toEqual(
    names.toReversed(),
  );
  // written by name, and read back as written
  const written = writeSafetensors(new Map(names.map(one)), { 7: 'seven' });
  expect([...readSafetensors(written).tensors.keys()]).toEqual([...names].sort());
});

it.each([
  ['a byte order mark', file('\ufeff{}', 0), 'the header begins with a byte order mark'],
  ['a space in front', file(' {}', 0), 'the header must begin with {'],
  [
    'a BOOL that is neither',
    file({ x: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, 2).fill(7, -1),
    '"x"[1] is 7, a BOOL must be 0 or 1',
  ],
  [
    'a shape beyond numbers',
    file({ x: two(0, 8, [2 ** 52, 2 ** 52, 2 ** 52, 0, 2 ** 52].concat(Array(30).fill(2 ** 52))) }, 8),
    'needs',
  ],
  [
    'a name that hides',
    file({ '\u001b[2J\u202ex': 3 }, 0),
    '"\\u001b[2J\\u202ex": its header entry must be an object',
  ],
])('refuses %s', (_, bytes, message) => {
  expect(() => readSafetensors(bytes)).toThrow(message);
});

it.each([
  ['20,001 dimensions', { x: two(0, 8, Array(20_001).fill(1)) }],
  ['a name of 100 KB', { ['n'.repeat(100_000)]: 3 }],
  ['a dtype of 100 KB', { x: { ...two(0, 8), dtype: 'F'.repeat(100_000) } }],
  ['offsets by the thousand', { x: { ...two(0, 8), data_offsets: Array(5000).fill('文') } }],
])('says what is wrong with %s in less than 8 KB', (_, header) => {
  try {
    readSafetensors(file(header, 8));
  } catch (error) {
    expect(FormatError.isInstance(error)).toBe(true);
    expect(new TextEncoder().encode((error as Error).message).length).toBeLessThan(8192);
    return;
  }
  expect.unreachable();
});

it('refuses to write what it could not read', () => {
  const data = Float32Array.of(1);
  const write = (tensor: object, metadata = {}) =>
    writeSafetensors({ x: { dtype: 'F32', shape: [1], data, ...tensor } as HostTensor }, metadata);
  expect(() => write({ dtype: 'F64' })).toThrow('"x" must have a Float64Array for F64');
  expect(() => write({ data: [1] })).toThrow('"x" must have a Float32Array for F32');
  expect(() => write({ dtype: 'constructor' })).toThrow('"x" is of dtype "constructor", not one of BOOL');
  expect(() => write({ shape: [-1, -1] })).toThrow(
    '"x" has shape [-1,-1], it must be a list of whole numbers ≥ 0',
  );
  expect(() => write({}, { atol: 1 })).toThrow('__metadata__ must be an object of strings');
  const bytes = Buffer.from([1]);
  expect(readSafetensors(write({ dtype: 'U8', data: bytes })).tensors.get('x')?.data).toEqual(
    Uint8Array.of(1),
  );
});

it('refuses to write data that do not fill their shape', () => {
  const x: HostTensor = { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3) };
  expect(() => writeSafetensors({ x })).toThrowErrorMatchingInlineSnapshot(
    `[FormatError: safetensors: "x" has 3 values, its shape [2,2] needs 4]`,
  );
});
