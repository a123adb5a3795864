import { DeviceError } from '@headwise/tensor';

/** Which instructions the kernels use: fused multiply-add needs relaxed SIMD (Node 22, current browsers). */
export type Simd = 'simd128' | 'relaxed';

/** Kernels as `scripts/build-kernels.mjs` writes them: both modules, dealt out in blocks in turn and packed. */
export interface PackedKernels {
  readonly sizes: Readonly<Record<Simd, number>>;
  readonly BLOCK: number;
  readonly packed: string;
}

/** What the compiled kernels export. */
export interface KernelExports {
  work(thread: number): void;
  help(thread: number): void;
  deal(): void;
  enter(): void;
  walk(thread: number, looks: number): number;
  open(): void;
  close(): number;
  settle(looks: number): number;
  /** Functions of modifiers, from place 1 on, and how many there are. */
  readonly table: WebAssembly.Table;
  readonly functions: WebAssembly.Global;
}

/** Puts the functions of a compiled modifier into the table of the kernels; the same in every thread. */
export function addFunctions(
  kernels: KernelExports,
  memory: WebAssembly.Memory,
  module: WebAssembly.Module,
): void {
  const imports = { env: { ...kernels, memory }, Math } as unknown as WebAssembly.Imports;
  for (const entry of Object.values(new WebAssembly.Instance(module, imports).exports))
    kernels.table.grow(1, entry);
  kernels.functions.value = kernels.table.length;
}

/**
 * Compiles the kernels for a memory that is shared or not.
 *
 * @throws {DeviceError} if this runtime cannot run them.
 */
export async function compileKernels(
  kernels: PackedKernels,
  wanted: Simd | undefined,
  shared: boolean,
): Promise<{ module: WebAssembly.Module; simd: Simd }> {
  if (typeof WebAssembly === 'undefined')
    throw new DeviceError('wasm', 'this runtime has no WebAssembly', [], 'Use the device gpujs:cpu.');
  const modules = await unpack(kernels);
  for (const simd of wanted ? [wanted] : (['relaxed', 'simd128'] as const)) {
    const bytes = modules[simd];
    if (!shared) makeUnshared(bytes);
    if (WebAssembly.validate(bytes)) return { module: await WebAssembly.compile(bytes), simd };
  }
  throw new DeviceError(
    'wasm',
    `this runtime cannot run ${wanted === 'relaxed' ? 'relaxed SIMD' : 'WebAssembly SIMD'}`,
    ['WebAssembly.validate refused the kernels'],
    wanted === 'relaxed' ? 'Leave simd out, or use Node 22 or later.' : 'Use the device gpujs:cpu.',
  );
}

async function unpack({
  packed,
  sizes,
  BLOCK,
}: PackedKernels): Promise<Record<Simd, Uint8Array<ArrayBuffer>>> {
  if (typeof DecompressionStream === 'undefined')
    throw new DeviceError('wasm', 'this runtime has no DecompressionStream', [], 'Use the device gpujs:cpu.');
  const deflated = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const { readable, writable } = new DecompressionStream('deflate');
  const writer = writable.getWriter();
  const [dealt] = await Promise.all([gathered(readable), writer.write(deflated), writer.close()]);
  const modules = { simd128: new Uint8Array(sizes.simd128), relaxed: new Uint8Array(sizes.relaxed) };
  let from = 0;
  for (let at = 0; from < dealt.length; at += BLOCK) {
    for (const bytes of [modules.simd128, modules.relaxed]) {
      const count = Math.max(0, Math.min(BLOCK, bytes.length - at));
      // an empty piece has no place behind the end of the shorter one
      if (count > 0) bytes.set(dealt.subarray(from, from + count), at);
      from += count;
    }
  }
  return modules;
}

/** Not through a Response: in Node that loads a client for HTTP, four megabytes of it. */
async function gathered(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/**
 * Clears the shared flag of the imported memory, in place. Atomic instructions are valid on both kinds, so the one
 * module serves runtimes without SharedArrayBuffer too.
 */
function makeUnshared(bytes: Uint8Array): void {
  const IMPORTS = 2;
  const MEMORY = 2;
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const skipName = (): void => {
    const length = number();
    at += length;
  };
  while (at < bytes.length) {
    const section = number();
    const end = number() + at;
    if (section === IMPORTS) {
      for (let left = number(); left > 0; left--) {
        skipName();
        skipName();
        const kind = number();
        if (kind === MEMORY) {
          bytes[at] = bytes[at]! & ~2;
          return;
        }
        number();
      }
    }
    at = end;
  }
}
