import type { HostTensor } from '@headwise/models';
import type { Device } from '@headwise/tensor';

/** One conformance case: a safetensors file with `input.*` and `output.*` tensors and its story in the header. */
export interface VerifyCase {
  readonly file: string;
  readonly name: string;
  /** Operator or family, for instance `Attention`, `sliding_window`, `sampler.top_k`. */
  readonly op: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly features: readonly string[];
  /** Without the `input.` prefix. */
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** What is wanted, without the `output.` prefix. */
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** pass: |got − want| ≤ atol + rtol · |want|; integers and booleans exactly. */
  readonly tolerance: (output: string) => { readonly atol: number; readonly rtol: number };
}

/** What a runner computed, by output name. Every wanted output must be there, with the wanted shape. */
export type Got = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>
>;

/**
 * Computes one case with the packages' public functions on a device. It throws `Skip` where the case is out of
 * scope; any other error is a failure of the case.
 */
export type Runner = (testCase: VerifyCase, device: Device) => Promise<Got>;

/** Runners by operator name. Each file in `runners/` exports one such map; `runners/index.ts` joins them. */
export type Runners = Readonly<Record<string, Runner>>;

/** The case is out of scope, and why. Printed, counted as skipped, never as passed. */
export class Skip extends Error {
  override readonly name = 'Skip';
}
