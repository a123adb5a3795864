/** What the page asks of the worker: `kind` is the file of the handler and its function, `attention.trace`. */
export interface Question {
  readonly id: number;
  readonly kind: string;
  readonly params: unknown;
  /** Device by name, or `auto`. */
  readonly device: string;
}

export type Request = Question | { readonly id: number; readonly cancel: true };

/** What runs, and what does not run here, in words. */
export interface DeviceState {
  /** Undefined until something has been computed. */
  readonly name: string | undefined;
  /** What stands behind it. */
  readonly details: string;
  /** Set when it is not the device that was asked for, or one was lost: says what is used instead, and why. */
  readonly fallback: string | undefined;
}

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'device'; readonly state: DeviceState }
  | { readonly kind: 'progress'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly name: string; readonly message: string };
