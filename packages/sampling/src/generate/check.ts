import type { Chain } from '../chain.ts';
import { checkIds, checkOptions, checkWhole, SamplingError, show } from '../errors.ts';
import { createSampler, Sampler } from '../sampler.ts';
import type { GenerateOptions, StepOutput } from './contract.ts';

export function checkGenerate(op: string, step: unknown, options: GenerateOptions): void {
  if (typeof step !== 'function') {
    throw new SamplingError(op, `step must be a function (ids, context) => logits, got ${show(step)}`);
  }
  checkOptions(op, options, 'prompt, sampler and maxTokens');
  const { prompt, maxTokens, minTokens = 0, stopIds = [], stopStrings = [], decode, logprobs } = options;
  checkIds(op, 'prompt', prompt);
  if (prompt.length === 0) {
    throw new SamplingError(op, 'the prompt is empty; give at least the token that begins a sequence (BOS)');
  }
  checkWhole(op, 'maxTokens', maxTokens, 1);
  checkWhole(op, 'minTokens', minTokens, 0);
  if (minTokens > maxTokens) {
    throw new SamplingError(op, `minTokens = ${minTokens} is more than maxTokens = ${maxTokens}`);
  }
  checkIds(op, 'stopIds', stopIds);
  for (const stop of stopStrings) {
    if (typeof stop !== 'string' || stop === '') {
      throw new SamplingError(
        op,
        `a stop string must be a text of at least one character, got ${show(stop)}`,
      );
    }
  }
  if (stopStrings.length > 0 && !decode) {
    throw new SamplingError(op, 'stop strings need text; give decode: (ids) => string');
  }
  if (logprobs !== undefined) checkWhole(op, 'logprobs', logprobs, 0, 'it is the number of alternatives');
}

export function toSampler(sampler: Sampler | Chain): Sampler {
  return sampler instanceof Sampler || (sampler && 'sample' in sampler)
    ? (sampler as Sampler)
    : createSampler(sampler);
}

/** The rows of one step. @throws {SamplingError} if the step returned something else. */
export function readStep(op: string, output: StepOutput): Exclude<StepOutput, Float32Array> {
  const rows = ArrayBuffer.isView(output) ? { logits: output as Float32Array } : output;
  if (rows && ArrayBuffer.isView(rows.logits)) return rows;
  throw new SamplingError(
    op,
    `step must return a Float32Array of logits or { logits, … }, got ${show(output)}; does it return a value at all?`,
  );
}
