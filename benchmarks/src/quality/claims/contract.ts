import type { Device } from '@headwise/tensor';
import type { Params } from '@headwise/training';
import type { QualityRecipe } from '../contract.ts';
import type { Mean } from '../summary.ts';
import type { DecoderChoice } from '../training.ts';

/** A decoder that a claim is about. */
export interface Contender extends DecoderChoice {
  /** `mqa`, `rotary at 4 ×`; unique. */
  readonly name: string;
  /** Begins with what another one of the same seed has learnt, instead of at random. */
  readonly from?: {
    readonly contender: string;
    /** Its weights as this one's, which are new tensors. */
    readonly convert: (device: Device, weights: Params, seed: number) => Promise<Params>;
  };
  /** Share of the steps that it is trained for; 0 for none. Default 1. */
  readonly share?: number;
  /** Rows, in lengths of training, at which it is checked beside that length: what lies past it alone counts. */
  readonly past?: readonly number[];
}

/** What a contender came to, of one seed. */
export interface ContenderResult {
  readonly status: 'ok' | 'unsupported' | 'diverged' | 'failed';
  readonly reason?: string;
  readonly parameters?: number;
  /** Numbers that a token adds to the caches. */
  readonly kvPerToken?: number;
  /** Mean loss in nats a byte at the length of training. */
  readonly nats?: number;
  /** The same past that length, by the length of the row. */
  readonly past?: Readonly<Record<string, number>>;
}

/** One root and all that begin with what it learnt, of one seed. */
export interface ClaimCell {
  /** `claims/multi-head/2` */
  readonly id: string;
  readonly seed: number;
  readonly results: Readonly<Record<string, ContenderResult>>;
  readonly timing?: { readonly machine: string; readonly seconds: number };
}

/** The part of `results.json` that the suite fills. */
export interface Claims {
  readonly recipe: QualityRecipe;
  readonly plan: readonly string[];
  readonly cells: readonly ClaimCell[];
}

/** Compares contenders of one sweep, seed by seed. */
export interface Evidence {
  readonly T: number;
  /** Loss of `a` less that of `b`, in nats a byte: below 0 where `a` is better. */
  difference(a: string, b: string, at?: { readonly past: number }): Mean;
  /** Loss past the length of training less that at it, of one contender. */
  growth(name: string, past: number): Mean;
  /** Growth of `a` less that of `b`. */
  growthDifference(a: string, b: string, past: number): Mean;
  kvPerToken(name: string): number;
}

/** What came out. `open`: the seeds do not tell. `not trained`: what it is about has no result. */
export interface Verdict {
  readonly outcome: 'as the paper' | 'not as the paper' | 'open' | 'not trained';
  /** In figures. */
  readonly ours: string;
}

/** One statement of a paper, small. */
export interface Claim {
  readonly id: string;
  readonly title: string;
  /** With table or figure. */
  readonly paper: string;
  /** The paper's figure. */
  readonly theirs: string;
  /** Written before the run. */
  readonly expects: string;
  /** What may make it come out otherwise at this size; written before the run too. */
  readonly unless: string;
  /** Names of contenders. */
  readonly about: readonly string[];
  /** @throws {Error} where a contender has no result; the words say which. */
  judge(evidence: Evidence): Verdict;
}
