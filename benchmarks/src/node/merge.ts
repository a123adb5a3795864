import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cac } from 'cac';
import { messageOf, UsageError } from '../errors.ts';
import { findingsOf } from '../findings.ts';
import { reportFiles } from '../report/report.ts';
import { parseResults } from '../validate.ts';
import { prepareFolder, writeFiles } from './folder.ts';
import { mergeResults, type Part } from './merge-results.ts';
import type { Streams } from './streams.ts';
import { terminalTables } from './terminal.ts';

/**
 * `bench merge`: the parts of a sweep as one report.
 *
 * @param called what `bench` is called where help is shown
 * @returns 0, or 1 when a cell is missing.
 * @throws {UsageError} for folders that are no parts of one sweep.
 */
export function mergeMain(argv: readonly string[], streams: Streams, called: string): number {
  const cli = cac(`${called} merge`);
  cli
    .command('<...folders>', 'Join the parts of a sweep (--suites quality --shard 1/4 …) into one report')
    .option('--out <folder>', 'Where the report goes', { default: 'bench-report' });
  cli.help();
  const { args, options } = cli.parse(['node', 'bench', ...argv], { run: false });
  if (options.help) return 0;
  const unknown = Object.keys(options).filter((name) => !['--', 'out', 'help', 'h'].includes(name));
  if (unknown.length > 0)
    throw new UsageError(`unknown option --${unknown[0]}; bench merge takes folders and --out`);
  if (args.length === 0)
    throw new UsageError('bench merge needs the folders of the parts: bench merge part1 part2 --out all');
  const { results, notes, missing } = mergeResults(args.map(readPart));
  const folder = prepareFolder(String(options.out));
  writeFiles(folder, reportFiles(results));
  const say = (text: string): void => void streams.out.write(`${text}\n`);
  say(terminalTables(results, streams.out.columns ?? 120));
  for (const finding of findingsOf(results)) say(`\n${finding}`);
  for (const note of notes) say(`\n${note}`);
  say(`\nReport:  ${pathToFileURL(join(folder, 'report.html')).href}`);
  return missing.length > 0 ? 1 : 0;
}

function readPart(folder: string): Part {
  const path = join(folder, 'results.json');
  try {
    return { name: folder, results: parseResults(readFileSync(path, 'utf8'), path) };
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw new UsageError(`${path} cannot be read: ${messageOf(error)}; has that part ended?`);
    throw error;
  }
}
