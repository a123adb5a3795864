import { now, yieldToEvents } from './clock.ts';
import { messageOf, Unsupported } from './errors.ts';
import { createRandom, shuffled } from './random.ts';
import { medianEstimate, quantile, relativeHalfWidth, type Sample } from './statistics.ts';

/** A job set up for one visit. */
export interface Prepared {
  /** One call of the work; it may return before the device is done. */
  call(): void | Promise<void>;
  /** Resolves when the device is done with everything asked for. Called after each call, and once more for its own cost. */
  settled(): Promise<void>;
  /** Untimed, before each sample of so many calls: puts the state back to what they expect. */
  reset?(calls: number): void | Promise<void>;
  dispose(): void;
}

/** One row to time. */
export interface Job {
  readonly id: string;
  readonly label: string;
  /** Most calls a sample may hold (a cache has room for so many steps). Default 64. */
  readonly maxCalls?: number;
  /** Why the job cannot run after all: asked once, before its first set-up. */
  admit?(): { readonly status: 'does-not-fit' | 'too-slow'; readonly reason: string } | undefined;
  prepare(): Promise<Prepared>;
}

/** Jobs that are compared with each other: they take turns, call by call. */
export interface JobGroup {
  readonly id: string;
  readonly label: string;
  readonly jobs: readonly Job[];
}

/** What came of one job. */
export interface JobResult {
  samples: Sample[];
  /** Waiting included: the first call, before anything is known. */
  warmup: number[];
  calls: number;
  /** Median of waiting for a device that has nothing to do: taken off each call. */
  waitMs: number;
  refused?: {
    readonly status: 'does-not-fit' | 'too-slow' | 'failed' | 'unsupported';
    readonly reason: string;
  };
}

export interface ScheduleOptions {
  /** Time for everything. The first visit of each group is finished even so, up to half as much again. */
  readonly budgetMs: number;
  /** Samples before the budget may cut a row short. */
  readonly minRounds: number;
  readonly maxRounds: number;
  /** A group is done when every row's interval has a relative half-width below this. */
  readonly target: number;
  /** Visits that the budget is spread over, so that samples of one row lie minutes apart. */
  readonly visits: number;
  readonly clockStepMs: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly clock?: () => number;
}

/** Sent before every set-up and after every round. */
export interface Progress {
  readonly group: string;
  readonly job: string;
  readonly round: number;
  /** 0 … 1 */
  readonly done: number;
  readonly leftMs: number;
}

/** Samples per job id. */
export type ScheduleResult = Map<string, JobResult>;

interface GroupState {
  readonly group: JobGroup;
  rounds: number;
  /** What one round of the whole group took last. */
  roundMs: number;
  settled: boolean;
}

/** A call of a sample with the wait that ends it, and such a wait alone. */
interface Taken {
  /** Mean of the sample's calls. */
  readonly ms: number;
  readonly waitMs: number;
}

const STEPS_OF_THE_CLOCK = 20;
/** Below this a sample is mostly the awaiting around it. */
const SHORTEST_SAMPLE_MS = 0.2;
/** Work in a sample, in times of one wait: the noise of the waits averages out. */
const WAITS_PER_SAMPLE = 10;
const SHORTEST_VISIT_MS = 100;
/** Rounds of a first visit, unless they take more than this part of the budget: enough to tell apart among 100. */
const FIRST_ROUNDS = 12;
const FIRST_SHARE = 22;
/** Compilation is small beside such a call: one warm-up is enough. */
const LONG_CALL_MS = 2000;

/**
 * Times groups of jobs. Inside a group the jobs take turns in an order shuffled anew each round, so that a slow
 * moment hits all alike; every group is visited several times over the run, so that a slow minute does too. Rounds
 * go to all groups alike until a group's intervals are narrow enough, the most rounds are reached or the time is up.
 */
