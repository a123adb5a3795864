/**
 * How long a large safetensors file takes to load onto `wasm`, beside the time of only reading it, in turns; and how much
 * memory the loading takes at its peak, in a process of its own.
 *
 *   pnpm exec tsx --conditions=@headwise/source tooling/loading.ts                 440 MB, F32, BF16 and F16
 *   pnpm exec tsx --conditions=@headwise/source tooling/loading.ts 100 BF16        100 MB, BF16
 *
 * ROUNDS is how often each is done (5); with `node --expose-gc` what one round leaves is gone before the next. The file
 * lies in a temporary folder and is in the system's cache: a disk would hide what loading costs.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWasm } from '../packages/device-wasm/src/index.ts';
import { decoderParameters, loadModel, openCheckpoint, readConfig } from '../packages/models/src/index.ts';
import { pathFiles } from '../packages/models/src/node.ts';
import { families } from '../packages/models/src/registry.ts';
import type { Device } from '../packages/tensor/src/index.ts';

const [size = '440', ...types] = process.argv.slice(2);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const widths: Readonly<Record<string, number>> = { F32: 4, BF16: 2, F16: 2 };
/** Asks for what a process of its own holds at most. */
const PEAK = '--peak';
const E = 768;
const F = 2048;
const V = 32_000;

if (size === PEAK) {
  await printPeak(types[0]!);
  process.exit();
}

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
  // the first round warms up
  for (let round = 0; round <= ROUNDS; round++) {
    globalThis.gc?.();
    const read = await timed(() => readWhole(join(folder, 'model.safetensors'), bytes));
    globalThis.gc?.();
    const device = await createWasm();
    const load = await timed(() => loadInto(device, folder));
    device.dispose();
    if (round === 0) continue;
    reads.push(read);
    loads.push(load);
  }
  const ratios = loads.map((load, n) => load / reads[n]!);
  const peak = Number(
    execFileSync(process.execPath, [...process.execArgv, process.argv[1]!, PEAK, folder], {
      encoding: 'utf8',
    }),
  );
  console.log(
    `${type}, ${(bytes / 1e6).toFixed(0)} MB: read in ${median(reads).toFixed(0)} ms, loaded in ${median(loads).toFixed(0)} ms, ${median(ratios).toFixed(2)} × (${Math.min(...ratios).toFixed(2)} … ${Math.max(...ratios).toFixed(2)}); at best ${Math.min(...reads).toFixed(0)} and ${Math.min(...loads).toFixed(0)} ms, ${(Math.min(...loads) / Math.min(...reads)).toFixed(2)} ×; at most ${(peak / bytes).toFixed(2)} × the file in memory`,
  );
}

/** The most that a process of its own holds while it loads, beyond what it holds with an empty device. */
async function printPeak(folder: string): Promise<void> {
  const device = await createWasm();
  const before = process.memoryUsage.rss();
  await loadInto(device, folder);
  console.log(process.resourceUsage().maxRSS * 1024 - before);
  device.dispose();
}

async function loadInto(device: Device, folder: string): Promise<void> {
  const checkpoint = await openCheckpoint(pathFiles(folder));
  await loadModel(device, checkpoint, { families });
  checkpoint.close();
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
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
