import type { AttentionVariant } from '@headwise/attention-variants';
import { ReferenceAnswers, TOLERANCE } from './check.ts';
import { type Clock, machineClock, yieldToEvents } from './clock.ts';
import {
  builtInDevices,
  type DeviceSource,
  type Engine,
  type OpenedEngines,
  openEngines,
} from './engines.ts';
import { messageOf, Unsupported } from './errors.ts';
import { formatBytes, formatDuration, formatMs } from './format.ts';
import type { Profile } from './profiles.ts';
import {
  type CheckReport,
  type DeviceFacts,
  type MachineFacts,
  type Results,
  type Row,
  SCHEMA,
} from './results.ts';
import { type JobGroup, type JobResult, type ScheduleResult, schedule } from './schedule.ts';
import { summarize } from './statistics.ts';
import { chooseSubjects, keepsOf, type SubjectOptions } from './subjects.ts';
import { planAttention } from './suites/attention.ts';
import { type BenchCache, planCache } from './suites/cache.ts';
import { planDevice } from './suites/device.ts';
import { measureLimits } from './suites/limits.ts';
import { measureMemory, stateFacts } from './suites/memory.ts';
import { planModel } from './suites/model.ts';
import type { GroupPlan, PlanContext, RowFacts, RowPlan } from './suites/suite.ts';

/** What is going on, for a progress display. */
export interface RunProgress {
  readonly stage: 'check' | 'limits' | 'time' | 'memory' | 'train';
  readonly label: string;
  /** Of the stage, 0 … 1. */
  readonly done: number;
  /** Of the whole run, where it can be told. */
  readonly leftMs?: number;
}

export interface RunOptions extends SubjectOptions {
  readonly profile: Profile;
  readonly registry: Readonly<Record<string, AttentionVariant>>;
  readonly caches: readonly BenchCache[];
  /** Devices by name, the main one first. */
  readonly devices: readonly string[];
  readonly deviceSource?: DeviceSource;
  readonly machine: Omit<MachineFacts, 'clockStepMs'>;
  /** Bytes that are free; asked once. */
  readonly availableBytes: number;
  readonly seed?: number;
  /** What time is read from. Default: this machine's. */
  readonly clock?: Clock | undefined;
  /** As typed, for the record. */
  readonly command?: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

/** Share of the free memory that rows of one group may take. */
const MEMORY_SHARE = 0.7;

/** Useful GFLOP/s that a call reaches at least, before there is a measurement: refuses only what is hopeless. */
const SLOWEST = { real: 0.3, emulated: 0.02 } as const;

/**
 * The whole benchmark: opens devices, checks every variant against the reference at the shapes to be timed, times what
 * passed, and returns results that say everything. Free of Node: a page runs the same.
 *
 * @throws {UsageError} for variants or devices that are not known, or when no device works.
 */
export async function runBenchmark(options: RunOptions): Promise<Results> {
  const { profile, seed = 1, signal } = options;
  const startedAt = new Date();
  const subjects = chooseSubjects(options.registry, options);
  const source = options.deviceSource ?? builtInDevices;
  const opened = await openEngines(options.devices, source);
  const reference = await source.create('reference');
  const context: PlanContext = {
    profile,
    engines: opened.engines,
    subjects,
    answers: new ReferenceAnswers(reference),
    seed,
  };
  const clock = options.clock ?? machineClock();
  try {
    const run = new Run(options, planAll(context, options.caches), clock);
    const devices = await deviceFacts(opened, options, clock);
    await run.check();
    const timed = await run.time();
    const memory =
      profile.suites.includes('memory') && !signal?.aborted
        ? await measureMemory(context, {
            available: options.availableBytes * MEMORY_SHARE,
            stopped: () => signal?.aborted ?? false,
            onProgress: async (label, done) => {
              options.onProgress?.({ stage: 'memory', label, done });
              await yieldToEvents();
            },
          })
        : [];
    return {
      schema: SCHEMA,
      startedAt: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      partial: signal?.aborted ?? false,
      profile: profile.name,
      seed,
      command: options.command ?? '',
      machine: { ...options.machine, clockStepMs: clock.stepMs },
      devices: devices.map((facts) => ({ ...facts, ...ranOn(facts.name, opened.engines) })),
      variants: subjects.map((subject) => {
        const keeps = keepsOf(subject, profile.shape);
        return { ...subject.facts, ...(keeps !== undefined && { keeps }) };
      }),
      rows: run.rows(timed),
      states: stateFacts(context),
      memory,
    };
  } finally {
    for (const { device } of opened.engines) device.dispose();
    reference.dispose();
  }
}

function planAll(context: PlanContext, caches: readonly BenchCache[]): GroupPlan[] {
  const { suites } = context.profile;
  return [
    ...(suites.includes('attention') ? planAttention(context) : []),
    ...(suites.includes('model') ? planModel(context) : []),
    ...(suites.includes('cache') ? planCache(context, caches) : []),
    ...(suites.includes('device') ? planDevice(context) : []),
  ];
}

async function deviceFacts(
  { engines, missing }: OpenedEngines,
  { profile, onProgress, signal }: RunOptions,
  { now }: Clock,
): Promise<DeviceFacts[]> {
  const facts: DeviceFacts[] = [];
  for (const [i, engine] of engines.entries()) {
    const { name, emulated, device } = engine;
    onProgress?.({ stage: 'limits', label: `limits of ${name}`, done: i / engines.length });
    await yieldToEvents();
    const limits = profile.limits && !signal?.aborted ? { limits: await measureLimits(engine, now) } : {};
    facts.push({ name, emulated, details: { ...device.details }, ...limits });
  }
  return [...facts, ...missing];
}

function ranOn(name: string, engines: readonly Engine[]): { engine: string } | object {
  const ran = engines.find((engine) => engine.name === name)?.device.ran;
  return ran === undefined ? {} : { engine: ran };
}

type Verdict = Pick<Row, 'status'> & { readonly reason?: string };

/** The plan of a run, and what is known of each row so far. */
class Run {
  readonly #options: RunOptions;
  readonly #groups: readonly GroupPlan[];
  readonly #clock: Clock;
  readonly #verdicts = new Map<RowPlan, Verdict>();
  readonly #reports = new Map<string, CheckReport>();
  /** Why a device refuses what a check asked of it, by the check's key. */
  readonly #refusals = new Map<string, string>();
  readonly #facts = new Map<RowPlan, Partial<RowFacts>>();

