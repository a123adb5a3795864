/** What is read of a report in the mutation-testing-elements format. */
export interface MutationReport {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
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