export async function schedule(
  groups: readonly JobGroup[],
  options: ScheduleOptions,
): Promise<ScheduleResult> {
  const results: ScheduleResult = new Map(
    groups.flatMap((group) =>
      group.jobs.map((job) => [job.id, { samples: [], warmup: [], calls: 1, waitMs: 0 }]),
    ),
  );
  const states = groups.map((group): GroupState => ({ group, rounds: 0, roundMs: 0, settled: false }));
  const clock = options.clock ?? now;
  const visitor = new Visitor(options, clock, clock(), results);

  for (const [i, state] of states.entries()) {
    if (visitor.stopped || clock() > visitor.start + 1.5 * options.budgetMs) break;
    visitor.shareDone = i / states.length / options.visits;
    // cheap groups get their interval of 95 % at once; dear ones the least, and the rest of the time decides
    await visitor.visit(state, {
      least: options.minRounds,
      rounds: Math.min(options.maxRounds, Math.max(options.minRounds, FIRST_ROUNDS)),
      until: clock() + options.budgetMs / FIRST_SHARE,
    });
  }
  for (let pass = 1; !visitor.stopped; pass++) {
    const open = states.filter((state) => !state.settled && state.rounds > 0);
    if (open.length === 0 || clock() >= visitor.deadline) break;
    const passesLeft = Math.max(1, options.visits - pass);
    for (const [i, state] of open.entries()) {
      if (visitor.stopped || clock() >= visitor.deadline) break;
      visitor.shareDone = Math.min(1, (pass + i / open.length) / Math.max(options.visits, pass + 1));
      const rest = open.slice(i).reduce((sum, { roundMs }) => sum + roundMs, 0);
      const all = open.reduce((sum, { roundMs }) => sum + roundMs, 0);
      const share = state.roundMs / Math.max(1e-9, rest + all * (passesLeft - 1));
      const slice = Math.max(SHORTEST_VISIT_MS, (visitor.deadline - clock()) * share);
      await visitor.visit(state, {
        least: 1,
        rounds: options.maxRounds - state.rounds,
        until: Math.min(visitor.deadline, clock() + slice),
      });
    }
  }
  return results;
}

/** Walks into a group, times rounds, walks out; keeps what every visit shares. */
class Visitor {
  readonly deadline: number;
  shareDone = 0;
  readonly #random: () => number;
  readonly #admitted = new Set<string>();
  /** Samples as measured, waiting included, by job. */
  readonly #taken = new Map<string, (Taken & { readonly round: number })[]>();

  constructor(
    readonly options: ScheduleOptions,
    readonly clock: () => number,
    readonly start: number,
    readonly results: ScheduleResult,
  ) {
    this.deadline = start + options.budgetMs;
    this.#random = createRandom(options.seed);
  }

  get stopped(): boolean {
    return this.options.signal?.aborted ?? false;
  }

