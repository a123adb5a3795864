import type { Tensor } from '@headwise/tensor';

/** A part of the block that is running, with everything but its input. */
export interface Sublayer {
  readonly name: string;
  /** `[B, L, E]` → `[B, L, E]` */
  readonly run: (x: Tensor<'B L E'>) => Tensor<'B L E'>;
}

/**
 * How parts, norms and the residual stream are put together: the order of a block. Each is a small file with its
 * formula; a person's own is an object of this kind.
 */
export interface Arrangement {
  readonly name: string;
  /** Names of the norms it needs, from the names of the parts. */
  readonly norms: (parts: readonly string[]) => readonly string[];
  /** `[B, L, E]` → `[B, L, E]`; `norm(name, x)` is one of those norms. */
  readonly run: (
    x: Tensor<'B L E'>,
    parts: readonly Sublayer[],
    norm: (name: string, x: Tensor<'B L E'>) => Tensor<'B L E'>,
  ) => Tensor<'B L E'>;
}
