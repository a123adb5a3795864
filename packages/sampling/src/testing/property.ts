/**
 * How a property is tried: a few times with a fixed seed, so that every run is the same; with HEADWISE_LONG=1 a hundred
 * times as often with a new seed, which a failure prints.
 */
export function propertyRuns(runs: number): { readonly seed?: number; readonly numRuns: number } {
  return process.env.HEADWISE_LONG === '1' ? { numRuns: 100 * runs } : { seed: 20_240_501, numRuns: runs };
}
