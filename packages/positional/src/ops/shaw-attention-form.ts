import type { Tensor } from '@headwise/tensor';

/** Tensor arguments of attention with relative keys and values. */
export type ShawInputs = {
  /** `[B, Lq, H, D]` */
  q: Tensor;
  /** `[B, Lk, Hkv, D]` */
  k: Tensor;
  /** `[B, Lk, Hkv, Dv]` */
  v: Tensor;
  /** `[2c + 1, D]` */
  relativeKeys: Tensor;
  /** `[2c + 1, Dv]` */
  relativeValues?: Tensor | undefined;
  /** `[B | 1, Lq]` i32. Default `offset + i`. */
  queryPositions?: Tensor<string, 'i32'> | undefined;
  /** `[B | 1, Lk]` i32; −1 marks an empty slot. Default `j`. */
  keyPositions?: Tensor<string, 'i32'> | undefined;
};

/** Options of attention with relative keys and values, resolved. */
export interface ShawParams {
  readonly scale: number;
  readonly causal: boolean;
  /** Position of query 0. */
  readonly offset: number;
  /** Slots of k and v in use, `≤ Lk`. */
  readonly valid: number;
}
