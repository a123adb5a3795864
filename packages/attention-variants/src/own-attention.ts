import { type PooledRow, pooledCount, sizeOf, type Tensor } from '@headwise/tensor';
import type { AttendCall, AttendResult, LayerShape, ScoreParts } from './contract.ts';

type Weights = Readonly<Record<string, Tensor>>;

/** A call of a variant's own attention. */
export interface OwnCall extends Omit<AttendCall, 'weights' | 'layer'> {
  /**
   * What each slot keeps beside key and value, `[B, Lk, ...row]` by name; empty in the score form without `x`. And what is
   * kept once every so many tokens, `[B, n, ...row]`: in the layer form, where slots hold positions below their number.
   */
  readonly rows: Readonly<Record<string, Tensor>>;
  readonly weights: Weights;
}

/**
 * Attention that declared parts and modifiers cannot say: what a token keeps beside its key and value, and what
 * becomes of it. Not together with the maps of a row hook.
 */
export interface OwnAttention<Options> {
  /** What a token keeps beside key and value, by name. Default nothing. */
  readonly rows?: (shape: LayerShape, options: Options) => Readonly<Record<string, readonly number[]>>;
  /** The same of tokens `x [B, L, E]`: `[B, L, ...row]` by name. */
  readonly made?: (x: Tensor, weights: Weights, options: Options) => Readonly<Record<string, Tensor>>;
  /** What is kept once every so many tokens, by name. Default nothing. */
  readonly pooled?: (shape: LayerShape, options: Options) => Readonly<Record<string, PooledRow>>;
  /** The same of the rows of tokens `[N, over, ...row]`: `[N, ...pooled row]`. */
  readonly pool?: (name: string, tokens: Tensor, weights: Weights, options: Options) => Tensor;
  /** Slots whose keys and values are read in a call of `Lq` queries at the end of `Lk` tokens. Default all that are kept. */
  readonly reads?: (Lq: number, Lk: number, options: Options, shape: LayerShape) => number;
  /** What one sequence costs beside projections and attention, in flops. Default nothing. */
  readonly flops?: (Lq: number, Lk: number, shape: LayerShape, options: Options) => number;
  /** In place of the softmax over declared parts. */
  readonly attend: (call: OwnCall, parts: ScoreParts, options: Options) => AttendResult;
}

/** Numbers that so many tokens keep beside their keys and values. Never throws. */
export function besideOf<Options>(
  own: OwnAttention<Options> | undefined,
  shape: LayerShape,
  options: Options,
  tokens: number,
): number {
  const rows = Object.values(own?.rows?.(shape, options) ?? {});
  const pooled = Object.values(own?.pooled?.(shape, options) ?? {});
  return (
    tokens * rows.reduce((sum, size) => sum + sizeOf(size), 0) +
    pooled.reduce((sum, one) => sum + pooledCount(one, tokens) * sizeOf(one.row), 0)
  );
}
