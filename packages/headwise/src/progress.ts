import type { LoadProgress } from '@headwise/models';
import { oneLine } from '@headwise/tensor';
import type { Io } from './io.ts';

/** Loads that take less are not talked about. */
const QUIET_MS = 500;
const EVERY_MS = 100;

/** A line about a load that takes long, where standard error is a terminal; `done` takes it away. */
export function progressOf(io: Io, name: string): { onProgress(progress: LoadProgress): void; done(): void } {
  const began = performance.now();
  let last = began + QUIET_MS - EVERY_MS;
  let shown = false;
  return {
    onProgress({ loaded, total }) {
      const now = performance.now();
      if (now - last < EVERY_MS) return;
      last = now;
      shown = true;
      const percent = total > 0 ? Math.floor((100 * loaded) / total) : 100;
      io.status(`${oneLine(name)}: ${percent} % of ${shortBytes(total)}`);
    },
    done() {
      if (shown) io.status('');
    },
  };
}

/** `1.5 MB`, in powers of 1024. */
export function shortBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let at = 0;
  let value = bytes;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${units[at]}`;
}
