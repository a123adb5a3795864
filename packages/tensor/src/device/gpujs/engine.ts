import type { KernelStep, PlanTarget } from './plan.ts';

/** Memory of one engine: flat float32, whatever it is kept in. Ids are carried as floats, exact up to 2^24. */
export interface Store {
  readonly length: number;
}

/** A resolved argument of a launch. */
export type LaunchArgument =
  | {
      readonly store: Store;
      /** Elements along x, y and z. */
      readonly size: readonly number[];
      readonly start?: number;
      readonly used?: number;
    }
  | { readonly integer: number }
  | { readonly float: number };

/** One gpu.js mode: where values live, and how a kernel gets at them. Calls keep their order. */
export interface Engine {
  readonly target: PlanTarget;
  readonly details: Readonly<Record<string, string>>;
  /** The mode that executed the last launch, as gpu.js reports it. */
  readonly ran: string | undefined;
  allocate(length: number): Store;
  upload(data: Float32Array): Store;
  read(store: Store, start: number, end: number): Promise<Float32Array>;
  write(target: Store, offset: number, source: Float32Array | Store, start: number, length: number): void;
  /** Runs one step of an operation into a new store, or into `part` of a store that is there. */
  launch(step: KernelStep, args: readonly LaunchArgument[], into?: Store, op?: string): Store;
  free(store: Store): void;
  settled(): Promise<void>;
  dispose(): void;
}
