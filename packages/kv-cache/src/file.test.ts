import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
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

it('removes what killed saves left, and nothing else', async () => {
  const path = join(folder, 'left.cache');
  const gone = join(folder, 'left.cache.999999999-0.partial');
  const running = join(folder, `left.cache.${process.pid}-77.partial`);
  const other = join(folder, 'other.cache.999999999-0.partial');
  for (const file of [gone, running, other]) writeFileSync(file, 'half');
  await saveToFile(path, statesOf(1));
  const left = readdirSync(folder).filter((name) => name.endsWith('.partial'));
  expect(left.sort()).toEqual([`left.cache.${process.pid}-77.partial`, 'other.cache.999999999-0.partial']);
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

it('killed at 200 random moments of a save, the file is the old or the new one', async () => {
  const seen = new Map<number, number>();
  const killOne = async (n: number): Promise<void> => {
    const path = join(folder, `killed-${n % 2}.cache`);
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // a letter a finished save: killed during the third or the fourth, at a random share of what one takes here
    const least = n % 4 < 2 ? 2 : 3;
    let [saves, first] = [0, 0];
    const took = await new Promise<number>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (saves === 0) first = performance.now();
        saves += chunk.length;
        if (saves >= least) resolve((performance.now() - first) / Math.max(1, saves - 1));
      });
    });
    await wait(Math.random() * took);
    child.kill('SIGKILL');
    await ended;
    const states = empty();
    await loadFromFile(path, states);
    const content = await contentOf(states);
    seen.set(content, (seen.get(content) ?? 0) + 1);
  };
  for (let n = 0; n < 200; n += 2) await Promise.all([killOne(n), killOne(n + 1)]);
  // both are there, or the moments were not random
  expect([...seen.keys()].sort()).toEqual([1, 2]);
  expect(seen.get(1)! + seen.get(2)!).toBe(200);
});
