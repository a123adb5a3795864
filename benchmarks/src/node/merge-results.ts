import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../errors.ts';
import type { ClaimCell, Claims } from '../quality/claims/contract.ts';
import type { Quality, QualityCell } from '../quality/contract.ts';
import { withTrainers } from '../quality/results.ts';
import type { RaspCell, RaspResults } from '../rasp/contract.ts';
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
  for (const { name, results } of parts) {
    if (!results.quality && !results.claims && !results.rasp)
      throw new UsageError(
        `${name} has no trainings; merge joins parts of --suites quality, claims and rasp`,
      );
    const [here, there] = [results.machine.versions, first.results.machine.versions];
    if (!isDeepStrictEqual(here, there))
      throw new UsageError(
        `${name} was made by another version than ${first.name}: ${JSON.stringify(here)}, ${JSON.stringify(there)}`,
      );
    const [own, others] = [baselineOf(results), baselineOf(first.results)];
    if (own !== others)
      throw new UsageError(`${name} is of another sweep than ${first.name}: baseline ${own}, not ${others}`);
  }
  const quality = joined<QualityCell>(parts, ({ quality }) => quality);
  const claims = joined<ClaimCell>(parts, ({ claims }) => claims);
  const rasp = joined<RaspCell>(parts, ({ rasp }) => rasp);
  const sweeps = [quality, claims, rasp];
  const missing = sweeps.flatMap((one) => one?.missing ?? []);
  const cells = [
    ...(quality?.sweep.cells ?? []),
    ...(claims?.sweep.cells ?? []),
    ...(rasp?.sweep.cells ?? []),
  ];
  const machines = distinct(
    cells.flatMap(({ timing }) => timing?.machine ?? []),
    (machine) => machine,
  );
  const commits = distinct(
    parts.flatMap(({ results: { machine } }) =>
      machine.commit ? `${machine.commit.slice(0, 12)}${machine.uncommitted ? ' and changes' : ''}` : [],
    ),
    (commit) => commit,
  );
  const unreached = (quality?.missing ?? []).map(
    (id): QualityCell => ({ ...headOf(id), status: 'not-reached', reason: 'in none of the parts' }),
  );
  const all = new Map([...(quality?.sweep.cells ?? []), ...unreached].map((cell) => [cell.id, cell]));
  return {
    missing,
    notes: [
      ...sweeps.flatMap((one) => one?.notes ?? []),
      ...(commits.length > 1
        ? [`${commits.length} commits, whose numbers may differ: ${commits.join(', ')}`]
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
      devices: withTrainers(first.results.devices, [
        ...(quality?.sweep.cells ?? []),
        ...(rasp?.sweep.cells ?? []),
      ]),
      ...(quality && {
        quality: {
          ...(quality.sweep as Sweep<QualityCell> & Quality),
          cells: quality.sweep.plan.map((id) => all.get(id)!),
        },
      }),
      ...(claims && { claims: claims.sweep as Sweep<ClaimCell> & Claims }),
      ...(rasp && { rasp: rasp.sweep as Sweep<RaspCell> & RaspResults }),
    },
  };
}

interface Sweep<Cell> {
  readonly recipe: object;
  readonly plan: readonly string[];
  readonly cells: readonly Cell[];
}

interface Joined<Cell> {
  readonly sweep: Sweep<Cell>;
  readonly notes: readonly string[];
  readonly missing: readonly string[];
}

/** @returns `undefined` where no part has such a sweep. */
function joined<Cell extends { readonly id: string }>(
  parts: readonly Part[],
  of: (results: Results) => Sweep<Cell> | undefined,
): Joined<Cell> | undefined {
  const sweeps = parts.flatMap(({ name, results }) => {
    const sweep = of(results);
    return sweep ? [{ name, sweep }] : [];
  });
  const [first] = sweeps;
  if (!first) return undefined;
  const { recipe, plan } = first.sweep;
  const cells = new Map<string, { readonly cell: Cell; readonly name: string }>();
  const twice = new Set<string>();
  for (const { name, sweep } of sweeps) {
    if (!isDeepStrictEqual(sweep.recipe, recipe) || !isDeepStrictEqual(sweep.plan, plan))
      throw new UsageError(
        `${name} is of another sweep than ${first.name}: ${differenceOf(sweep, first.sweep)}`,
      );
    for (const cell of sweep.cells) {
      if ('status' in cell && cell.status === 'not-reached') continue;
      const known = cells.get(cell.id);
      if (!known) cells.set(cell.id, { cell, name });
      else if (isDeepStrictEqual(withoutTimes(cell), withoutTimes(known.cell))) twice.add(cell.id);
      else
        throw new UsageError(
          `${cell.id} came to ${outcome(known.cell)} in ${known.name} and to ${outcome(cell)} in ${name}; the same recipe gives the same numbers. Leave out the part that is wrong`,
        );
    }
  }
  const missing = plan.filter((id) => !cells.has(id));
  return {
    missing,
    sweep: { recipe, plan, cells: plan.flatMap((id) => cells.get(id)?.cell ?? []) },
    notes: [
      ...(twice.size > 0
        ? [`overlap: ${twice.size} of ${plan.length} cells are in more than one part, and agree`]
        : []),
      ...(missing.length > 0
        ? [`gaps: ${missing.length} of ${plan.length} cells are in no part: ${missing.join(', ')}`]
        : []),
    ],
  };
}

function baselineOf({ variants }: Results): string | undefined {
  return variants.find(({ baseline }) => baseline)?.name;
}

function withoutTimes(cell: object): object {
  return { ...cell, timing: undefined };
}

function outcome(cell: object): string {
  if ('nats' in cell) return `${cell.nats} nats`;
  if ('right' in cell) return `${JSON.stringify(cell.right)} right`;
  return 'status' in cell ? String(cell.status) : 'other numbers';
}

function headOf(id: string): Pick<QualityCell, 'id' | 'subject' | 'comparison' | 'seed'> {
  const [, comparison, subject, seed] = id.split('/');
  return { id, subject: subject!, comparison: comparison as QualityCell['comparison'], seed: Number(seed) };
}

function differenceOf(a: Sweep<unknown>, b: Sweep<unknown>): string {
  const [here, there] = [a.recipe, b.recipe] as Record<string, unknown>[];
  for (const key of Object.keys(there!))
    if (!isDeepStrictEqual(here![key], there![key]))
      return `${key} ${JSON.stringify(here![key])}, not ${JSON.stringify(there![key])}`;
  return `${a.plan.length} cells, not ${b.plan.length}, or others`;
}
