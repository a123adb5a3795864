/** Milliseconds that only go forward; the finest clock that Node and browsers share. */
export function now(): number {
  return performance.now();
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
  return new Promise((resolve) => setTimeout(resolve, 0));
}
