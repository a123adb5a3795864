import { cac } from 'cac';
import { UsageError } from '../errors.ts';
import { type Profile, profiles, type QualityProfile } from '../profiles.ts';
import type { QualityComparison } from '../quality/contract.ts';
import type { RaspRecipe } from '../rasp/contract.ts';
import { raspSubjects } from '../rasp/run.ts';
import type { SuiteName } from '../results.ts';
import { readShard, type Shard } from '../sweep.ts';

/** The command line, read and checked. */
export interface CliOptions {
  readonly profile: Profile;
  readonly variants: readonly string[] | undefined;
  /** Files of variants from outside. */
  readonly files: readonly string[];
  readonly devices: readonly string[] | undefined;
  readonly baseline: string | undefined;
  readonly out: string;
  readonly compare: string | undefined;
  readonly failAt: number;
  /** Document whose tables are regenerated. */
  readonly markdown: string | undefined;
  /** Results of an earlier run, in place of running. */
  readonly from: string | undefined;
  readonly browser: boolean;
  readonly seed: number;
  /** A text to train on, in place of little stories. */
  readonly text: string | undefined;
  /** What is held equal between trainings. */
  readonly comparisons: readonly QualityComparison[];
  /** The part of the trainings that this run does. Default what the environment says, else all. */
  readonly shard: Shard | undefined;
  /** What was asked for, for the record. */
  readonly command: string;
}

/** Options that say what is measured and how: an earlier run has its own. */
const MEASURING = [
  'profile',
  'suites',
  'variants',
  'variant',
  'baseline',
  'devices',
  'context',
  'prefill',
  'decode',
  'batch',
  'heads',
  'headWidth',
  'layers',
  'budget',
  'longestCall',
  'browser',
  'seed',
  'seeds',
  'steps',
  'text',
  'compute',
  'shard',
  'tasks',
  'encodings',
] as const;

/** Options that say how models are trained: nothing else does. */
const TRAINING = ['seeds', 'steps', 'shard'] as const;
/** Of which models of a text. */
const TEXTS = ['text', 'compute'] as const;
/** And of algorithms. */
const ALGORITHMS = ['tasks', 'encodings'] as const;

const SUITES: readonly SuiteName[] = [
  'attention',
  'model',
  'cache',
  'memory',
  'device',
  'quality',
  'claims',
  'rasp',
];
/** Suites that train. */
export const TRAINS: ReadonlySet<SuiteName> = new Set<SuiteName>(['quality', 'claims', 'rasp']);

/** What one types in this repository; who carries the command says what it is called there. */
export const CALLED = 'npm run bench --';

function program(called: string) {
  const cli = cac(called);
  cli
    .command('', 'Measure what attention variants cost and save on this machine')
    .option('--profile <name>', 'quick (under 2 minutes; when left out), full or ci')
    .option('--suites <list>', `Of ${SUITES.join(', ')}`)
    .option('--variants <list>', 'Names of the registry; all when left out')
    .option('--variant <file>', 'A variant of your own, beside them: ./mine.ts (may be repeated)')
    .option('--baseline <name>', 'Variant the others are divided by; the first when left out')
    .option(
      '--devices <list>',
      'gpujs:webasm,gpujs:cpu when left out (wasm where gpu.js is not); the first gets every context',
    )
    .option('--context <list>', 'Tokens, for prefill and decode')
    .option('--prefill <list>', 'Tokens, for prefill alone')
    .option('--decode <list>', 'Tokens, for decode alone')
    .option('--batch <list>', 'Sequences at once')
    .option('--heads <n>', 'Query heads; the model width follows')
    .option('--head-width <n>', 'Width of a head; the model width follows')
    .option('--layers <n>', 'Layers of the timed stack')
    .option('--budget <seconds>', 'Time for timing')
    .option('--longest-call <seconds>', 'A call expected to take longer is not started')
    .option('--out <folder>', 'Where the report goes', { default: 'bench-report' })
    .option('--compare <results.json>', 'Another run: what changed of each ratio to the baseline')
    .option(
      '--fail-at <ratio>',
      'With --compare: exit 1 when a ratio to the baseline grew by more; 1.2 when left out',
    )
    .option('--from <results.json>', 'Report, compare or tabulate an earlier run instead of running')
    .option('--markdown [file]', 'Regenerate the tables of BENCHMARKS.md')
    .option('--browser', 'Run in headless Chromium on webgpu, webgl2 and webasm')
    .option('--seed <n>', 'Of inputs and of the order of rows; 1 when left out')
    .option('--seeds <n>', 'Trainings of each variant or task (these four: --suites quality, claims, rasp)')
    .option('--steps <n>', 'Steps of a training')
    .option('--text <file>', 'A text to train on; little stories when left out')
    .option('--compute', 'Train at equal compute as well as at equal parameters')
    .option('--tasks <list>', 'Algorithms to learn; all when left out (these two: --suites rasp)')
    .option('--encodings <list>', 'Encodings of positions to learn them with')
    .option('--shard <i/n>', 'Train this part only; also from Slurm arrays, Indexed Jobs and HEADWISE_SHARDS')
    .example(`  ${called} merge part1 part2 --out all    joins the parts of such a sweep into one report`);
  cli.help();
  return cli;
}

