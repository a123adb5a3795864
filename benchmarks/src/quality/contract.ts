import type { LayerShape } from '@headwise/attention-variants';

/** How every model of the suite is trained: the same for all. */
export interface QualityRecipe {
  readonly shape: LayerShape;
  /** Width of the feed-forward part of the baseline. */
  readonly hidden: number;
  /** Tokens of a row, and rows of a step. */
  readonly T: number;
  readonly B: number;
  readonly steps: number;
  /** AdamW: the highest rate, reached after `warmup` steps, from where it falls to a tenth along a cosine. */
  readonly rate: number;
  readonly warmup: number;
  readonly decay: number;
  /** One training each: of the weights and of the order of the rows. */
  readonly seeds: readonly number[];
  readonly text: {
    readonly name: string;
    readonly bytes: number;
    readonly digest: string;
    /** Different bytes, which are the vocabulary. */
    readonly V: number;
  };
  /** Tokens of the check, the end of the text. */
  readonly checked: number;
}

/** What is held equal. `equal-compute`: equal parameters too, and as many steps as make the same multiply-adds. */
export type QualityComparison = 'equal-parameters' | 'equal-compute';

/** One training. Everything but `timing` is the same on every machine with the same arithmetic. */
export interface QualityCell {
  /** `quality/equal-parameters/multi-query/2` */
  readonly id: string;
  readonly subject: string;
  readonly comparison: QualityComparison;
  readonly seed: number;
  /** `diverged`: the loss became no number. */
  readonly status: 'ok' | 'unsupported' | 'diverged' | 'failed' | 'not-reached';
  readonly reason?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** Of the file that the variant comes from, where it is not of the registry. */
  readonly digest?: string;
  readonly parameters?: number;
  readonly hidden?: number;
  readonly steps?: number;
  /** Multiply-adds of a token in training, forward and back, counted as two. */
  readonly flopsPerToken?: number;
  /** Step and mean loss, in nats a token, of the steps since the point before. */
  readonly curve?: readonly (readonly [number, number])[];
  /** Mean loss on what was not trained on, in nats a token. */
  readonly nats?: number;
  /** Of one sequence, over all layers: numbers that one more token adds before a window is full, and bytes at T tokens. */
  readonly kv?: { readonly elementsPerToken: number; readonly bytesAtT: number };
  readonly timing?: {
    readonly device: string;
    readonly engine: string;
    readonly machine: string;
    readonly seconds: number;
    /** Decode steps of one sequence at T tokens, milliseconds. */
    readonly decodeMs: readonly number[];
  };
}

/** The part of `results.json` that the suite fills. */
export interface Quality {
  readonly recipe: QualityRecipe;
  /** Ids of all cells of the sweep, whoever does them. */
  readonly plan: readonly string[];
  readonly cells: readonly QualityCell[];
}
