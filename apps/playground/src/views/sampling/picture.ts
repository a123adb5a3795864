/** One rule of the chain, by its name in the registry. */
export interface Stage {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What the view draws of one step: plain numbers, so that it crosses from the worker as it is. */
export interface SamplingPicture {
  readonly vocabulary: number;
  /** Of the logits as the model gives them. */
  readonly start: { readonly entropy: number };
  readonly stages: readonly StagePicture[];
  readonly rows: readonly TokenRow[];
  /** Tokens beyond the rows that are left at the end, and their share. */
  readonly rest: { readonly count: number; readonly probability: number };
  readonly choice: ChoicePicture;
  readonly constraint: ConstraintPicture | undefined;
}

/** What one filter did. */
export interface StagePicture {
  readonly name: string;
  readonly left: number;
  readonly removed: number;
  /** Bits. */
  readonly entropy: number;
  readonly uniforms: readonly number[];
  readonly note: string | undefined;
}

/** One token through all stages. */
export interface TokenRow {
  readonly id: number;
  readonly text: string;
  readonly logit: number;
  readonly probability: number;
  /** After each stage; undefined once it is gone. */
  readonly after: readonly (number | undefined)[];
  /** The stage that removed it. */
  readonly removedBy: number | undefined;
  /** Why the constraint forbids it. */
  readonly reason: string | undefined;
}

/** The draw itself. */
export interface ChoicePicture {
  readonly name: string;
  readonly id: number;
  readonly text: string;
  /** Among those that the choice picks from. */
  readonly probability: number;
  /** The number that decides, where one does. */
  readonly u: number | undefined;
  readonly uniforms: number;
  /** From 0 to 1, in the order in which the choice goes; the last may stand for many. Empty where it does not draw so. */
  readonly bar: readonly Segment[];
}

/** A token's part of the bar. */
export interface Segment {
  /** Undefined for several tokens together. */
  readonly id: number | undefined;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** Where a constraint stands. */
export interface ConstraintPicture {
  /** The text it has followed so far. */
  readonly text: string;
  readonly forbidden: number;
  readonly complete: boolean;
  /** Characters that may come next. */
  readonly next: string;
}

/** Draws at one step, counted. */
export interface HistogramPicture {
  readonly draws: number;
  readonly bars: readonly {
    readonly id: number;
    readonly text: string;
    readonly count: number;
    readonly probability: number;
  }[];
  readonly rest: { readonly count: number; readonly probability: number; readonly tokens: number };
  readonly fit: { readonly statistic: number; readonly freedom: number; readonly p: number } | undefined;
}
