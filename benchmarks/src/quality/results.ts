import { machineClock } from '../clock.ts';
import type { RaspResults } from '../rasp/contract.ts';
import { type Results, SCHEMA } from '../results.ts';
import type { RunOptions } from '../run.ts';
import { chooseSubjects } from '../subjects.ts';
import { distinct } from '../views.ts';
import type { Claims } from './claims/contract.ts';
import type { Quality } from './contract.ts';

type Untimed = Pick<
  RunOptions,
  'profile' | 'registry' | 'names' | 'outside' | 'baseline' | 'machine' | 'clock' | 'seed' | 'command'
>;

/** Results of a run that times nothing: what it ran on, and of what. */
export function untimedResults(options: Untimed): Results {
  const { profile, seed = 1, command = '', machine, registry } = options;
  const names = options.names ?? profile.quality.names;
  return {
    schema: SCHEMA,
    startedAt: new Date().toISOString(),
    seconds: 0,
    partial: false,
    profile: profile.name,
    seed,
    command,
    machine: { ...machine, clockStepMs: (options.clock ?? machineClock()).stepMs },
    devices: [],
    variants: chooseSubjects(registry, { ...options, names }).map(({ facts }) => facts),
    rows: [],
    states: [],
    memory: [],
  };
}

/** Results with the trainings in them. */
export function withTrainings(
  results: Results,
  {
    quality,
    claims,
    rasp,
  }: {
    readonly quality?: Quality | undefined;
    readonly claims?: Claims | undefined;
    readonly rasp?: RaspResults | undefined;
  },
  partial: boolean,
): Results {
  return {
    ...results,
    ...(quality && { quality }),
    ...(claims && { claims }),
    ...(rasp && { rasp }),
    partial: results.partial || partial,
    seconds: (Date.now() - Date.parse(results.startedAt)) / 1000,
    devices: withTrainers(results.devices, [...(quality?.cells ?? []), ...(rasp?.cells ?? [])]),
  };
}

/** Devices of a run, and those that something was trained on. */
export function withTrainers(
  devices: Results['devices'],
  cells: readonly { readonly timing?: { readonly device: string; readonly engine: string } | undefined }[],
): Results['devices'] {
  const ran = distinct(
    cells.flatMap(({ timing }) => timing ?? []),
    ({ device, engine }) => `${device} ${engine}`,
  ).map((pair) => pair.split(' ') as [string, string]);
  const known = new Set(devices.map(({ name }) => name));
  return [
    ...devices,
    ...ran
      .filter(([name]) => !known.has(name))
      .map(([name, engine]) => ({ name, engine, emulated: false, details: {} })),
  ];
}