  constructor(options: RunOptions, groups: readonly GroupPlan[], clock: Clock) {
    this.#options = options;
    this.#groups = groups;
    this.#clock = clock;
    for (const group of groups) this.#refuseWhatCannotRun(group);
  }

  /** Rows that have no chance are known before anything runs; the rest of the group goes on. */
  #refuseWhatCannotRun({ rows }: GroupPlan): void {
    const room = this.#options.availableBytes * MEMORY_SHARE;
    const { longestCallMs } = this.#options.profile;
    let taken = 0;
    for (const row of rows) {
      const { bytes, what } = row.needs;
      if (row.unsupported !== undefined) {
        this.#verdicts.set(row, { status: 'unsupported', reason: row.unsupported });
        continue;
      }
      if (taken + bytes > room) {
        const beside =
          bytes <= room ? ' beside the other rows of its group (fewer --variants make room)' : '';
        const reason = `needs about ${formatBytes(bytes)} (${what}); ${formatBytes(room - Math.min(taken, room))} may be used${beside}`;
        this.#verdicts.set(row, { status: 'does-not-fit', reason });
        continue;
      }
      const rate = row.engine.emulated ? SLOWEST.emulated : SLOWEST.real;
      const ms = ((row.head.work?.flops ?? 0) * (row.divideBy ?? 1)) / (rate * 1e6);
      if (ms > 20 * longestCallMs) {
        this.#verdicts.set(row, { status: 'too-slow', reason: tooSlow(ms, longestCallMs) });
        continue;
      }
      taken += bytes;
    }
  }

  #live({ rows }: GroupPlan): RowPlan[] {
    return rows.filter((row) => !this.#verdicts.has(row));
  }

