import type { Io } from '../io.ts';

/**
 * `headwise bench`: the benchmark suite, with its own options and its own help. It is loaded when it is asked for: its
 * drawing library is large.
 */
export async function runBench(argv: readonly string[], io: Io): Promise<number> {
  const { main } = await import('benchmarks/main');
  const { stdout, stderr } = process;
  return main(
    argv,
    {
      out: { columns: stdout.columns, write: io.out },
      err: { isTTY: stderr.isTTY, columns: stderr.columns, write: io.err },
    },
    { called: 'headwise bench' },
  );
}
