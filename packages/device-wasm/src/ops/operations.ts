import type { OpCall, ShapedInput } from '@headwise/tensor';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';

/** How the device runs one operation. */
export type Runner = (kit: Kit, call: OpCall) => readonly WasmBuffer[];

/** Why a kernel cannot run with these arguments; empty when it can. */
export type Reasons = (inputs: Readonly<Record<string, ShapedInput>>, params: object) => readonly string[];

/** What a device computes with kernels of its own. */
export interface Operations {
  readonly runners: Readonly<Record<string, Runner>>;
  /** Of operations whose kernels do not take everything. */
  readonly reasons: Readonly<Record<string, Reasons>>;
  /** Why there is no kernel for another one. */
  readonly lacking: (op: string) => string;
}
