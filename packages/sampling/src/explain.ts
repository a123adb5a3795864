import type { Candidates } from './candidates.ts';
import type { Random } from './random/contract.ts';

/** The candidates at one moment, as copies that later steps do not touch. */
export interface CandidateSnapshot {
  /** Ascending token ids. */
  readonly ids: Uint32Array;
  readonly logits: Float64Array;
  /** Softmax of {@link logits} over the candidates left. */
  readonly probabilities: Float64Array;
  /** Entropy of {@link probabilities}, in bits. */
  readonly entropy: number;
}

/** What one filter did at one step. */
export interface StageReport extends CandidateSnapshot {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Ascending ids of the tokens this filter removed. */
  readonly removed: Uint32Array;
  /** The random numbers it took. */
  readonly uniforms: readonly number[];
  /** What it could not do, for instance that it kept the best token where none would have been left. */
  readonly note: string | undefined;
}

/** What the choice did at one step. */
export interface ChoiceReport {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Tokens the choice itself put aside (Mirostat truncates, greedy keeps one). */
  readonly removed: Uint32Array;
  readonly id: number;
  /** Of the chosen token among the candidates the choice picked from. */
  readonly probability: number;
  readonly uniforms: readonly number[];
  /** What the choice remembers after this token, for instance Mirostat's `mu`. */
  readonly state: unknown;
}

/** One pass through a chain: what each filter did, and the choice. */
export interface DrawReport {
  /** In the order of the chain. */
  readonly stages: readonly StageReport[];
  readonly choice: ChoiceReport;
}

/** One step under the microscope: the candidates before, after each filter, and the choice. */
export interface Explanation extends DrawReport {
  /** `V`. */
  readonly vocabulary: number;
  readonly start: CandidateSnapshot;
  /** The draw before this one, whose token the chain's check refused; this one then begins with the check. */
  readonly refused?: DrawReport;
}

export function snapshot(candidates: Candidates): CandidateSnapshot {
  const { size, weights, total } = candidates;
  return {
    ids: candidates.ids.slice(0, size),
    logits: candidates.logits.slice(0, size),
    probabilities: weights.slice(0, size).map((weight) => weight / total),
    entropy: candidates.entropy() / Math.LN2,
  };
}

/** Passes random numbers on and writes them down. */
export function createRecorder(random: Random): { readonly random: Random; take(): readonly number[] } {
  let taken: number[] = [];
  return {
    random: {
      next() {
        const u = random.next();
        taken.push(u);
        return u;
      },
      clone: () => random.clone(),
      state: () => random.state(),
    },
    take() {
      const uniforms = taken;
      taken = [];
      return uniforms;
    },
  };
}