  async visit(state: GroupState, limit: { least: number; rounds: number; until: number }): Promise<void> {
    const live = new Map<Job, Prepared>();
    try {
      await this.#enter(state, live);
      const { maxRounds, target, minRounds } = this.options;
      for (let round = 0; round < limit.rounds && live.size > 0 && !this.stopped; round++) {
        const before = this.clock();
        if (round >= limit.least && before + state.roundMs > limit.until) break;
        for (const [job, prepared] of shuffled([...live], this.#random)) {
          if (this.stopped) return;
          await this.#attempt(job, live, () => this.#sample(job, prepared, state.rounds));
        }
        state.rounds++;
        state.roundMs = this.clock() - before;
        this.#report(state, '');
        state.settled =
          state.rounds >= maxRounds || (state.rounds >= minRounds && this.#narrow(live, target));
        if (state.settled) return;
      }
      if (live.size === 0) state.settled = true;
    } finally {
      for (const prepared of live.values()) prepared.dispose();
    }
  }

  /** Sets up every job that is still in the race, and warms it up: compilation, caches, branch predictors. */
  async #enter(state: GroupState, live: Map<Job, Prepared>): Promise<void> {
    for (const job of state.group.jobs) {
      if (this.stopped) return;
      const result = this.results.get(job.id)!;
      if (result.refused) continue;
      this.#report(state, job.label);
      if (!this.#admitted.has(job.id)) {
        this.#admitted.add(job.id);
        const refused = job.admit?.();
        if (refused) {
          result.refused = refused;
          continue;
        }
      }
      await this.#attempt(job, live, async () => {
        const prepared = await job.prepare();
        live.set(job, prepared);
        const cold = await this.#time(prepared, 1);
        result.warmup.push(cold.ms);
        const warm = cold.ms > LONG_CALL_MS ? cold : await this.#time(prepared, 1);
        if (result.samples.length === 0) {
          // a single slow wait must not pass for the whole of a call
          const waitMs = Math.min(cold.waitMs, warm.waitMs);
          const shortest = Math.max(
            SHORTEST_SAMPLE_MS,
            STEPS_OF_THE_CLOCK * this.options.clockStepMs,
            WAITS_PER_SAMPLE * waitMs,
          );
          const wanted = Math.ceil(shortest / Math.max(warm.ms - waitMs, 1e-6));
          result.calls = Math.min(Math.max(1, wanted), job.maxCalls ?? 64);
        }
      });
    }
  }

  /** A job that throws leaves the race with the reason; the others go on. */
  async #attempt(job: Job, live: Map<Job, Prepared>, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const status =
        error instanceof Unsupported ? 'unsupported' : isOutOfMemory(error) ? 'does-not-fit' : 'failed';
      this.results.get(job.id)!.refused = { status, reason: messageOf(error) };
      live.get(job)?.dispose();
      live.delete(job);
    }
  }

  async #sample(job: Job, prepared: Prepared, round: number): Promise<void> {
    const result = this.results.get(job.id)!;
    const taken = this.#taken.get(job.id) ?? [];
    this.#taken.set(job.id, taken);
    taken.push({ round, ...(await this.#time(prepared, result.calls)) });
    // one wait is as good as another: their median is quieter than the wait beside the sample
    result.waitMs = quantile(
      taken.map(({ waitMs }) => waitMs),
      0.5,
    );
    result.samples = taken.map(({ round, ms }) => ({
      round,
      ms: Math.max(0, ms - result.waitMs),
    }));
  }

  /**
   * Each call with its wait, then such a wait with nothing to wait for. On WebGL a wait reads a number back, which would
   * stand in both halves of a ratio and pull it to 1. Calls never overlap: two rows may take different numbers of them.
   */
  async #time(prepared: Prepared, calls: number): Promise<Taken> {
    await prepared.reset?.(calls);
    await yieldToEvents();
    const start = this.clock();
    for (let call = 0; call < calls; call++) {
      await prepared.call();
      await prepared.settled();
    }
    const done = this.clock();
    await prepared.settled();
    return { ms: (done - start) / calls, waitMs: this.clock() - done };
  }

  #narrow(live: Map<Job, Prepared>, target: number): boolean {
    return [...live.keys()].every((job) => {
      const { samples } = this.results.get(job.id)!;
      if (samples.length < 6) return false; // fewer have no interval of 95 %
      return relativeHalfWidth(medianEstimate(samples.map(({ ms }) => ms))) <= target;
    });
  }

  #report(state: GroupState, job: string): void {
    const elapsed = this.clock() - this.start;
    const leftMs = Math.max(0, this.options.budgetMs - elapsed);
    const done = Math.min(1, Math.max(this.shareDone, elapsed / this.options.budgetMs));
    this.options.onProgress?.({ group: state.group.label, job, round: state.rounds, done, leftMs });
  }
}

/** An allocation that the engine refused, in the words of V8, WebAssembly and WebGPU. */
export function isOutOfMemory(error: unknown): boolean {
  const text = error instanceof Error ? `${error.name} ${error.message}` : String(error);
  return /allocation failed|out of memory|could not allocate|invalid (typed )?array( buffer)? length|memory\.grow|WebAssembly\.Memory|exceeds .*(limit|maximum)/i.test(
    text,
  );
}
