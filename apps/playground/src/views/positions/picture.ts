/** What the view draws: plain numbers, so that it crosses from the worker as it is. */
export interface PositionPicture {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly kind: string;
  readonly source: string;
  /** Options that stand in for what a model would have trained or chosen, in words. */
  readonly standIns: readonly string[];
  readonly heat: Heat | undefined;
  readonly curve: Curve;
  readonly spectrum: SpectrumPicture | undefined;
  readonly dial: Dial | undefined;
  readonly shift: Shift;
}

/** Numbers of rows × columns, of which the columns are positions or distances. */
export interface Heat {
  readonly title: string;
  readonly rows: readonly string[];
  readonly rowTitle: string;
  readonly columns: readonly number[];
  readonly columnTitle: string;
  /** `[rows, columns]` */
  readonly values: Float32Array;
  readonly low: number;
  readonly high: number;
}

/** Scores by the distance between a query and a key. */
export interface Curve {
  readonly distances: readonly number[];
  readonly lines: readonly { readonly label: string; readonly values: readonly number[] }[];
  /** Where an encoding gives no more, why. */
  readonly ends: string | undefined;
}

/** How fast each pair turns, beside plain RoPE. */
export interface SpectrumPicture {
  /** `[R/2]` radians a position. */
  readonly frequencies: readonly number[];
  /** The same of RoPE without scaling. */
  readonly plain: readonly number[];
  readonly attentionFactor: number;
  /** Pairs whose angles go beyond all that training has shown, by the last position. */
  readonly unseen: readonly number[];
}

/** One pair of a query and of a key. Angles in radians. */
export interface Dial {
  readonly pair: number;
  readonly pairs: number;
  /** Radians a position. */
  readonly frequency: number;
  readonly query: number;
  readonly key: number;
}

/** The score of a query at m and a key at n, and of both `by` places further on. */
export type Shift =
  | { readonly before: number; readonly after: number; readonly change: number; readonly problem?: undefined }
  | { readonly problem: string };
