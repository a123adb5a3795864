import type { OutputSpec, ShapedInput } from '../../contracts/device.ts';
import type { KernelPlan, PlanTarget } from './plan.ts';

/** Makes the plan of one call of an operation. */
export type PlanMaker = (
  // biome-ignore lint/suspicious/noExplicitAny: each plan names the inputs and parameters of its own operation
  inputs: any,
  // biome-ignore lint/suspicious/noExplicitAny: see above
  params: any,
  outputs: readonly OutputSpec[],
  target: PlanTarget,
) => KernelPlan;

/** Inputs of a plan by name, absent ones undefined. */
export type Shapes<Names extends string, Optional extends string = never> = Readonly<
  Record<Names, ShapedInput> & Partial<Record<Optional, ShapedInput>>
>;

/** A source written once per form: the cache of compiled kernels goes by the identity of its text. */
export function sourceOf<Form extends object>(write: (form: Form) => string): (form: Form) => string {
  const written = new Map<string, string>();
  return (form) => {
    const key = Object.values(form).join();
    let source = written.get(key);
    if (source === undefined) written.set(key, (source = write(form)));
    return source;
  };
}

/** Lines for `0 … count − 1`. */
export function each(count: number, line: (i: number) => string, separator = '\n    '): string {
  return Array.from({ length: count }, (_, i) => line(i)).join(separator);
}
