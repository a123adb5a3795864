/** Milliseconds that only go forward; the finest clock that Node and browsers share. */
export function now(): number {
  return performance.now();
}

/** What a run measures with; tests bring one that only their work moves on. */
export interface Clock {
  /** Milliseconds that only go forward. */
  readonly now: () => number;
  /** Its smallest step, in milliseconds. */
  readonly stepMs: number;
}

/** The clock of this machine, its step measured. */
export function machineClock(): Clock {
  return { now, stepMs: measureClockStep() };
}

/** The smallest step the clock was seen to make, in milliseconds: 1e-4 in Node, up to 0.1 in a page. */
export function measureClockStep(clock: () => number = now): number {
  let smallest = Infinity;
  for (let trial = 0; trial < 20; trial++) {
    const start = clock();
    let end = clock();
    for (let spin = 0; end === start && spin < 1e6; spin++) end = clock();
    if (end > start) smallest = Math.min(smallest, end - start);
  }
  return Number.isFinite(smallest) ? smallest : 1;
}

/** Gives signals, progress and painting a turn. Never inside a timed region. */
export function yieldToEvents(): Promise<void> {
  // a timer waits a millisecond or four: thousands of samples would spend the budget waiting
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
