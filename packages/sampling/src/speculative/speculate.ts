import { checkWhole, SamplingError, show } from '../errors.ts';
import { createBreather, untilAborted } from '../generate/abort.ts';
import { checkGenerate, toSampler } from '../generate/check.ts';
import type { GenerateOptions, Generation, RawToken } from '../generate/contract.ts';
import { Run } from '../generate/run.ts';
import type { Sampler } from '../sampler.ts';
import { acceptOrCorrect, drawFrom } from './accept.ts';
import type { Drafter, Proposed, VerifyStep } from './contract.ts';

/** Options of {@link speculate}: those of a run, and who drafts. */
export interface SpeculateOptions extends Omit<GenerateOptions, 'explain'> {
  readonly drafter: Drafter;
  /** Tokens drafted at a time. Default 4. */
  readonly draftLength?: number;
}

/**
 * Speculative decoding: a drafter guesses several tokens, the target model checks them in one run, and the
 * acceptance rule makes the result a sample of the target's distribution, whatever was drafted.
 *
 * ```text
 * round: draft x_1 … x_n, run the target once on all of them
 *        accept x_1, x_2, … each with min(1, p(x) / q(x)) until one fails; draw the failed one from max(0, p − q)
 *        if none fails, draw one more from the target: n + 1 tokens for one run
 * ```
 *
 * `p` is the target's distribution after the sampler's chain. Everything {@link generate} can do holds here too
 * (stop strings, minimum length, log-probabilities, abort), but for the explanation mode.
 *
 * @see Leviathan, Kalman and Matias 2023, {@link https://arxiv.org/abs/2211.17192};
 * Chen et al. 2023, {@link https://arxiv.org/abs/2302.01318}
 *
 * @throws {SamplingError} at once if an option is out of range, there is no drafter, or the choice has no fixed
 * distribution (Mirostat). Reading the run throws what the target, the drafter, the sampler or an aborted signal
 * throws, and SamplingError if the target returns another number of rows.
 */
export function speculate(target: VerifyStep, options: SpeculateOptions): Generation {
  checkGenerate('speculate', target, options);
  const { drafter, draftLength = 4 } = options;
  checkWhole('speculate', 'draftLength', draftLength, 1);
  if (typeof drafter?.propose !== 'function') {
    throw new SamplingError('speculate', `needs a drafter, got ${show(drafter)}; promptLookup() makes one`);
  }
  const sampler = toSampler(options.sampler);
  if (!sampler.chain.choice.distribution) {
    throw new SamplingError(
      'speculate',
      `${sampler.chain.choice.name} has no fixed distribution to keep to; end the chain in draw() or greedy()`,
    );
  }
  const counts = { rounds: 0, proposed: 0, accepted: 0 };
  return new Run(options, produce(target, options, sampler, counts), () => ({ ...counts }));
}

async function* produce(
  target: VerifyStep,
  options: SpeculateOptions,
  sampler: Sampler,
  counts: { rounds: number; proposed: number; accepted: number },
): AsyncGenerator<RawToken, void> {
  const { prompt, drafter, draftLength = 4, maxTokens, minTokens = 0, stopIds = [], signal } = options;
  const ids = [...prompt];
  const breathe = createBreather();
  let position = 0;
  for (;;) {
    const started = performance.now();
    signal?.throwIfAborted();
    // the last token of a run needs no draft: the target always adds one of its own
    const room = Math.min(draftLength, maxTokens - (ids.length - prompt.length) - 1);
    const draft = room > 0 ? await untilAborted(drafter.propose(ids, room, signal), signal) : [];
    const fresh = [...ids.slice(position), ...draft.map(({ id }) => id)];
    const rows = draft.length + 1;
    const logits = await untilAborted(target(fresh, { position, rows, signal }), signal);
    if (!Array.isArray(logits) || logits.length !== rows) {
      throw new SamplingError('speculate', `target must return ${rows} rows of logits, got ${show(logits)}`);
    }
    counts.rounds++;
    counts.proposed += draft.length;
    position = ids.length;

    let step = performance.now() - started;
    for (let i = 0; i < rows; i++) {
      const begun = performance.now();
      const excluded = ids.length - prompt.length < minTokens ? stopIds : undefined;
      const history = { ids, promptLength: prompt.length, excluded };
      const { id, origin } = next(sampler, logits[i]!, history, draft[i]);
      sampler.accept(id, history);
      ids.push(id);
      if (origin === 'drafted') {
        counts.accepted++;
        position = ids.length;
      }
      yield {
        id,
        logits: logits[i]!,
        origin,
        step,
        sample: performance.now() - begun,
        complete: sampler.finished,
      };
      step = 0;
      if (origin !== 'drafted') break;
    }
    await breathe();
  }
}

function next(
  sampler: Sampler,
  logits: Float32Array,
  history: Parameters<Sampler['distribution']>[1],
  proposed: Proposed | undefined,
): { readonly id: number; readonly origin: NonNullable<RawToken['origin']> } {
  const target = sampler.distribution(logits, history);
  if (!proposed) return { id: drawFrom(target, sampler.random), origin: 'extra' };
  const { id, accepted } = acceptOrCorrect(target, proposed, sampler.random);
  return { id, origin: accepted ? 'drafted' : 'corrected' };
}
