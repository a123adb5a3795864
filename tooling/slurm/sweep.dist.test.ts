import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { type Cluster, startSlurm, until, whyNoSlurm } from './cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sweep-on-slurm-'));
const at = (...names: string[]): string => join(folder, ...names);
let cluster: Cluster | undefined;
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const cli = join(root, 'benchmarks/dist/cli.js');
const why = whyNoSlurm() ?? (existsSync(cli) ? undefined : `there is no ${cli}: npm run build`);
if (why && process.env.HEADWISE_SLURM) throw new Error(`HEADWISE_SLURM asks for Slurm, but ${why}`);
if (why) console.log(`sweep on Slurm: skipped, ${why}`);

/** Of 24 cells every third waits for a file: where a task is when it is killed depends on no clock. */
const go = at('go');
const waiting = at('waiting.ts');
const sweep = ['--suites', 'quality', '--profile', 'ci', '--steps', '2', '--seeds', '8', '--devices', 'wasm'];
const line = [...sweep, '--variants', 'multi-head,multi-query', '--variant', waiting];

function writeWaiting(): void {
  writeFileSync(
    waiting,
    `import { existsSync } from 'node:fs';
import { softmaxVariant } from '@headwise/attention-variants';
const plain = softmaxVariant({
  name: 'waiting', title: 'Waiting (WAIT)', summary: 'For a test.',
  paper: { title: 'None', authors: 'Nobody', year: 2026 },
  defaults: {}, score: () => ({ causal: true }),
});
const asleep = new Int32Array(new SharedArrayBuffer(4));
export default {
  ...plain,
  cost(...asked: Parameters<typeof plain.cost>) {
    while (!existsSync(${JSON.stringify(go)})) Atomics.wait(asleep, 0, 0, 20);
    return plain.cost(...asked);
  },
};
`,
  );
}

const bench = (...args: string[]) => promisify(execFile)(process.execPath, [cli, ...args], { cwd: root });
const cellsOf = (part: string): string[] => {
  const cells = at('sweep', part, 'cells');
  return existsSync(cells) ? readdirSync(cells).filter((name) => /^quality_.*\d\.json$/.test(name)) : [];
};

/** All of it but times and the machine. */
function withoutTimes(name: string): unknown {
  const text = readFileSync(at(name, 'results.json'), 'utf8');
  const { startedAt: _, seconds, command, machine, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return JSON.parse(JSON.stringify(rest, (key, value) => (key === 'timing' ? undefined : value)));
}

it.skipIf(why)(
  'an array whose task is killed in the middle, and is given again, gives what one process gives',
  async ({ skip }) => {
    writeWaiting();
    try {
      cluster = await startSlurm();
    } catch (error) {
      if (process.env.HEADWISE_SLURM) throw error;
      console.log(`sweep on Slurm: skipped, it does not start here: ${(error as Error).message}`);
      return skip('Slurm does not start here');
    }
    const { run, ended, env } = cluster;
    env.SWEEP_OUT = at('sweep');
    const submit = (): string => {
      const script = join(root, 'benchmarks/sweeps/slurm.sh');
      const log = `--output=${at('task-%a.log')}`;
      return run('sbatch', '--parsable', `--chdir=${root}`, '--array=1-4', log, script, ...line).trim();
    };
    const log = (task: number): string => readFileSync(at(`task-${task}.log`), 'utf8');

    const first = submit();
    // of its cells 0, 4, 8 … the third waits
    await until(() => cellsOf('part-1').length === 2, 'task 1 trains no two cells');
    run('scancel', `${first}_1`);
    await until(
      () =>
        run('squeue', '-h', '-j', `${first}`, '-o', '%K %t')
          .split('\n')
          .every((task) => !task.startsWith('1 ')),
      'task 1 is not killed',
    );
    expect(cellsOf('part-1')).toHaveLength(2);
    expect(existsSync(at('sweep', 'part-1', 'results.json'))).toBe(false);
    const before = cellsOf('part-1').map((name) => statSync(at('sweep', 'part-1', 'cells', name)).mtimeMs);
    writeFileSync(go, '');
    await ended(first);
    for (const task of [2, 3, 4]) {
      expect(log(task)).toContain(`part ${task} of 4, as SLURM_ARRAY_TASK_ID says`);
      expect(cellsOf(`part-${task}`), log(task)).toHaveLength(6);
    }
    await expect(
      bench('merge', at('sweep/part-1'), at('sweep/part-2'), '--out', at('early')),
    ).rejects.toThrow(/part-1\/results\.json cannot be read: ENOENT.*; has that part ended\?/);

    const kept = cellsOf('part-1');
    await ended(submit());
    expect(cellsOf('part-1'), log(1)).toHaveLength(6);
    expect(kept.map((name) => statSync(at('sweep', 'part-1', 'cells', name)).mtimeMs)).toEqual(before);

    const parts = [1, 2, 3, 4].map((part) => at('sweep', `part-${part}`));
    const merged = await bench('merge', ...parts, '--out', at('merged'));
    expect(merged.stdout).not.toMatch(/overlap|gaps|commits|machines/);
    await bench(...line, '--out', at('whole'));
    expect(withoutTimes('merged')).toEqual(withoutTimes('whole'));
    const { quality } = withoutTimes('whole') as { quality: { cells: { status: string }[] } };
    expect(quality.cells.map(({ status }) => status)).toEqual(Array(24).fill('ok'));
  },
);
