/**
 * Kills a training process with SIGKILL again and again, at any moment: while it starts, in a step, while it saves. Then
 * lets it end, and compares its last state and its log with those of a run that nobody disturbed, byte by byte.
 *
 *   pnpm exec tsx tooling/kill-training.ts                      200 kills on the float64 reference
 *   pnpm exec tsx tooling/kill-training.ts 20 wasm 7            so many, on this device, with this seed
 *
 * Each process is killed after a number of steps and milliseconds that the seed decides; every tenth before its first
 * step. Measured with 200 kills on the reference and 200 on wasm, files in memory (TMPDIR=/dev/shm): state and log of 6000
 * steps equal.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { hash } from '../packages/training/src/random.ts';

/** Steps a process makes before it is killed, at most, and then milliseconds. */
const MOST_STEPS = 12;
const MOST_MS = 40;
const START_MS = 600;

const script = fileURLToPath(new URL('../packages/training/src/testing/run-in-folder.ts', import.meta.url));
const [kills, device, seed] = [
  Number(process.argv[2] ?? 200),
  process.argv[3] ?? 'reference',
  Number(process.argv[4] ?? 1),
];
const steps = 30 * kills;
const root = mkdtempSync(join(tmpdir(), 'headwise-kill-'));
const bundle = join(root, 'run.js');
const [calm, disturbed] = [join(root, 'calm'), join(root, 'disturbed')];
const began = performance.now();
// one file, so that a process is training soon after it was started; other devices are found at run time, from the source
writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
if (device === 'reference')
  await build({
    entry: { run: script },
    outDir: root,
    format: 'esm',
    platform: 'node',
    noExternal: [/./],
    external: ['gpu.js'],
    esbuildOptions: (options) => void (options.conditions = ['@headwise/source']),
    config: false,
    silent: true,
  });

await ended(start(calm));
let [inSaves, early] = [0, 0];
for (let kill = 0; kill < kills; kill++) {
  const child = start(disturbed);
  const end = ended(child);
  if (kill % 10 === 9) await Promise.race([wait(hash(seed, kill, 1) % START_MS), end]);
  else {
    await told(child, 1 + (hash(seed, kill, 1) % MOST_STEPS));
    await wait(hash(seed, kill, 2) % MOST_MS);
  }
  child.kill('SIGKILL');
  if ((await end) !== null) throw new Error(`the run ended by itself before kill ${kill + 1} of ${kills}`);
  const names = namesIn(disturbed);
  if (names.some((name) => name.endsWith('.partial'))) inSaves += 1;
  if (!names.some((name) => name.endsWith('.safetensors'))) early += 1;
  if (kill % 20 === 19) console.log(`${kill + 1} kills, ${stepsDone(names)} of ${steps} steps`);
}
await ended(start(disturbed));

const last = `state-${String(steps).padStart(9, '0')}.safetensors`;
const same = [last, 'log.jsonl'].filter((file) =>
  readFileSync(join(disturbed, file)).equals(readFileSync(join(calm, file))),
);
const seconds = ((performance.now() - began) / 1000).toFixed(0);
console.log(
  `${device}: ${kills} × SIGKILL, ${inSaves} of them left a file half written, ${early} came before the first state; ` +
    `${steps} steps in ${seconds} s: state and log ${same.length === 2 ? 'equal those of the undisturbed run' : 'DIFFER'}`,
);
rmSync(root, { recursive: true });
process.exitCode = same.length === 2 ? 0 : 1;

function start(folder: string): ChildProcess {
  const program =
    device === 'reference' ? [bundle] : ['--import', 'tsx', '--conditions=@headwise/source', script];
  const args = [...program, folder, String(steps), device];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The exit code, null for a process that was killed. */
function ended(child: ChildProcess): Promise<number | null> {
  child.stdout!.resume();
  return new Promise((done, failed) => child.on('exit', done).on('error', failed));
}

/** Resolves when a process has told of so many steps, or ended. */
function told(child: ChildProcess, count: number): Promise<void> {
  return new Promise((done) => {
    let lines = 0;
    child.on('exit', () => done());
    child.stdout!.on('data', (chunk: Buffer) => {
      lines += chunk.toString().split('\n').length - 1;
      if (lines >= count) done();
    });
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function stepsDone(names: readonly string[]): number {
  return Math.max(
    0,
    ...names.flatMap((name) => (/^state-(\d+)\.safetensors$/.exec(name)?.[1] ?? []) as string).map(Number),
  );
}
