import type { Sampler } from '../sampler.ts';
import { createBreather, untilAborted } from './abort.ts';
import { checkGenerate, readStep, toSampler } from './check.ts';
import type { GenerateOptions, Generation, RawToken, Step } from './contract.ts';
import { Run } from './run.ts';

/**
 * The decode loop: asks the model for logits, the sampler for a token, and gives it out, until something says
 * stop. The model is any function from new token ids to logits; nothing is run before the first token is read.
 *
 * An abort takes effect between steps and inside one; the loop then throws the signal's reason, and
 * `summary` still has what was generated until then.
 *
 * @example
 * const run = generate(step, { prompt: [1], sampler, maxTokens: 100, stopIds: [2] });
 * for await (const { id } of run) console.log(id);
 * run.summary.reason; // 'stop-id'
 *
 * @throws {SamplingError} at once if an option is out of range.
 */
export function generate(step: Step, options: GenerateOptions): Generation {
  checkGenerate('generate', step, options);
  return new Run(options, produce(step, options, toSampler(options.sampler)));
}

async function* produce(
  step: Step,
  options: GenerateOptions,
  sampler: Sampler,
): AsyncGenerator<RawToken, void> {
  const { prompt, minTokens = 0, stopIds = [], explain = false, signal } = options;
  const ids = [...prompt];
  const breathe = createBreather();
  let position = 0;
  for (;;) {
    const started = performance.now();
    signal?.throwIfAborted();
    const output = await untilAborted(step(ids.slice(position), { position, signal }), signal);
    const { logits, unconditional, amateur } = readStep('generate', output);
    const stepped = performance.now();
    const generated = ids.length - prompt.length;
    const history = {
      ids,
      promptLength: prompt.length,
      excluded: generated < minTokens ? stopIds : undefined,
      unconditional,
      amateur,
    };
    const explanation = explain ? sampler.explain(logits, history) : undefined;
    const id = explanation?.choice.id ?? sampler.sample(logits, history);
    position = ids.length;
    ids.push(id);
    const sample = performance.now() - stepped;
    yield { id, logits, explanation, step: stepped - started, sample, complete: sampler.finished };
    await breathe();
  }
}
