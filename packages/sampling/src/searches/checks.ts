import { checkIds, checkOptions, checkWhole, SamplingError, show } from '../errors.ts';
import type { SearchOptions } from './contract.ts';

export function checkSearch(op: string, step: unknown, options: SearchOptions): void {
  if (typeof step !== 'function') throw new SamplingError(op, `step must be a function, got ${show(step)}`);
  checkOptions(op, options, 'prompt and maxTokens');
  const { prompt, maxTokens, endIds = [] } = options;
  checkIds(op, 'prompt', prompt);
  if (prompt.length === 0) {
    throw new SamplingError(op, 'the prompt is empty; give at least the token that begins a sequence (BOS)');
  }
  checkWhole(op, 'maxTokens', maxTokens, 1);
  checkIds(op, 'endIds', endIds);
}

/** @throws {SamplingError} unless the step gave one row a sequence. */
export function checkRows(op: string, rows: readonly unknown[], wanted: number): void {
  if (Array.isArray(rows) && rows.length === wanted) return;
  throw new SamplingError(
    op,
    `step must return one row of logits a sequence: ${wanted} of them, got ${show(rows)}`,
  );
}
