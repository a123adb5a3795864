import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createReference } from '@headwise/tensor';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadFromFile, saveToFile } from './file.ts';
import { type Cache, createStates } from './index.ts';
import { savedSpec, statesOf } from './testing/save-forever.ts';

const folder = mkdtempSync(join(tmpdir(), 'kv-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function empty(): Cache[] {
  return createStates([savedSpec, savedSpec], { device: createReference(), B: 1, capacity: 512 });
}

/** The one number that fills the states, having checked that it does. */
async function contentOf(states: readonly Cache[]): Promise<number> {
  const value = states[0]!.length / 256;
  for (const state of states) {
    expect(state.length).toBe(256 * value);
    for (const rows of Object.values(state.view().rows)) {
      const kept = (await rows.data()).subarray(0, state.length * 64);
      expect(kept.every((number) => number === value)).toBe(true);
    }
  }
  return value;
}

it('saves and loads the states of a model', async () => {
  const path = join(folder, 'one.cache');
  const bytes = await saveToFile(path, statesOf(2));
  expect(bytes).toBeGreaterThan(2 * 2 * 512 * 64 * 4);
  const states = empty();
  await loadFromFile(path, states);
  expect(await contentOf(states)).toBe(2);
});

it('says which file it could not load, and leaves the states as they were', async () => {
  const path = join(folder, 'broken.cache');
  writeFileSync(path, 'not a cache');
  const states = statesOf(1);
  await expect(loadFromFile(path, states)).rejects.toThrow(
    `cache file: this is not a cache file (it does not begin with HWCACHE) (${path})`,
  );
  expect(await contentOf(states)).toBe(1);
  await expect(loadFromFile(join(folder, 'none.cache'), states)).rejects.toThrow('ENOENT');
  await expect(saveToFile(join(folder, 'no', 'folder.cache'), states)).rejects.toThrow('ENOENT');
});

let program = '';
beforeAll(async () => {
  // one plain file, so that two hundred processes start quickly
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@headwise/source'] },
    ssr: { noExternal: true, resolve: { conditions: ['@headwise/source'] } },
    build: {
      ssr: fileURLToPath(new URL('./testing/save-forever.ts', import.meta.url)),
      outDir: join(folder, 'program'),
      minify: false,
      rollupOptions: { output: { entryFileNames: 'save-forever.mjs' } },
    },
  });
  program = join(folder, 'program', 'save-forever.mjs');
});

/** Runs lines as a program that has the built module as `program` and the path of a cache as `path`. */
function run(path: string, lines: string, shell = '') {
  const script = `const path = ${JSON.stringify(path)}; const program = ${JSON.stringify(pathToFileURL(program))};\n${lines}`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  return shell === ''
    ? spawnSync(node[0]!, node.slice(1), { encoding: 'utf8' })
    : spawnSync('sh', ['-c', `${shell}; exec "$@"`, 'sh', ...node], { encoding: 'utf8' });
}

const partials = (name: string): string[] =>
  readdirSync(folder).filter((entry) => entry.startsWith(`${name}.`) && entry.endsWith('.partial'));

it.runIf(process.platform === 'linux')('removes what killed saves of its machine left', async () => {
  const path = join(folder, 'left.cache');
  const { signal } = run(
    path,
    `import { open } from 'node:fs/promises';
    const handle = await open('/dev/null');
    Object.getPrototypeOf(handle).sync = () => process.kill(process.pid, 'SIGKILL');
    const { saveToFile, statesOf } = await import(program);
    await saveToFile(path, statesOf(1));
    await new Promise(() => setTimeout(() => {}, 600_000));`,
  );
  expect([signal, partials('left.cache').length]).toEqual(['SIGKILL', 1]);
  await saveToFile(path, statesOf(2));
  expect(partials('left.cache')).toEqual([]);
});

it("leaves another writer's partial file alone, alive or not for all that can be told here", async () => {
  const others = [
    // of a machine or container whose process numbers are not ours, and of another release
    'shared.cache.0123456789ab.999999999-0123456789abcdef.partial',
    'shared.cache.unknown.999999999-0123456789abcdef.partial',
    'shared.cache.999999999-0.partial',
    'shared.cache.partial',
  ];
  for (const name of others) writeFileSync(join(folder, name), 'half');
  await saveToFile(join(folder, 'shared.cache'), statesOf(1));
  expect(partials('shared.cache').sort()).toEqual(others.sort());
  for (const name of others) expect(readFileSync(join(folder, name), 'utf8')).toBe('half');
});

it('threads and processes save to one name at a time, and every save succeeds', async () => {
  const path = join(folder, 'crowded.cache');
  const lines = `
    import(program).then(async ({ saveToFile, statesOf }) => {
      const states = statesOf(value);
      for (let turn = 0; turn < 25; turn++) await saveToFile(path, states);
    });`;
  const given = `const path = ${JSON.stringify(path)}; const program = ${JSON.stringify(pathToFileURL(program))};`;
  const ended = [1, 2, 1, 2].map((value, n) => {
    const script = `${given} const value = ${value}; ${lines}`;
    const runner = n < 3 ? new Worker(script, { eval: true }) : spawn(process.execPath, ['-e', script]);
    return new Promise((resolve, reject) => {
      runner.once('error', reject);
      runner.once('exit', resolve);
    });
  });
  expect(await Promise.all(ended)).toEqual([0, 0, 0, 0]);
  const states = empty();
  await loadFromFile(path, states);
  await contentOf(states);
  expect(partials('crowded.cache')).toEqual([]);
});

it.runIf(process.platform !== 'win32')('leaves the old file when the disk is full', async () => {
  const path = join(folder, 'full.cache');
  await saveToFile(path, statesOf(1));
  const { status, stdout } = run(
    path,
    `const { saveToFile, statesOf } = await import(program);
    await saveToFile(path, statesOf(2)).catch(({ code }) => process.stdout.write(code));`,
    'ulimit -f 100', // a file of 50 or 100 KB at most stands for a disk with so much room
  );
  expect([status, stdout]).toEqual([0, 'EFBIG']);
  const states = empty();
  await loadFromFile(path, states);
  expect(await contentOf(states)).toBe(1);
  expect(partials('full.cache')).toEqual([]);
});

// 200 where there is time: npm run test:long
const KILLS = process.env.HEADWISE_LONG === '1' ? 200 : 30;

it(`killed at ${KILLS} random moments of a save, the file is the old or the new one`, async () => {
  const seen = new Map<number, number>();
  const killOne = async (n: number): Promise<void> => {
    const path = join(folder, `killed-${n % 2}.cache`);
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // by turns and not by time alone: a busy machine saves once where another has saved ten times
    let turns = 1 + Math.floor(Math.random() * 4);
    await new Promise<void>((resolve) =>
      child.stdout.on('data', (points: Buffer) => {
        turns -= points.length;
        if (turns <= 0) resolve();
      }),
    );
    await wait(Math.random() * 25);
    child.kill('SIGKILL');
    await ended;
    const states = empty();
    await loadFromFile(path, states);
    const content = await contentOf(states);
    seen.set(content, (seen.get(content) ?? 0) + 1);
  };
  for (let n = 0; n < KILLS; n += 2) await Promise.all([killOne(n), killOne(n + 1)]);
  // both are there, or the moments were not random
  expect([...seen.keys()].sort()).toEqual([1, 2]);
  expect(seen.get(1)! + seen.get(2)!).toBe(KILLS);
});
