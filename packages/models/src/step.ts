import type { Step } from '@headwise/sampling';
import type { Session } from './session.ts';

/**
 * A session as the step that `generate` of `@headwise/sampling` asks for: new ids in, logits `[V]` of the next
 * token out. Where the caller goes back to an earlier position, the session is cropped to it.
 *
 * The step rejects with what `session.crop` and `session.step` throw; making it never throws.
 *
 * @example
 * const run = generate(stepOf(session), { prompt, sampler: chain(greedy()), maxTokens: 20 });
 */
export function stepOf(session: Session): Step {
  return async (ids, { position }) => {
    session.crop(position);
    const logits = session.step(ids);
    try {
      return await logits.data();
    } finally {
      logits.dispose();
    }
  };
}
