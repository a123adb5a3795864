import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.ts';
import type { Quality, QualityCell } from '../quality/contract.ts';
import type { Results } from '../results.ts';
import { distinct } from '../views.ts';

/** Results of one part of a sweep, and where they come from. */
export interface Part {
  readonly name: string;
  readonly results: Results;
}

export interface Merged {
  readonly results: Results;
  /** Overlaps, gaps and machines, in words. */
  readonly notes: readonly string[];
  /** Cells that no part has. */
  readonly missing: readonly string[];
}

/**
 * Joins the trainings of several runs of one sweep, in the order of its plan: what one process would have given.
 *
 * @throws {UsageError} for parts of different sweeps or versions, and for two results of one cell that differ.
 */
export function mergeResults(parts: readonly Part[]): Merged {
  const [first] = parts;
  if (!first) throw new UsageError('merge needs at least one folder');
  const { recipe, plan } = qualityOf(first);
  for (const part of parts) {
    const other = qualityOf(part);
    if (!isDeepStrictEqual(other.recipe, recipe) || !isDeepStrictEqual(other.plan, plan))
      throw new UsageError(
        `${part.name} is of another sweep than ${first.name}: ${differenceOf(other, { recipe, plan })}`,
      );
    if (!isDeepStrictEqual(part.results.machine.versions, first.results.machine.versions))
      throw new UsageError(
        `${part.name} was made by another version than ${first.name}: ${JSON.stringify(part.results.machine.versions)}, ${JSON.stringify(first.results.machine.versions)}`,
      );
  }
  const { cells, twice } = gather(parts);
  const missing = plan.filter((id) => !cells.has(id));
  const machines = distinct(
    [...cells.values()].flatMap(({ timing }) => timing?.machine ?? []),
    (machine) => machine,
  );
  const merged = plan.map(
    (id): QualityCell =>
      cells.get(id) ?? { ...headOf(id), status: 'not-reached', reason: 'in none of the parts' },
  );
  return {
    missing,
    notes: [
      ...(twice > 0
        ? [`overlap: ${twice} of ${plan.length} cells are in more than one part, and agree`]
        : []),
      ...(missing.length > 0
        ? [`gaps: ${missing.length} of ${plan.length} cells are in no part: ${missing.join(', ')}`]
        : []),
      ...(machines.length > 1
        ? [`${machines.length} machines, whose times are not to be compared: ${machines.join('; ')}`]
        : []),
    ],
    results: {
      ...first.results,
      command: `merge ${parts.map(({ name }) => name).join(' ')}`,
      seconds: parts.reduce((sum, { results }) => sum + results.seconds, 0),
      partial: missing.length > 0,
      quality: { recipe, plan, cells: merged },
    },
  };
}

function gather(parts: readonly Part[]): {
  readonly cells: Map<string, QualityCell>;
  readonly twice: number;
} {
  const cells = new Map<string, QualityCell>();
  const from = new Map<string, string>();
  const overlapping = new Set<string>();
  for (const part of parts)
    for (const cell of qualityOf(part).cells) {
      if (cell.status === 'not-reached') continue;
      const known = cells.get(cell.id);
      if (!known) {
        cells.set(cell.id, cell);
        from.set(cell.id, part.name);
        continue;
      }
      const { timing: _, ...now } = cell;
      const { timing: __, ...before } = known;
      if (!isDeepStrictEqual(now, before))
        throw new UsageError(
          `${cell.id} came to ${outcome(known)} in ${from.get(cell.id)} and to ${outcome(cell)} in ${part.name}; the same recipe gives the same numbers. Leave out the part that is wrong`,
        );
      overlapping.add(cell.id);
    }
  return { cells, twice: overlapping.size };
}

function outcome({ status, nats }: QualityCell): string {
  return nats === undefined ? status : `${nats} nats`;
}

function qualityOf({ name, results }: Part): Quality {
  if (!results.quality)
    throw new UsageError(`${name} has no trainings; merge joins parts of --suites quality`);
  return results.quality;
}

function headOf(id: string): Pick<QualityCell, 'id' | 'subject' | 'comparison' | 'seed'> {
  const [, comparison, subject, seed] = id.split('/');
  return { id, subject: subject!, comparison: comparison as QualityCell['comparison'], seed: Number(seed) };
}

function differenceOf(a: Pick<Quality, 'recipe' | 'plan'>, b: Pick<Quality, 'recipe' | 'plan'>): string {
  for (const key of Object.keys(b.recipe) as (keyof Quality['recipe'])[])
    if (!isDeepStrictEqual(a.recipe[key], b.recipe[key]))
      return `${key} ${JSON.stringify(a.recipe[key])}, not ${JSON.stringify(b.recipe[key])}`;
  return `${a.plan.length} cells, not ${b.plan.length}, or others`;
}
