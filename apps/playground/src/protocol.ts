import type { Profile, Results, RunProgress } from 'benchmarks';

/** What the page asks of the worker. */
export type Request =
  | { readonly kind: 'probe' }
  | {
      readonly kind: 'run';
      readonly profile: Profile;
      readonly devices: readonly string[];
      readonly variants: readonly string[];
      readonly visibility: string;
    }
  | { readonly kind: 'stop' };

/** One device, and whether it works here. */
export interface Probe {
  readonly name: string;
  readonly works: boolean;
  /** A GPU that is software. */
  readonly emulated: boolean;
  /** What stands behind it, or why it does not work and what to do. */
  readonly note: string;
}

/** What the worker answers. */
export type Answer =
  | { readonly kind: 'probed'; readonly probes: readonly Probe[] }
  | { readonly kind: 'progress'; readonly progress: RunProgress }
  | { readonly kind: 'done'; readonly results: Results }
  | { readonly kind: 'failed'; readonly message: string };