/**
 * @param called what the command is called where help is shown
 * @returns `undefined` when only help was asked for (and printed).
 * @throws {UsageError} naming the option, what it got and what it takes.
 */
export function readOptions(argv: readonly string[], called = CALLED): CliOptions | undefined {
  const cli = program(called);
  const { options, args } = cli.parse(['node', 'bench', ...argv.filter((arg) => arg !== '--')], {
    run: false,
  });
  if (options.help) return undefined;
  try {
    if (args.length > 0) throw new Error(`unexpected argument ${JSON.stringify(args[0])}`);
    cli.matchedCommand?.checkUnknownOptions();
    cli.matchedCommand?.checkOptionValue();
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; ${called} --help lists the options`);
  }
  const given = options as Record<string, unknown>;
  checkTogether(given);
  const seed = count(given, 'seed', 0) ?? 1;
  return {
    profile: adjust(profileOf(given), given, seed),
    variants: list(given, 'variants'),
    files: ([given.variant].flat() as unknown[]).filter((file) => file !== undefined).map(String),
    devices: list(given, 'devices'),
    baseline: given.baseline === undefined ? undefined : String(given.baseline),
    out: String(given.out),
    compare: given.compare === undefined ? undefined : String(given.compare),
    failAt: number(given, 'failAt', 1) ?? 1.2,
    markdown:
      given.markdown === undefined
        ? undefined
        : given.markdown === true
          ? 'BENCHMARKS.md'
          : String(given.markdown),
    from: given.from === undefined ? undefined : String(given.from),
    browser: given.browser === true,
    seed,
    text: given.text === undefined ? undefined : String(given.text),
    comparisons: given.compute === true ? ['equal-parameters', 'equal-compute'] : ['equal-parameters'],
    shard: given.shard === undefined ? undefined : readShard(String(given.shard)),
    command: ['bench', ...argv].join(' '),
  };
}

/** What would be ignored is refused: who typed it believes that it did something. */
function checkTogether(given: Record<string, unknown>): void {
  if (given.failAt !== undefined && given.compare === undefined)
    throw new UsageError('--fail-at needs --compare <results.json>: the run to compare with');
  const ignored = MEASURING.filter((name) => given[name] !== undefined).map((name) => `--${kebab(name)}`);
  if (given.from !== undefined && ignored.length > 0) {
    const they = ignored.length === 1 ? 'says' : 'say';
    throw new UsageError(
      `--from reports a run that is over; ${ignored.join(', ')} ${they} what is to be measured. Leave out one or the other`,
    );
  }
  const suites = list(given, 'suites') ?? [];
  const trains = suites.some((suite) => TRAINS.has(suite as SuiteName));
  const idle = (names: readonly string[]): string[] =>
    names.filter((name) => given[name] !== undefined).map((name) => `--${name}`);
  if (!trains && idle(TRAINING).length > 0)
    throw new UsageError(
      `${idle(TRAINING).join(', ')} is about trainings: add --suites quality, claims or rasp`,
    );
  if (!(suites.includes('quality') || suites.includes('claims')) && idle(TEXTS).length > 0)
    throw new UsageError(
      `${idle(TEXTS).join(', ')} is about models of a text: add --suites quality or claims`,
    );
  if (!suites.includes('rasp') && idle(ALGORITHMS).length > 0)
    throw new UsageError(`${idle(ALGORITHMS).join(', ')} is about algorithms to learn: add --suites rasp`);
  if (trains && given.browser !== undefined)
    throw new UsageError(
      '--browser does not train; leave it out, or take quality, claims and rasp out of --suites',
    );
}

function profileOf({ profile = 'quick' }: Record<string, unknown>): Profile {
  if (!Object.hasOwn(profiles, String(profile)))
    throw new UsageError(`--profile must be one of ${Object.keys(profiles).join(', ')}, got ${profile}`);
  return profiles[String(profile) as keyof typeof profiles];
}

function adjust(base: Profile, given: Record<string, unknown>, seed: number): Profile {
  const context = counts(given, 'context');
  const prefill = counts(given, 'prefill') ?? context;
  const decode = counts(given, 'decode') ?? context;
  const heads = count(given, 'heads') ?? base.shape.H;
  const width = count(given, 'headWidth') ?? base.shape.D;
  const budget = number(given, 'budget', 1e-3);
  const longest = number(given, 'longestCall', 1e-3);
  const suites = list(given, 'suites');
  for (const suite of suites ?? []) {
    if (!SUITES.includes(suite as SuiteName))
      throw new UsageError(`--suites takes ${SUITES.join(', ')}, got ${JSON.stringify(suite)}`);
  }
  return {
    ...base,
    ...(suites && { suites: suites as SuiteName[] }),
    // contexts asked for by name are wanted on every device
    ...((prefill || decode) && { contextsElsewhere: Number.POSITIVE_INFINITY }),
    prefill: prefill ?? base.prefill,
    decode: decode ?? base.decode,
    batch: counts(given, 'batch') ?? base.batch,
    shape: {
      ...base.shape,
      H: heads,
      D: width,
      E: heads * width,
      layers: count(given, 'layers') ?? base.shape.layers,
    },
    quality: adjustTraining(base.quality, given, seed),
    claims: adjustTraining(base.claims, given, seed),
    rasp: adjustRasp(base.rasp, given, seed),
    ...(budget !== undefined && { budgetMs: 1000 * budget }),
    ...(longest !== undefined && { longestCallMs: 1000 * longest }),
  };
}

function adjustTraining(base: QualityProfile, given: Record<string, unknown>, seed: number): QualityProfile {
  const steps = count(given, 'steps', 2) ?? base.steps;
  const seeds = count(given, 'seeds') ?? base.seeds.length;
  return {
    ...base,
    steps,
    warmup: Math.min(base.warmup, Math.ceil(steps / 10)),
    seeds: Array.from({ length: seeds }, (_, i) => seed + i),
  };
}

/** @throws {UsageError} for a task or an encoding that is not known. */
function adjustRasp(base: RaspRecipe, given: Record<string, unknown>, seed: number): RaspRecipe {
  const steps = count(given, 'steps', 2);
  const seeds = count(given, 'seeds') ?? base.seeds.length;
  const encodings = list(given, 'encodings') ?? base.encodings;
  const names = list(given, 'tasks') ?? Object.keys(base.tasks);
  raspSubjects({
    encodings,
    tasks: Object.fromEntries(names.map((name) => [name, { length: 1, steps: 2 }])),
  });
  const tasks = Object.entries(base.tasks)
    .filter(([name]) => names.includes(name))
    .map(([name, task]) => [name, { ...task, steps: steps ?? task.steps }] as const);
  return {
    ...base,
    tasks: Object.fromEntries(tasks),
    encodings,
    seeds: Array.from({ length: seeds }, (_, i) => seed + i),
    ...(steps !== undefined && { warmup: Math.min(base.warmup, Math.ceil(steps / 10)) }),
  };
}

function list(given: Record<string, unknown>, name: string): string[] | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const items = [value].flat().flatMap((item) => String(item).split(','));
  const words = items.map((item) => item.trim()).filter((item) => item !== '');
  if (words.length === 0) throw new UsageError(`--${kebab(name)} needs at least one name`);
  return words;
}

function counts(given: Record<string, unknown>, name: string): number[] | undefined {
  const numbers = list(given, name)?.map((item) => wholeNumber(name, item, 1));
  return numbers && [...new Set(numbers)].sort((a, b) => a - b);
}

function count(given: Record<string, unknown>, name: string, least = 1): number | undefined {
  return given[name] === undefined ? undefined : wholeNumber(name, given[name], least);
}

function wholeNumber(name: string, value: unknown, least: number): number {
  const read = Number(value);
  if (!Number.isSafeInteger(read) || read < least || String(value).trim() === '')
    throw new UsageError(
      `--${kebab(name)} takes whole numbers from ${least} on, got ${JSON.stringify(value)}`,
    );
  return read;
}

function number(given: Record<string, unknown>, name: string, least: number): number | undefined {
  if (given[name] === undefined) return undefined;
  const value = Number(given[name]);
  if (!(value >= least) || !Number.isFinite(value))
    throw new UsageError(
      `--${kebab(name)} takes a number from ${least} on, got ${JSON.stringify(given[name])}`,
    );
  return value;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
