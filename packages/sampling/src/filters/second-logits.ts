import { SamplingError, show } from '../errors.ts';

/**
 * Checks the second row of logits that a rule compares with.
 *
 * @throws {SamplingError} if the step did not give it, or it is of another vocabulary.
 */
export function checkSecondLogits(
  op: string,
  name: 'unconditional' | 'amateur',
  row: Float32Array | undefined,
  vocabulary: number,
): asserts row is Float32Array {
  if (!row) {
    throw new SamplingError(
      op,
      `needs ${name} logits; let the step return { logits, ${name} }, got ${show(row)}`,
    );
  }
  if (row.length !== vocabulary) {
    throw new SamplingError(op, `${name} logits have ${row.length} entries, the logits have ${vocabulary}`);
  }
  for (let id = 0; id < row.length; id++) {
    if (!(row[id]! < Infinity)) throw new SamplingError(op, `${name}[${id}] is ${row[id]}`, { index: id });
  }
}

/** `ln Σ exp(l / T)` over a whole row. */
export function logSumExp(row: Float32Array, temperature = 1): number {
  let max = -Infinity;
  for (let i = 0; i < row.length; i++) if (row[i]! > max) max = row[i]!;
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i]! - max) / temperature);
  return max / temperature + Math.log(sum);
}
