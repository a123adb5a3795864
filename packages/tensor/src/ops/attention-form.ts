import type { Tensor } from '../tensor.ts';
import type { Modifier } from './modifier.ts';

/** Tensor arguments of attention. */
export type AttentionInputs = {
  /** `[B, Lq, H, D]` */
  readonly q: Tensor<'B Lq H D'>;
  /** `[B, Lk, Hkv, D]`; query head h reads key head ⌊h · Hkv / H⌋. May be longer than `valid`: a cache's buffer. */
  readonly k: Tensor<'B Lk Hkv D'>;
  /** `[B, Lk, Hkv, Dw]` with `Dw ≥ Dv`; may be the tensor of `k` (multi-head latent attention). */
  readonly v: Tensor<'B Lk Hkv Dv'>;
  /** Added to the scores: `[B | 1, H | 1, Lq, Lk]`; −Infinity hides a key. */
  readonly bias?: Tensor<'B H Lq Lk'> | undefined;
  /** ALiBi slopes `[H]`: subtracts `slope · |q − k|` of positions. */
  readonly slopes?: Tensor<'H'> | undefined;
  /** Learned sink logits `[H]`: one more column in the softmax, which adds no value (gpt-oss). */
  readonly sinks?: Tensor<'H'> | undefined;
  /** Positions of the queries, `[B | 1, Lq]` i32. Default `offset + i`. */
  readonly queryPositions?: Tensor<'B Lq', 'i32'> | undefined;
  /** Positions of the keys, `[B | 1, Lk]` i32; −1 marks an empty slot, never seen. Default `j`. */
  readonly keyPositions?: Tensor<'B Lk', 'i32'> | undefined;
  /** Last query position that sees each key, `[B | 1, Lk]` i32: segments that end, evicted tokens. */
  readonly keyUntil?: Tensor<'B Lk', 'i32'> | undefined;
  /**
   * `[2]` i32: the position of query 0 and the slots in use, in place of `offset` and `valid`, which stay at their
   * defaults: numbers that change from step to step live in memory, so that the steps are the same call.
   */
  readonly cursor?: Tensor<'2', 'i32'> | undefined;
};

/** What a call can return beside the output, at the cost of materialising it. */
export type AttentionExtra =
  /** `[B, H, Lq]`, natural log of Σ exp(score), sinks included; −Infinity for a row that sees nothing */
  | 'lse'
  /** `[B, H, Lq, Lk]` after the softmax */
  | 'weights'
  /** `[B, H, Lq, Lk]` scaled dot products, nothing else */
  | 'raw'
  /** `[B, H, Lq, Lk]` after the softcap */
  | 'capped'
  /** `[B, H, Lq, Lk]` after bias, modifiers and masks; −Infinity where hidden */
  | 'scores';

/** Declared parts of attention, resolved. */
export interface AttentionParams {
  /** Multiplies the dot products. */
  readonly scale: number;
  /** Query at position p sees keys at positions ≤ p. */
  readonly causal: boolean;
  /** Keys at positions below this are seen whatever causality says (prefix-LM). */
  readonly prefix: number;
  /**
   * Positions are cut into segments of so many, and a key is seen from its own segment only; 0 for no segments. With
   * `anchors`, the last key of each segment is seen from later ones too.
   */
  readonly segment: number;
  readonly anchors: boolean;
  /** Position of query 0. */
  readonly offset: number;
  /** A key at distance `q − k` is seen when `−after ≤ q − k ≤ before`; Infinity for no bound. */
  readonly before: number;
  readonly after: number;
  /** Keys at positions below this are seen whatever the window says (StreamingLLM); causality still holds. */
  readonly sinkTokens: number;
  /** `c · tanh(s / c)` after the scale, before everything else; 0 for none. */
  readonly softcap: number;
  /** Slots of k and v in use, `≤ Lk`. */
  readonly valid: number;
  /** Width of a value: the first `Dv` numbers of each row of v. */
  readonly Dv: number;
  readonly modifiers: readonly Modifier[];
  readonly extras: readonly AttentionExtra[];
}
