import { now } from '../clock.ts';
import { formatDuration } from '../format.ts';
import type { RunProgress } from '../run.ts';

/** Where progress is shown: standard error, so that standard output holds the results alone. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressDisplay {
  show(progress: RunProgress): void;
  /** Clears the line. */
  end(): void;
}

const stages = {
  limits: 'limits',
  check: 'checking',
  time: 'timing',
  memory: 'memory',
  train: 'training',
} as const;
const QUIET_MS = 5000;
const BAR = 20;

/** One line that is drawn over on a terminal; a line every few seconds elsewhere. */
export function createProgress(stream: ProgressStream, clock: () => number = now): ProgressDisplay {
  let last = -Infinity;
  let stage = '';
  return {
    show(progress) {
      const line = lineOf(progress);
      if (stream.isTTY) {
        stream.write(`\r\x1b[2K${clip(line, (stream.columns ?? 80) - 1)}`);
        return;
      }
      if (progress.stage === stage && clock() - last < QUIET_MS) return;
      stage = progress.stage;
      last = clock();
      stream.write(`${line}\n`);
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[2K');
    },
  };
}

function lineOf({ stage, label, done, leftMs }: RunProgress): string {
  const full = Math.round(done * BAR);
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
  return `${bar} ${stages[stage]}${leftMs === undefined ? '' : ` · ${leftOf(stage, leftMs)}`} · ${label}`;
}

function leftOf(stage: RunProgress['stage'], leftMs: number): string {
  if (stage === 'check') return `then ${formatDuration(leftMs)} of timing`;
  if (stage === 'train') return `about ${formatDuration(leftMs)} left`;
  return leftMs > 0 ? `${formatDuration(leftMs)} left` : 'time is up, every row still gets its least samples';
}

function clip(line: string, width: number): string {
  const letters = [...line];
  return letters.length <= width ? line : `${letters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
