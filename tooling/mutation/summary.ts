/** What is read of a report in the mutation-testing-elements format. */
export interface MutationReport {
  readonly files: Readonly<
    Record<
      string,
      { readonly mutants: readonly { readonly status: string; readonly statusReason?: string }[] }
    >
  >;
}

const KILLED = ['Killed', 'Timeout'];
const ALIVE = ['Survived', 'NoCoverage'];

/** A line a file, the least killed first, and one for all: `87 % killed, 13 of 100 alive (2 in code no test runs)`. */
export function summaryOf({ files }: MutationReport): string {
  const rows = Object.entries(files).flatMap(([file, { mutants }]) => {
    const count = (statuses: readonly string[]): number =>
      mutants.filter(({ status }) => statuses.includes(status)).length;
    const [killed, alive, unseen] = [count(KILLED), count(ALIVE), count(['NoCoverage'])];
    return killed + alive === 0 ? [] : [{ file, killed, alive, unseen }];
  });
  const share = ({ killed, alive }: { killed: number; alive: number }): number =>
    killed + alive === 0 ? 1 : killed / (killed + alive);
  const line = (row: { file: string; killed: number; alive: number; unseen: number }): string =>
    `${String(Math.floor(100 * share(row))).padStart(3)} % killed, ${row.alive} of ${row.killed + row.alive} alive` +
    `${row.unseen > 0 ? ` (${row.unseen} in code no test runs)` : ''}  ${row.file}`;
  const sum = (of: (row: (typeof rows)[number]) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  const all = {
    file: `all ${rows.length} files`,
    killed: sum(({ killed }) => killed),
    alive: sum(({ alive }) => alive),
    unseen: sum(({ unseen }) => unseen),
  };
  return [...[...rows].sort((a, b) => share(a) - share(b)).map(line), line(all)].join('\n');
}

/** How much of a package its tests notice, from mutants drawn at random. */
export interface Estimate {
  /** Mutants that some test runs, of which `drawn` were tried and `killed` noticed. */
  readonly covered: number;
  readonly drawn: number;
  readonly killed: number;
  /** Mutants in code that no test runs, which are all known. */
  readonly unseen: number;
  /** Share of all mutants that would be noticed, and the ends of its interval of 95 %. */
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The share of killed mutants of a whole package from a report in which all but those drawn were sorted out. The interval
 * is Wilson's of the drawn ones, times the share that tests run at all.
 *
 * @see Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"
 */
export function estimateOf({ files }: MutationReport): Estimate {
  const mutants = Object.values(files).flatMap((file) => file.mutants);
  const count = (statuses: readonly string[]): number =>
    mutants.filter(({ status }) => statuses.includes(status)).length;
  const sortedOut = mutants.filter(({ statusReason }) => statusReason === NOT_DRAWN).length;
  const killed = count(KILLED);
  const drawn = killed + count(['Survived']);
  const unseen = count(['NoCoverage']);
  const covered = drawn + sortedOut;
  const seen = covered / Math.max(1, covered + unseen);
  const [low, high] = wilson(killed, drawn);
  return {
    covered,
    drawn,
    killed,
    unseen,
    share: (seen * killed) / Math.max(1, drawn),
    low: seen * low,
    high: seen * high,
  };
}

/** What the drawing checker says of the others. */
const NOT_DRAWN = 'not drawn';

/** The interval of 95 % of a share, of which `k` of `n` were counted. */
export function wilson(k: number, n: number): readonly [low: number, high: number] {
  if (n === 0) return [0, 1];
  const z = 1.959_964;
  const p = k / n;
  const middle = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return [(middle - half) / scale, (middle + half) / scale];
}

/** The estimate in words: `87 % killed (95 %: 75 to 93), from 60 of 3282 mutants; 56 more in code no test runs`. */
export function estimateInWords({ share, low, high, drawn, covered, unseen }: Estimate): string {
  const percent = (part: number): string => (100 * part).toFixed(0);
  return (
    `${percent(share)} % killed (95 %: ${percent(low)} to ${percent(high)}), from ${drawn} of ${covered} mutants` +
    `${unseen > 0 ? `; ${unseen} more in code no test runs` : ''}`
  );
}
