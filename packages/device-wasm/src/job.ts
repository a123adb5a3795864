import type { Kernel } from '../assembly/kernel-list.ts';

/** One run of a kernel. */
export interface Job {
  readonly kernel: Kernel;
  /** 32-bit arguments: integers, addresses, and numbers as `bits(x)`. */
  readonly args: readonly number[];
  readonly tasks: number;
  /** Nanoseconds that one thread would need, roughly: short jobs are not worth waking anyone for. */
  readonly cost: number;
  /** Bytes of working memory each thread needs. */
  readonly scratch?: number;
}
