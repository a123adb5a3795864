/**
 * Gives several hundred small models with one thing odd or wrong to the command line, as files on disk: `generate` and
 * `inspect` with `--json` must refuse each by what is wrong with it, or run; in the time of a valid one, and without a
 * sentence of the engine.
 *
 *   pnpm exec tsx --conditions=@headwise/source tooling/malformed-models.ts            every kind
 *   pnpm exec tsx --conditions=@headwise/source tooling/malformed-models.ts GGUF       this one
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headwise } from '../packages/headwise/src/testing/run.ts';
import { type Case, cases } from '../packages/models/src/testing/malformed/index.ts';

/** Errors that are ours, by name. */
const ours = ['FormatError', 'ValueError', 'ShapeError', 'DeviceError', 'UsageError'];
const engines = /of undefined|is not iterable|call stack|Invalid array|is not a constructor/;
/** Far above what a model of 20 ids takes on a machine that is busy; a deadline ends what has no end. */
const MOST_MS = 5000;

interface Outcome {
  readonly code: number;
  readonly milliseconds: number;
  readonly error?: { readonly kind: string; readonly message: string } | undefined;
}

async function run(argv: readonly string[]): Promise<Outcome> {
  const began = performance.now();
  const { code, out } = await headwise([...argv, '--json']);
  const { error } = JSON.parse(out) as Pick<Outcome, 'error'>;
  return { code, milliseconds: performance.now() - began, error };
}

function faultOf({ code, milliseconds, error }: Outcome, says: RegExp | undefined): string | undefined {
  if (milliseconds > MOST_MS) return `takes ${Math.round(milliseconds)} ms`;
  if ((code === 0) !== (error === undefined)) return `ends with ${code}`;
  if (!error) return says && 'is accepted';
  if (!says) return `is refused: ${error.message}`;
  if (!ours.includes(error.kind)) return `is an error of the engine: ${error.kind}: ${error.message}`;
  if (engines.test(error.message)) return `is a sentence of the engine: ${error.message}`;
  return says.test(error.message) ? undefined : `does not say ${says}: ${error.message}`;
}

/** What a person types: a text where the model reads one, else ids. */
function argumentsOf(path: string, { files }: Case, kind: string): string[] {
  const chat = kind === 'chat templates' ? ['--chat'] : [];
  const prompt = 'tokenizer.json' in files ? ['--prompt', 'abcd'] : ['--ids', '1'];
  return ['generate', '--model', path, '--device', 'reference', '--max-tokens', '1', ...prompt, ...chat];
}

const folder = mkdtempSync(join(tmpdir(), 'headwise-malformed-'));
const asked = process.argv.slice(2);
let [count, slowest] = [0, 0];
for (const [kind, list] of Object.entries(cases)) {
  if (asked.length > 0 && !asked.includes(kind)) continue;
  const faults: string[] = [];
  for (const each of list) {
    const own = join(folder, String(count++));
    mkdirSync(own);
    for (const [name, content] of Object.entries(each.files)) writeFileSync(join(own, name), content);
    const path = each.main === undefined ? own : join(own, each.main);
    const made = await run(argumentsOf(path, each, kind));
    slowest = Math.max(slowest, made.milliseconds);
    const fault = faultOf(made, each.says);
    if (fault) faults.push(`${each.name}: generate ${fault}`);
    const { code, error } = await run(['inspect', path]);
    if (error && !ours.includes(error.kind))
      faults.push(`${each.name}: inspect: ${error.kind}: ${error.message}`);
    if (!each.says && code !== 0) faults.push(`${each.name}: inspect refuses it: ${error?.message}`);
    rmSync(own, { recursive: true });
  }
  console.log(`${kind}: ${list.length} models, ${faults.length} faults`);
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
rmSync(folder, { recursive: true });
console.log(`${count} models, the slowest took ${Math.round(slowest)} ms`);
