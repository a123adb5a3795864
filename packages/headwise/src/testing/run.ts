import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../main.ts';

/** What a run of the command line did. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Options {
  readonly cwd?: string;
  /** Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Told all output so far, whenever there is more. */
  readonly onOut?: (out: string) => void;
}

/** Runs the command line in this process. */
export async function headwise(
  argv: readonly string[],
  { cwd = process.cwd(), signal = never, onOut = () => {} }: Options = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await main(argv, {
    out: (text) => {
      out += text;
      onOut(out);
    },
    err: (text) => {
      err += text;
    },
    note: (text) => {
      err += `headwise: ${text}\n`;
    },
    status: () => {},
    signal,
    cwd,
  });
  return { code, out, err };
}

/** The one document of a run with `--json`. */
export async function json(argv: readonly string[], options: Options = {}): Promise<Record<string, unknown>> {
  const { out } = await headwise([...argv, '--json'], options);
  return JSON.parse(out) as Record<string, unknown>;
}

/** A folder that the system clears. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'headwise-'));
}

const never = new AbortController().signal;
