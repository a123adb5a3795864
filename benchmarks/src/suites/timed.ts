import { assertRan, type Engine } from '../engines.ts';
import type { Prepared } from '../schedule.ts';
import type { RowFacts } from './suite.ts';

/** The work of one row on one device. */
export interface TimedWork {
  /** What it holds between calls, in bytes: caches, weights, inputs. */
  readonly ownBytes: number;
  readonly reset?: (calls: number) => void | Promise<void>;
  readonly call: () => void | Promise<void>;
  readonly dispose: () => void;
}

/**
 * What all timed work has in common: that the engine asked for is the engine that ran is asserted after every
 * call, and the peak of the device's memory is read from the first.
 */
export function timedOn(
  { name, device }: Engine,
  tell: (facts: Partial<RowFacts>) => void,
  work: TimedWork,
): Prepared {
  let live = 0;
  let known = false;
  return {
    reset: async (calls) => {
      await work.reset?.(calls);
      if (known) return;
      live = device.memory.liveBytes;
      device.resetPeak();
    },
    call: work.call,
    settled: async () => {
      await device.settled();
      const engine = assertRan({ name, device });
      if (known) return;
      known = true;
      // other rows of the group live on the same device: only what this call added is this row's
      tell({ engine, peakBytes: device.memory.peakBytes - live + work.ownBytes });
    },
    dispose: work.dispose,
  };
}
