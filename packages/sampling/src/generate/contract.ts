import type { Chain } from '../chain.ts';
import type { Explanation } from '../explain.ts';
import type { Sampler } from '../sampler.ts';

/** What a step is told beside its ids. */
export interface StepContext {
  /**
   * How many tokens come before `ids`. A model with a cache keeps the first `position` entries and drops what is
   * beyond; one without needs to remember the ids itself.
   */
  readonly position: number;
  readonly signal: AbortSignal | undefined;
}

/** What a step returns: logits `[V]` of the next token, and a second row if the chain compares two. */
export type StepOutput =
  | Float32Array
  | {
      readonly logits: Float32Array;
      /** Logits of the same step without the condition, for classifier-free guidance. */
      readonly unconditional?: Float32Array;
      /** Logits of a weaker model, for contrastive decoding. */
      readonly amateur?: Float32Array;
    };

/** A model: gets only the tokens it has not seen yet (first the prompt, then one at a time). */
export type Step = (ids: readonly number[], context: StepContext) => StepOutput | Promise<StepOutput>;

/** Options of {@link generate}. */
export interface GenerateOptions {
  /** Token ids to go on from; at least one. */
  readonly prompt: readonly number[];
  /** Runs the chain; a plain {@link Chain} gets a sampler of its own, with a new seed. */
  readonly sampler: Sampler | Chain;
  /** Most tokens to generate. */
  readonly maxTokens: number;
  /** No stop id and no stop string counts before so many tokens. Default 0. */
  readonly minTokens?: number;
  /** Tokens that end the run. They are yielded, without text. */
  readonly stopIds?: readonly number[];
  /** Texts that end the run, wherever they lie in the tokens; needs `decode`. The text ends before them. */
  readonly stopStrings?: readonly string[];
  /** Ids to text. Called with a few tokens at a time; an unfinished character may come out as U+FFFD. */
  readonly decode?: (ids: readonly number[]) => string;
  /** Log-probabilities under the model (before the chain), with so many alternatives; `0` for the token alone. */
  readonly logprobs?: number;
  /** Yields what every rule did at every step. */
  readonly explain?: boolean;
  readonly signal?: AbortSignal;
}

/** Another token that could have come, with `logprobs`. */
export interface Alternative {
  readonly id: number;
  /** Natural logarithm of the model's probability. */
  readonly logprob: number;
}

/** One token of a run, as it comes. */
export interface GeneratedToken {
  readonly id: number;
  /** 0 is the first generated token. */
  readonly index: number;
  /** Text that is certain since this token; held back while a character or a stop string may still be unfinished. */
  readonly text: string;
  /** With `logprobs`: under the model, before the chain. */
  readonly logprob?: number;
  /** With `logprobs`: the model's best, best first. */
  readonly alternatives?: readonly Alternative[];
  /** With `explain`. */
  readonly explanation?: Explanation;
  /** In speculative decoding: drafted and accepted, put in place of a rejected draft, or the target's extra one. */
  readonly origin?: 'drafted' | 'corrected' | 'extra';
  readonly timing: {
    /** Milliseconds in the model; for speculative decoding of the whole round, on its first token. */
    readonly step: number;
    /** Milliseconds in the sampler. */
    readonly sample: number;
  };
}

/** Why a run ended. */
export type StopReason =
  | 'stop-id'
  | 'stop-string'
  | 'length'
  /** A constraint is complete and allows nothing more. */
  | 'complete'
  | 'aborted'
  /** The reader stopped reading. */
  | 'cancelled'
  | 'failed';

/** Where a run stands: its ids and text so far, why it ended, and times in milliseconds. */
export interface GenerateSummary {
  /** `running` until the end. */
  readonly reason: StopReason | 'running';
  /** All generated ids so far. */
  readonly ids: readonly number[];
  /** All text so far. */
  readonly text: string;
  /** The stop string that was found. */
  readonly stopString: string | undefined;
  /** In milliseconds. */
  readonly timing: {
    readonly total: number;
    /** From the start to the first token: mostly the prompt. */
    readonly firstToken: number;
    readonly step: number;
    readonly sample: number;
    /** After the first token. */
    readonly tokensPerSecond: number;
  };
  /** In speculative decoding. */
  readonly speculation: Speculation | undefined;
}

/** How often a target model was asked in speculative decoding, and how many of the drafted tokens it took. */
export interface Speculation {
  /** Calls of the target model. */
  readonly rounds: number;
  readonly proposed: number;
  readonly accepted: number;
}

/** A run. Read it with `for await`; {@link summary} tells where it stands, also after an error. */
export interface Generation extends AsyncIterable<GeneratedToken> {
  readonly summary: GenerateSummary;
  /** Reads what is left and returns the summary. @throws {SamplingError} as reading it with `for await` does. */
  finish(): Promise<GenerateSummary>;
}

/** A chosen token before it is given text. */
export interface RawToken {
  readonly id: number;
  readonly logits: Float32Array;
  readonly explanation?: Explanation | undefined;
  readonly origin?: GeneratedToken['origin'];
  readonly step: number;
  readonly sample: number;
  /** Nothing may follow. */
  readonly complete: boolean;
}