  /** Checks whatever will be timed; a red subject is red in all its rows on that device, in this suite. */
  async check(): Promise<void> {
    const { signal, onProgress, profile } = this.#options;
    const rows = this.#groups.flatMap((group) => this.#live(group));
    const checks = new Map(rows.flatMap(({ check }) => (check ? [[check.key, check] as const] : [])));
    let index = 0;
    for (const [key, check] of checks) {
      if (signal?.aborted) return;
      const done = index++ / checks.size;
      const onCase = async (label: string): Promise<void> => {
        onProgress?.({ stage: 'check', label, done, leftMs: profile.budgetMs });
        await yieldToEvents();
      };
      try {
        this.#reports.set(key, await check.run(onCase));
      } catch (error) {
        if (error instanceof Unsupported) this.#refusals.set(key, error.message);
        else this.#reports.set(key, brokenReport(messageOf(error)));
      }
    }
    for (const row of rows) {
      const keys = rows.flatMap((other) => (other.check && sameSubject(row, other) ? [other.check.key] : []));
      const refused = keys.map((key) => this.#refusals.get(key)).find((reason) => reason !== undefined);
      const red = keys.map((key) => this.#reports.get(key)).find((report) => report?.passed === false);
      if (red)
        this.#verdicts.set(row, { status: 'failed', reason: red.reason ?? 'differs from the reference' });
      else if (refused !== undefined) this.#verdicts.set(row, { status: 'unsupported', reason: refused });
    }
  }

  async time(): Promise<ScheduleResult> {
    const { profile, seed = 1, signal, onProgress } = this.#options;
    if (signal?.aborted) return new Map();
    const rates = new Rates(this.#clock.now);
    // steps of decoding are what most people ask about, and cheap: first, should the time run out
    const decoding = ({ rows }: GroupPlan): number => (rows[0]?.head.phase === 'decode' ? 0 : 1);
    const groups = [...this.#groups]
      .sort((a, b) => decoding(a) - decoding(b))
      .map(
        (group): JobGroup => ({
          id: group.id,
          label: group.label,
          jobs: this.#live(group).map((row) => ({
            id: row.head.id,
            label: row.head.subject,
            ...(row.maxCalls !== undefined && { maxCalls: row.maxCalls }),
            admit: () => {
              const ms = rates.predict(row);
              return ms !== undefined && ms > profile.longestCallMs
                ? { status: 'too-slow', reason: tooSlow(ms, profile.longestCallMs) }
                : undefined;
            },
            prepare: async () => {
              const prepared = await row.prepare((facts) => {
                this.#facts.set(row, { ...this.#facts.get(row), ...facts });
              });
              return rates.watch(row, prepared);
            },
          })),
        }),
      )
      .filter(({ jobs }) => jobs.length > 0);
    return schedule(groups, {
      budgetMs: profile.budgetMs,
      minRounds: profile.minRounds,
      maxRounds: profile.maxRounds,
      target: profile.target,
      visits: profile.visits,
      clockStepMs: this.#clock.stepMs,
      clock: this.#clock.now,
      seed,
      signal,
      onProgress: ({ group, job, round, done, leftMs }) => {
        const what = job === '' ? `round ${round}` : `setting up ${job}`;
        onProgress?.({ stage: 'time', label: `${group}, ${what}`, done, leftMs });
      },
    });
  }

  /** All rows, timed or not, in the order of the plan. */
  rows(timed: ScheduleResult): Row[] {
    return this.#groups.flatMap((group) => group.rows.map((row) => this.#row(row, timed.get(row.head.id))));
  }

  #row(plan: RowPlan, result: JobResult | undefined): Row {
    const report = plan.check && this.#reports.get(plan.check.key);
    const divisor = plan.divideBy ?? 1;
    const verdict = this.#verdicts.get(plan) ?? result?.refused ?? tooShort(result);
    // a row that broke half-way keeps no time: what it measured before may be wrong as well
    const samples = verdict
      ? []
      : (result?.samples ?? []).map(({ round, ms }) => ({ round, ms: ms / divisor }));
    const summary = samples.length > 0 ? summarize(samples.map(({ ms }) => ms)) : undefined;
    const status = verdict ?? this.#outcome(samples.length);
    return {
      ...plan.head,
      ...this.#facts.get(plan),
      ...status,
      ...(report && { check: report }),
      calls: result?.calls ?? 1,
      warmup: (result?.warmup ?? []).map((ms) => ms / divisor),
      samples,
      ...(summary && { summary, waitMs: result!.waitMs }),
    };
  }

  #outcome(samples: number): Verdict {
    if (samples > 0) return { status: 'ok' };
    const { profile, signal } = this.#options;
    const reason = signal?.aborted
      ? 'the run was interrupted before'
      : `the time budget of ${formatDuration(profile.budgetMs)} ended before (--budget raises it)`;
    return { status: 'not-reached', reason };
  }
}

/** A check that could not be carried out is a check that did not pass. */
function brokenReport(reason: string): CheckReport {
  return {
    passed: false,
    cases: [],
    worst: 0,
    worstAt: '',
    tolerance: TOLERANCE,
    reason: `threw: ${reason}`,
  };
}

function sameSubject(a: RowPlan, b: RowPlan): boolean {
  return a.head.subject === b.head.subject && a.head.suite === b.head.suite && a.engine === b.engine;
}

/** Work that is over before the device can be asked whether it is has no time. */
function tooShort(result: JobResult | undefined): Verdict | undefined {
  if (!result || result.samples.length === 0 || summarize(result.samples.map(({ ms }) => ms)).median > 0)
    return undefined;
  const reason = `too short to time: ${result.calls} calls are not told from waiting for the device (${formatMs(result.waitMs)})`;
  return { status: 'unsupported', reason };
}

function tooSlow(ms: number, longest: number): string {
  return `one call is expected to take ${formatDuration(ms)}, this run allows ${formatDuration(longest)} (--longest-call raises it)`;
}

/** How fast each subject was, to predict its larger contexts. */
class Rates {
  readonly #now: () => number;
  /** Milliseconds per FLOP by engine, subject and phase, of the largest work so far. */
  readonly #known = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  predict(row: RowPlan): number | undefined {
    const rate = this.#known.get(keyOf(row));
    return rate === undefined ? undefined : rate * flopsOf(row);
  }

  /** Passes calls on, and notes how long they take. */
  watch<T extends { call(): void | Promise<void>; settled(): Promise<void> }>(row: RowPlan, prepared: T): T {
    let start = 0;
    let calls = 0;
    return {
      ...prepared,
      call: () => {
        if (calls++ === 0) start = this.#now();
        return prepared.call();
      },
      settled: async () => {
        await prepared.settled();
        if (calls > 0 && flopsOf(row) > 0)
          this.#known.set(keyOf(row), (this.#now() - start) / calls / flopsOf(row));
        calls = 0;
      },
    };
  }
}

function keyOf({ head }: RowPlan): string {
  return `${head.suite} ${head.device} ${head.subject} ${head.phase} b${head.batch}`;
}

function flopsOf({ head, divideBy = 1 }: RowPlan): number {
  return (head.work?.flops ?? 0) * divideBy;
}
