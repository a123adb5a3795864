import { type Signal, signal } from '@preact/signals';
import type { Trace, TraceParams } from '../../engine/attention/trace.ts';
import type { Engine } from '../../engine/engine.ts';

/**
 * One side of the view: the newest trace there is of what is wanted. While one is computed what is wanted may change
 * many times; the next one computed is the last of these.
 */
export class Tracer {
  readonly trace: Signal<Trace | undefined>;
  /** What the library said of what is wanted. */
  readonly problem: Signal<string | undefined> = signal(undefined);
  readonly busy: Signal<boolean> = signal(false);
  readonly #engine: Engine;
  #wanted: TraceParams | undefined;

  constructor(engine: Engine, first?: Trace) {
    this.#engine = engine;
    this.trace = signal(first);
  }

  /** Wants another one. Never throws: what goes wrong is the `problem`. */
  want(params: TraceParams | undefined): void {
    this.#wanted = params;
    if (!params) {
      this.trace.value = undefined;
      this.problem.value = undefined;
    } else if (!this.busy.peek()) void this.#run();
  }

  async #run(): Promise<void> {
    this.busy.value = true;
    while (this.#wanted) {
      const params: TraceParams = this.#wanted;
      try {
        const trace = await this.#engine.ask('attention.trace', params);
        if (this.#wanted === undefined) break;
        this.trace.value = trace;
        if (this.#wanted === params) this.problem.value = undefined;
      } catch (error) {
        if (this.#wanted === params) this.problem.value = (error as Error).message;
      }
      if (this.#wanted === params) break;
    }
    this.busy.value = false;
  }
}
