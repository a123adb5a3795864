import { ValueError } from '@headwise/tensor';

/** The learning rate of a step, counted from 1. */
export type Schedule = (step: number) => number;

/**
 * The same rate always.
 * @throws {ValueError} for a rate that is not a finite number ≥ 0.
 */
export function constant(rate: number): Schedule {
  positive('constant', 'rate', rate);
  return () => rate;
}

/**
 * The schedule of the original Transformer: `scale · E^−½ · min(t^−½, t · warmup^−1.5)`. Vaswani et al. 2017, eq. 3.
 * @throws {ValueError} for sizes below 1.
 */
export function inverseSquareRoot({
  E,
  warmup = 4000,
  scale = 1,
}: {
  readonly E: number;
  readonly warmup?: number;
  readonly scale?: number;
}): Schedule {
  whole('inverseSquareRoot', 'E', E, 1);
  whole('inverseSquareRoot', 'warmup', warmup, 1);
  return (step) => scale * E ** -0.5 * Math.min(step ** -0.5, step * warmup ** -1.5);
}

/** What schedules with an end are made from. */
export interface ScheduleOptions {
  /** Highest rate, reached when the warm-up ends. */
  readonly peak: number;
  /** Steps of linear growth from 0. Default 0. */
  readonly warmup?: number | undefined;
  /** Last step; from there on the rate stays at the floor. */
  readonly steps: number;
  /** Default 0. */
  readonly floor?: number | undefined;
}

/**
 * Linear growth, then a straight line down: BERT's (Devlin et al. 2019, appendix A.2).
 * @throws {ValueError} for numbers out of range.
 */
export function linearDecay(options: ScheduleOptions): Schedule {
  return withWarmup('linearDecay', options, (part) => 1 - part);
}

/**
 * Linear growth, then half a cosine down: Loshchilov & Hutter 2017, "SGDR", eq. 5, without restarts.
 * @throws {ValueError} for numbers out of range.
 */
export function cosineDecay(options: ScheduleOptions): Schedule {
  return withWarmup('cosineDecay', options, (part) => (1 + Math.cos(Math.PI * part)) / 2);
}

/**
 * Warm-up, stable, decay: Hu et al. 2024, "MiniCPM", section 4.2. `decay` is the share of the steps at the end in which
 * the rate falls, here in a straight line. Default 0.1.
 *
 * @throws {ValueError} for numbers out of range.
 */
export function warmupStableDecay({
  decay = 0.1,
  ...options
}: ScheduleOptions & { readonly decay?: number }): Schedule {
  if (!(decay > 0 && decay <= 1))
    throw new ValueError('warmupStableDecay', 'decay', 'must be above 0 and at most 1', decay);
  return withWarmup('warmupStableDecay', options, (part) => Math.min(1, (1 - part) / decay));
}

function withWarmup(
  op: string,
  { peak, warmup = 0, steps, floor = 0 }: ScheduleOptions,
  shape: (part: number) => number,
): Schedule {
  positive(op, 'peak', peak);
  positive(op, 'floor', floor);
  whole(op, 'warmup', warmup, 0);
  whole(op, 'steps', steps, 1);
  if (warmup >= steps) throw new ValueError(op, 'warmup', `must be below steps ${steps}`, warmup);
  if (floor > peak) throw new ValueError(op, 'floor', `must be at most peak ${peak}`, floor);
  return (step) => {
    if (step <= warmup) return (peak * step) / warmup;
    const part = Math.min(1, (step - warmup) / (steps - warmup));
    return floor + (peak - floor) * shape(part);
  };
}

function positive(op: string, name: string, value: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw new ValueError(op, name, 'must be a finite number ≥ 0', value);
  return value;
}

function whole(op: string, name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new ValueError(op, name, `must be a whole number ≥ ${least}`, value);
}
