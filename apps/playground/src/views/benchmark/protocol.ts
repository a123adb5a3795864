import type { Profile, Results, RunProgress } from 'benchmarks';

/** What the page asks of the worker. */
export type Request =
  | {
      readonly kind: 'run';
      readonly profile: Profile;
      readonly devices: readonly string[];
      readonly variants: readonly string[];
      readonly visibility: string;
    }
  | { readonly kind: 'stop' };

/** What the worker answers. */
export type Answer =
  | { readonly kind: 'progress'; readonly progress: RunProgress }
  | { readonly kind: 'done'; readonly results: Results }
  | { readonly kind: 'failed'; readonly message: string };
