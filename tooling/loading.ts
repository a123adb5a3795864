/**
 * How long a large safetensors file takes to load onto `wasm`, beside the time of only reading it, in turns; and how much
 * memory the loading takes at its peak.
 *
 *   pnpm exec tsx --conditions=@headwise/source tooling/loading.ts                 440 MB, F32, BF16 and F16
 *   pnpm exec tsx --conditions=@headwise/source tooling/loading.ts 100 BF16        100 MB, BF16
 *
 * ROUNDS is how often each is done (5). The file lies in a temporary folder and is in the system's cache: a disk would
 * hide what loading costs.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWasm } from '../packages/device-wasm/src/index.ts';
import { decoderParameters, loadModel, openCheckpoint, readConfig } from '../packages/models/src/index.ts';
import { pathFiles } from '../packages/models/src/node.ts';
import { families } from '../packages/models/src/registry.ts';

const [size = '440', ...types] = process.argv.slice(2);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const widths: Readonly<Record<string, number>> = { F32: 4, BF16: 2, F16: 2 };
const E = 768;
const F = 2048;
const V = 32_000;

for (const type of types.length > 0 ? types : Object.keys(widths)) {
  const folder = mkdtempSync(join(tmpdir(), 'headwise-loading-'));
  try {
    await measure(type, folder, writeModel(folder, type, Number(size) * 1e6));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A Llama of about that many bytes, of numbers that are small and finite. @returns its bytes */
function writeModel(folder: string, type: string, wanted: number): number {
  const perLayer = 4 * E * E + 3 * E * F;
  const layers = Math.max(1, Math.round((wanted / widths[type]! - V * E) / perLayer));
  const config = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: V,
    hidden_size: E,
    intermediate_size: F,
    num_hidden_layers: layers,
    num_attention_heads: 12,
    tie_word_embeddings: true,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const header: Record<string, object> = {};
  const sizes: number[] = [];
  let at = 0;
  for (const [name, shape] of tensorsOf(config)) {
    const bytes = shape.reduce((product, axis) => product * axis, widths[type]!);
    header[name] = { dtype: type, shape, data_offsets: [at, at + bytes] };
    sizes.push(bytes);
    at += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  writeSync(file, length);
  writeSync(file, text);
  // 0x3c3c is a small number in each of the three types, and so are two of them
  const piece = Buffer.alloc(Math.max(...sizes), 0x3c);
  for (const bytes of sizes) writeSync(file, piece, 0, bytes);
  closeSync(file);
  return 8 + text.length + at;
}

/** Names in the file, by the family itself: each weight of a Llama is one tensor. */
function tensorsOf(json: object): [string, readonly number[]][] {
  const family = families.llama!;
  const { config, model } = readConfig(family, json);
  if (model.kind !== 'decoder') throw new Error('a Llama is a decoder');
  const wanted = decoderParameters(model.parts);
  const named = family.weights(config)(
    (name) => ({ files: [name], shape: undefined, numbers: () => new Float32Array() }),
    wanted,
  );
  return Object.entries(wanted).map(([name, shape]) => [named[name]!.files[0]!, shape]);
}

async function measure(type: string, folder: string, bytes: number): Promise<void> {
  const reads: number[] = [];
  const loads: number[] = [];
  let peak = 0;
  // the first round warms up, and looks at the memory
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now();
    await readWhole(join(folder, 'model.safetensors'), bytes);
    const read = performance.now() - began;
    globalThis.gc?.();
    const device = await createWasm();
    const before = process.memoryUsage.rss();
    const start = performance.now();
    const checkpoint = await openCheckpoint(pathFiles(folder));
    const { model } = await loadModel(device, checkpoint, {
      families,
      // asking takes the system as long as a small tensor takes us
      ...(round === 0 && {
        onProgress() {
          peak = Math.max(peak, process.memoryUsage.rss() - before);
        },
      }),
    });
    const load = performance.now() - start;
    checkpoint.close();
    model.dispose();
    device.dispose();
    if (round === 0) continue;
    reads.push(read);
    loads.push(load);
  }
  const ratios = loads.map((load, n) => load / reads[n]!);
  console.log(
    `${type}, ${(bytes / 1e6).toFixed(0)} MB: read in ${median(reads).toFixed(0)} ms, loaded in ${median(loads).toFixed(0)} ms, ${median(ratios).toFixed(2)} × (${Math.min(...ratios).toFixed(2)} … ${Math.max(...ratios).toFixed(2)}); at most ${(peak / bytes).toFixed(2)} × the file in memory`,
  );
}

async function readWhole(path: string, size: number): Promise<void> {
  const file = await open(path, 'r');
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) at += (await file.read(bytes, at, size - at, at)).bytesRead;
  await file.close();
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
