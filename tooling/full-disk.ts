/**
 * Trains on a disk that is full, at many amounts of free space: the run must end with the error of the disk, what it
 * saved last must be whole, and once there is room the same command must end as a run that had room all along.
 *
 *   pnpm exec tsx --conditions=@headwise/source tooling/full-disk.ts
 *
 * The disk is a tmpfs of 400 KB, which only root may mount (Linux); without that it is skipped with the reason.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runFolder } from '../packages/training/src/folder.ts';

const KB = 1024;
const SIZE = 400 * KB;
const STEPS = 30;
/** A state has about 67 KB, and there are two of them and the one that is being written. */
const rooms = [30, 60, 75, 100, 130, 140, 150, 180, 200, 205].map((kb) => kb * KB);

const script = fileURLToPath(new URL('../packages/training/src/testing/run-in-folder.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'headwise-disk-'));
const [calm, disk] = [join(root, 'calm'), join(root, 'disk')];
mkdirSync(disk);
let failed = 0;
try {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', disk], { stdio: 'pipe' });
} catch (error) {
  console.log(`skipped: no disk of its own can be mounted: ${(error as Error).message.split('\n').at(-1)}`);
  process.exit(0);
}
try {
  train(calm);
  for (const room of rooms) {
    const [folder, filler] = [join(disk, `run-${room}`), join(disk, 'filler')];
    writeFileSync(filler, new Uint8Array(SIZE - room));
    const { status, stderr } = train(folder);
    const before = await (await runFolder(folder)).load();
    const isFull = status !== 0 && /ENOSPC/.test(stderr);
    rmSync(filler);
    const resumed = train(folder).status === 0;
    const last = `state-${String(STEPS).padStart(9, '0')}.safetensors`;
    const same =
      resumed &&
      [last, 'log.jsonl'].every((file) =>
        readFileSync(join(folder, file)).equals(readFileSync(join(calm, file))),
      );
    const leftovers = readdirSync(folder).filter((name) => name.endsWith('.partial')).length;
    console.log(
      `${room / KB} KB free: ${isFull ? 'ENOSPC' : `ended with ${status}`}, step ${before?.step ?? 'none'} whole; with room: ${same ? 'equal' : 'DIFFERS'}`,
    );
    if (!same || leftovers > 0 || (!isFull && status !== 0)) failed += 1;
    rmSync(folder, { recursive: true });
  }
} finally {
  execFileSync('umount', [disk]);
  rmSync(root, { recursive: true });
}
process.exitCode = failed > 0 ? 1 : 0;

function train(folder: string): { status: number | null; stderr: string } {
  const args = ['--import', 'tsx', '--conditions=@headwise/source', script, folder, String(STEPS)];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}
