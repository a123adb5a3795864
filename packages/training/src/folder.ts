import { appendFile, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '@headwise/kv-cache/file';
import { FormatError, type HostTensor, readSafetensors, writeSafetensors } from '@headwise/models';
import { curves } from './curves.ts';
import { TrainingError } from './errors.ts';
import type { RunStore, SavedRun, SavedTensor } from './store.ts';

const KEPT = 2;
const STEP = 'headwise.step';

/** A run folder, and what it says of itself. */
export interface RunFolder extends RunStore {
  readonly path: string;
  /** Files that were there and are no whole state: the newest whole one before them was taken. */
  readonly broken: readonly string[];
}

/**
 * A run in a folder: the two newest states (`state-000000100.safetensors`), a log with one line of JSON a step, and a page
 * with the curves. A state is written beside its name, flushed and renamed, and the one before is removed only after
 * that: a run that is killed at any moment, or finds the disk full, goes on from a whole one.
 *
 * @throws the file system's error if the folder cannot be made.
 */
export async function runFolder(path: string): Promise<RunFolder> {
  await mkdir(path, { recursive: true });
  const broken: string[] = [];
  const logFile = join(path, 'log.jsonl');
  const entries: Record<string, unknown>[] = [];
  const load = async (): Promise<SavedRun | undefined> => {
    for (const name of (await statesIn(path)).toReversed()) {
      try {
        return read(await readFile(join(path, name)), name);
      } catch (error) {
        if (!FormatError.isInstance(error)) throw error;
        broken.push(name);
      }
    }
    return undefined;
  };
  return {
    path,
    broken,
    load,
    async save(run) {
      await flushed(logFile);
      await writeWhole(join(path, nameOf(run.step)), write(run));
      for (const old of (await statesIn(path)).slice(0, -KEPT)) await rm(join(path, old), { force: true });
      await writeWhole(join(path, 'curves.html'), new TextEncoder().encode(curves(entries)));
    },
    async resumeLog(step) {
      const lines = await readFile(logFile, 'utf8').catch(() => '');
      entries.length = 0;
      for (const line of lines.split('\n')) {
        const entry = entryOf(line);
        if (entry && typeof entry.step === 'number' && entry.step <= step) entries.push(entry);
      }
      const kept = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
      if (kept !== lines) await writeWhole(logFile, new TextEncoder().encode(kept));
    },
    async log(entry) {
      entries.push({ ...entry });
      await appendFile(logFile, `${JSON.stringify(entry)}\n`);
    },
  };
}

/** Puts what was appended to a file on the disk: a state must not outlive the log of its steps. */
async function flushed(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Names of the states, the oldest first. */
async function statesIn(path: string): Promise<string[]> {
  const names = await readdir(path);
  return names
    .filter((name) => /^state-\d{9,}\.safetensors$/.test(name))
    .sort((a, b) => stepOf(a) - stepOf(b));
}

function nameOf(step: number): string {
  return `state-${String(step).padStart(9, '0')}.safetensors`;
}

function stepOf(name: string): number {
  return Number(/\d+/.exec(name)![0]);
}

function write({ step, tensors, facts }: SavedRun): Uint8Array {
  const host: Record<string, HostTensor> = {};
  for (const [name, { shape, data }] of Object.entries(tensors)) host[name] = { dtype: 'F32', shape, data };
  return writeSafetensors(host, { [STEP]: String(step), ...facts });
}

function read(bytes: Uint8Array, name: string): SavedRun {
  const { tensors, metadata } = readSafetensors(bytes);
  const { [STEP]: step, ...facts } = metadata;
  if (Number(step) !== stepOf(name))
    throw new FormatError(name, `it says step ${step}, and its name another`);
  const saved: Record<string, SavedTensor> = {};
  for (const [key, { dtype, shape, data }] of tensors) {
    if (dtype !== 'F32' || !(data instanceof Float32Array))
      throw new TrainingError(0, `${name}: ${key} must be F32, it is ${dtype}`);
    saved[key] = { shape, data };
  }
  return { step: Number(step), tensors: saved, facts };
}

/** A line that a killed run left unfinished is none. */
function entryOf(line: string): Record<string, unknown> | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
