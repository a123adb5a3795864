import type { LayerShape } from '@headwise/attention-variants';
import type { QualityRecipe } from './quality/contract.ts';
import type { RaspRecipe } from './rasp/contract.ts';
import { raspCi, raspFull, raspQuick } from './rasp/profile.ts';
import type { SuiteName } from './results.ts';

/** What a run does, as numbers. Everything a command-line flag can change is here. */
export interface Profile {
  readonly name: string;
  readonly suites: readonly SuiteName[];
  /** Whether the limits of each engine are measured beside the rows. */
  readonly limits: boolean;
  /** Time for timing; checks, limits and the memory suite come on top. */
  readonly budgetMs: number;
  /** The attention stack: enough layers that a sharing pattern shows. */
  readonly shape: LayerShape;
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
  /** How many of these, shortest first, devices after the first are timed at. */
  readonly contextsElsewhere: number;
  readonly batch: readonly number[];
  readonly model: ModelProfile;
  readonly quality: QualityProfile;
  readonly claims: QualityProfile;
  readonly rasp: RaspRecipe;
  readonly cache: { readonly contexts: readonly number[] };
  /** Tokens for which the memory suite really allocates each named configuration. */
  readonly allocate: number;
  readonly minRounds: number;
  readonly maxRounds: number;
  /** Relative half-width of an interval that is narrow enough. */
  readonly target: number;
  readonly visits: number;
  /** Reference work up to which a prefill is checked whole; beyond, its last queries are. */
  readonly checkWholeBelow: number;
  /** A call that would take longer is not started: it cannot be interrupted. */
  readonly longestCallMs: number;
}

export interface ModelProfile {
  readonly shape: LayerShape;
  /** Width of the feed-forward part of the baseline. */
  readonly hidden: number;
  readonly vocabulary: number;
  readonly prompt: number;
}

export interface QualityProfile
  extends Pick<
    QualityRecipe,
    'shape' | 'hidden' | 'T' | 'B' | 'steps' | 'rate' | 'warmup' | 'decay' | 'seeds' | 'checked'
  > {
  /** The variants that are trained where none are named; all of the registry when left out. */
  readonly names?: readonly string[];
  /** Bytes of the little stories that are put together where no text is given. */
  readonly storyBytes: number;
}

/** Six layers, which every pattern of sharing fits, and rows short enough that four times their length is quick to read. */
const claims: QualityProfile = {
  shape: { E: 64, H: 4, D: 16, layers: 6 },
  hidden: 128,
  T: 128,
  B: 8,
  steps: 400,
  rate: 3e-3,
  warmup: 40,
  decay: 0.1,
  seeds: [1, 2, 3],
  checked: 8192,
  storyBytes: 1_000_000,
};

const quick: Profile = {
  claims,
  rasp: raspQuick,
  name: 'quick',
  suites: ['attention', 'model', 'cache', 'memory', 'device'],
  limits: true,
  budgetMs: 66_000,
  shape: { E: 128, H: 8, D: 16, layers: 2 },
  prefill: [16, 32, 64, 128],
  decode: [256, 1024, 4096, 8192],
  contextsElsewhere: 2,
  batch: [1],
  model: { shape: { E: 128, H: 8, D: 16, layers: 2 }, hidden: 344, vocabulary: 256, prompt: 16 },
  quality: {
    // windows of 128 and groups of 4, which the variants have when nothing is said: shorter than a row, fewer than the heads
    shape: { E: 64, H: 8, D: 8, layers: 2 },
    hidden: 172,
    T: 256,
    B: 4,
    steps: 1000,
    rate: 4e-3,
    warmup: 50,
    decay: 0.1,
    seeds: [1, 2, 3],
    checked: 8192,
    storyBytes: 400_000,
    names: ['multi-head', 'multi-query', 'grouped-query', 'sliding-window', 'cross-layer'],
  },
  cache: { contexts: [256, 4096] },
  allocate: 256,
  minRounds: 3,
  maxRounds: 60,
  target: 0.02,
  visits: 2,
  checkWholeBelow: 2e7,
  longestCallMs: 10_000,
};

/** The profiles by name. */
export const profiles: Readonly<Record<'quick' | 'full' | 'ci', Profile>> = {
  quick,
  full: {
    ...quick,
    name: 'full',
    rasp: raspFull,
    claims: {
      ...claims,
      shape: { E: 128, H: 8, D: 16, layers: 6 },
      hidden: 344,
      steps: 3000,
      storyBytes: 4_000_000,
    },
    budgetMs: 15 * 60_000,
    shape: { E: 512, H: 8, D: 64, layers: 4 },
    prefill: [64, 128, 256, 512, 1024, 2048],
    decode: [256, 1024, 4096, 8192, 16384, 32768],
    contextsElsewhere: Infinity,
    model: { shape: { E: 256, H: 8, D: 32, layers: 4 }, hidden: 688, vocabulary: 4096, prompt: 128 },
    quality: {
      shape: { E: 128, H: 8, D: 16, layers: 4 },
      hidden: 344,
      T: 256,
      B: 8,
      steps: 3000,
      rate: 3e-3,
      warmup: 100,
      decay: 0.1,
      seeds: [1, 2, 3],
      checked: 65_536,
      storyBytes: 4_000_000,
    },
    cache: { contexts: [256, 4096, 16384] },
    allocate: 1024,
    minRounds: 6,
    target: 0.01,
    visits: 6,
    checkWholeBelow: 5e8,
    longestCallMs: 120_000,
  },
  ci: {
    ...quick,
    name: 'ci',
    rasp: raspCi,
    claims: {
      ...claims,
      shape: { E: 16, H: 2, D: 8, layers: 6 },
      hidden: 24,
      T: 16,
      B: 2,
      steps: 20,
      warmup: 2,
      seeds: [1, 2],
      checked: 128,
      storyBytes: 8000,
    },
    budgetMs: 15_000,
    shape: { E: 64, H: 8, D: 8, layers: 2 },
    prefill: [16, 32],
    decode: [64, 256],
    model: { shape: { E: 64, H: 8, D: 8, layers: 2 }, hidden: 172, vocabulary: 128, prompt: 16 },
    quality: {
      ...quick.quality,
      shape: { E: 16, H: 2, D: 8, layers: 2 },
      hidden: 24,
      T: 32,
      B: 2,
      steps: 8,
      warmup: 2,
      seeds: [1, 2],
      checked: 256,
      storyBytes: 8000,
      names: ['multi-head', 'multi-query'],
    },
    cache: { contexts: [64, 256] },
    allocate: 16,
    maxRounds: 20,
    visits: 2,
    longestCallMs: 5000,
  },
};
