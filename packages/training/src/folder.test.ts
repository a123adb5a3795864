import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { runFolder } from './folder.ts';
import type { SavedRun } from './store.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function fresh(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headwise-run-'));
  folders.push(folder);
  return folder;
}

const run = (step: number): SavedRun => ({
  step,
  tensors: { 'params/w': { shape: [2], data: Float32Array.of(step, -step) } },
  facts: { optimizer: 'sgd' },
});

it('keeps the two newest states, and gives back the newest', async () => {
  const folder = await runFolder(fresh());
  expect(await folder.load()).toBeUndefined();
  for (const step of [5, 10, 1_000_000_000]) await folder.save(run(step));
  const states = readdirSync(folder.path).filter((name) => name.endsWith('.safetensors'));
  expect(states.sort()).toEqual(['state-000000010.safetensors', 'state-1000000000.safetensors']);
  expect(await folder.load()).toEqual(run(1_000_000_000));
});

it('takes the one before where the newest is not whole, and says so', async () => {
  const folder = await runFolder(fresh());
  for (const step of [5, 10]) await folder.save(run(step));
  truncateSync(join(folder.path, 'state-000000010.safetensors'), 40);
  writeFileSync(join(folder.path, 'state-000000009.safetensors'), '');
  expect(await folder.load()).toEqual(run(5));
  expect(folder.broken).toEqual(['state-000000010.safetensors', 'state-000000009.safetensors']);
});

it('a disk that is full while a state is written: the last whole one stays, and the same run goes on', async () => {
  const path = fresh();
  const folder = await runFolder(path);
  for (const step of [5, 10]) await folder.save(run(step));
  const file = await open(join(path, 'log.jsonl'), 'a');
  const handle = Object.getPrototypeOf(file) as FileHandle;
  await file.close();
  const full = vi.spyOn(handle, 'writeFile').mockImplementation(async function (this: FileHandle, bytes) {
    await this.write(bytes as Uint8Array, 0, 40);
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  });
  await expect(folder.save(run(15))).rejects.toThrow('ENOSPC: no space left on device');
  full.mockRestore();
  const whole = ['state-000000005.safetensors', 'state-000000010.safetensors'];
  expect(readdirSync(path).filter((name) => /state|partial/.test(name))).toEqual(whole);
  const again = await runFolder(path);
  expect(await again.load()).toEqual(run(10));
  expect(again.broken).toEqual([]);
  await again.save(run(15));
  expect(await again.load()).toEqual(run(15));
});

it('a log goes on behind the state, whatever a killed run had written beyond it', async () => {
  const folder = await runFolder(fresh());
  for (const step of [1, 2, 3]) await folder.log!({ step, loss: 1 / step });
  writeFileSync(
    join(folder.path, 'log.jsonl'),
    `${readFileSync(join(folder.path, 'log.jsonl'), 'utf8')}{"step":4,"lo`,
  );
  const again = await runFolder(folder.path);
  await again.resumeLog!(2);
  await again.log!({ step: 3, loss: 0.25, rate: 0.5, norm: 2 });
  const lines = readFileSync(join(folder.path, 'log.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { step: 1, loss: 1 },
    { step: 2, loss: 0.5 },
    { step: 3, loss: 0.25, rate: 0.5, norm: 2 },
  ]);
  await again.save(run(3));
  const page = readFileSync(join(folder.path, 'curves.html'), 'utf8');
  expect(page).toContain('aria-label="loss by step: training 0.25"');
  expect(page).not.toContain('NaN');
});

it('a run that is killed at any moment ends as one that was never disturbed', {
  timeout: 600_000,
}, async () => {
  const steps = 60;
  const finish = async (path: string, kills: readonly number[]): Promise<void> => {
    for (const after of [...kills, undefined]) {
      const child = start(path, steps);
      const ended = new Promise<number | null>((done, failed) => child.on('exit', done).on('error', failed));
      if (after !== undefined) {
        // killed when it has told of so many steps, in the middle of whatever it then does
        let told = 0;
        child.stdout!.on('data', (chunk: Buffer) => {
          told += chunk.toString().split('\n').length - 1;
          if (told >= after) child.kill('SIGKILL');
        });
      }
      const code = await ended;
      if (after === undefined) expect(code).toBe(0);
    }
  };
  const [calm, disturbed] = [fresh(), fresh()];
  await Promise.all([finish(calm, []), finish(disturbed, [1, 4, 13, 7])]);
  const last = 'state-000000060.safetensors';
  expect(readFileSync(join(disturbed, last)).equals(readFileSync(join(calm, last)))).toBe(true);
  expect(readFileSync(join(disturbed, 'log.jsonl'), 'utf8')).toBe(
    readFileSync(join(calm, 'log.jsonl'), 'utf8'),
  );
});

function start(path: string, steps: number): ChildProcess {
  const script = fileURLToPath(new URL('testing/run-in-folder.ts', import.meta.url));
  const args = ['--import', 'tsx', '--conditions=@headwise/source', script, path, String(steps)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}
