/** Instructions of WebAssembly that compiled modifiers are made of. */
export const Code = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  call: 0x10,
  get: 0x20,
  set: 0x21,
  i32Eqz: 0x45,
  i32LessUnsigned: 0x49,
  i32Add: 0x6a,
  i32Or: 0x72,
  i32Shl: 0x74,
  toFloat: 0xb2,
  demote: 0xb6,
  promote: 0xbb,
} as const;

/** Instructions on four lanes, after the prefix 0xfd. */
export const Lanes = {
  load: 0x00,
  loadSplat: 0x09,
  store: 0x0b,
  splat: 0x13,
  extract: 0x1f,
  replace: 0x20,
  equal: 0x41,
  notEqual: 0x42,
  less: 0x43,
  greater: 0x44,
  lessEqual: 0x45,
  greaterEqual: 0x46,
  not: 0x4d,
  and: 0x4e,
  andNot: 0x4f,
  or: 0x50,
  bitselect: 0x52,
  anyTrue: 0x53,
  ceil: 0x67,
  floor: 0x68,
  truncate: 0x69,
  allTrue: 0xa3,
  abs: 0xe0,
  negate: 0xe1,
  sqrt: 0xe3,
  add: 0xe4,
  subtract: 0xe5,
  multiply: 0xe6,
  divide: 0xe7,
  minimum: 0xe8,
  maximum: 0xe9,
  pseudoMinimum: 0xea,
  pseudoMaximum: 0xeb,
  fromIntegers: 0xfa,
} as const;

/** Types of values. */
export const Type = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b, none: 0x40 } as const;

/** A whole number in LEB128; negative ones as signed. */
export function leb(value: number, signed = false): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = signed ? (rest === 0 && !(low & 0x40)) || (rest === -1 && (low & 0x40) !== 0) : rest === 0;
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

/** What a function takes and gives back. */
export interface Signature {
  readonly takes: readonly number[];
  readonly gives: readonly number[];
}

/** A function of another module, or of the host. */
export interface Import {
  readonly module: string;
  readonly name: string;
  readonly signature: Signature;
}

/** A function with its locals, which come after the parameters. */
export interface Definition {
  readonly name: string;
  readonly signature: Signature;
  readonly locals: readonly number[];
  readonly code: readonly number[];
}

const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const text = (string: string): number[] =>
  vector([...new TextEncoder().encode(string)].map((byte) => [byte]));
const section = (id: number, bytes: readonly number[]): number[] => [id, ...leb(bytes.length), ...bytes];

/** Most pages of a memory of 32 bits. */
const PAGES = 65536;

/** The bytes of a module over the memory of the kernels. Imports are the first functions. */
export function moduleOf(
  imports: readonly Import[],
  functions: readonly Definition[],
  shared: boolean,
): Uint8Array<ArrayBuffer> {
  const signatures = [...imports, ...functions].map(({ signature: { takes, gives } }) => [
    0x60,
    ...vector(takes.map((type) => [type])),
    ...vector(gives.map((type) => [type])),
  ]);
  const memory = [...text('env'), ...text('memory'), 0x02, shared ? 3 : 1, ...leb(0), ...leb(PAGES)];
  const imported = imports.map(({ module, name }, i) => [...text(module), ...text(name), 0x00, ...leb(i)]);
  const bodies = functions.map(({ locals, code }) => {
    const body = [...vector(locals.map((type) => [1, type])), ...code, Code.end];
    return [...leb(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(signatures)),
    ...section(2, vector([memory, ...imported])),
    ...section(3, vector(functions.map((_, i) => leb(imports.length + i)))),
    ...section(7, vector(functions.map(({ name }, i) => [...text(name), 0x00, ...leb(imports.length + i)]))),
    ...section(10, vector(bodies)),
  ]);
}
