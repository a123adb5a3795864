/**
 * How much memory a process takes that decodes 64 tokens of a model: the most it holds from its start to the last token,
 * above a process of Node that does nothing, in sizes of the model's file. What is run is the built packages, in plain Node,
 * by the way that their README shows; each of both processes three times, of which the median counts.
 *
 *   pnpm build && node tooling/decode-memory.mjs SmolLM2-135M-Instruct.Q4_1.gguf              as many threads as there are
 *   pnpm build && node tooling/decode-memory.mjs SmolLM2-135M-Instruct.Q4_1.gguf 1            one thread
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TOKENS = 64;
const PROMPT = [1, 2, 3, 4, 5, 6];
const ROUNDS = 3;
const CHILD = '--child';

const [path, ...rest] = process.argv.slice(2);
if (path === CHILD) await decode(...rest);
else {
  const self = fileURLToPath(import.meta.url);
  const most = (...args) =>
    Number(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
  const median = (run) => Array.from({ length: ROUNDS }, run).sort((a, b) => a - b)[1];
  const bare = median(() => most('-e', 'console.log(process.resourceUsage().maxRSS * 1024)'));
  const whole = median(() => most(self, CHILD, path, ...rest));
  const { size } = statSync(path);
  const mega = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(
    `${mega(whole)} at most, ${mega(bare)} where Node does nothing: ${((whole - bare) / size).toFixed(2)} × the file of ${mega(size)} above it`,
  );
}

async function decode(model, threads) {
  const { loadModel, openCheckpoint, stepOf } = await built('models', 'index');
  const { pathFiles } = await built('models', 'node');
  const { families } = await built('models', 'registry');
  const { createWasm } = await built('device-wasm', 'index');
  const { chain, generate, greedy } = await built('sampling', 'index');
  const device = await createWasm(threads ? { threads: Number(threads) } : {});
  const checkpoint = await openCheckpoint(pathFiles(model));
  const loaded = await loadModel(device, checkpoint, { families });
  checkpoint.close();
  const session = loaded.model.start({ capacity: PROMPT.length + TOKENS });
  const run = { prompt: PROMPT, sampler: chain(greedy()), maxTokens: TOKENS, stopIds: [] };
  await generate(stepOf(session), run).finish();
  console.log(process.resourceUsage().maxRSS * 1024);
  device.dispose();
}

function built(name, entry) {
  return import(new URL(`../packages/${name}/dist/${entry}.js`, import.meta.url).href);
}
