import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkWindow, type WindowOptions, windowStart } from './window.ts';

/**
 * Presence penalty: takes a fixed amount from every token that was already there, once.
 *
 * ```text
 * l ← l − α · 1[count > 0]        a negative α invites repetition
 * ```
 *
 * Counts the output only, as the OpenAI API and vLLM do; llama.cpp counts prompt and output.
 *
 * @see OpenAI API reference, {@link https://platform.openai.com/docs/api-reference/chat/create}
 *
 * @throws {SamplingError} if `penalty` is no finite number, `lastTokens` neither a whole number ≥ 0 nor Infinity, or
 * `scope` another word; at a step, if a logit would become infinite.
 */
export function presencePenalty(penalty: number, options: WindowOptions = {}): Filter {
  const name = 'presence-penalty';
  checkNumber(name, 'penalty', penalty, {}, '0 changes nothing');
  const window = checkWindow(name, options, 'output');
  return defineFilter({
    name,
    options: { penalty, ...window },
    apply(candidates, context) {
      if (penalty === 0) return;
      const start = windowStart(context, window);
      if (start >= context.ids.length) return;
      const { logits } = candidates;
      const done = candidates.scratchKeys().fill(0, 0, candidates.size);
      for (let position = start; position < context.ids.length; position++) {
        const i = candidates.indexOf(context.ids[position]!);
        if (i < 0 || done[i] === 1) continue;
        done[i] = 1;
        candidates.setLogit(i, logits[i]! - penalty);
      }
    },
  });
}

export const presencePenaltyRule = defineRule({
  name: 'presence-penalty',
  formula: 'l − α · 1[count > 0]',
  source: {
    title: 'API reference: presence_penalty',
    authors: 'OpenAI',
    year: 2021,
    url: 'https://platform.openai.com/docs/api-reference/chat/create',
  },
  defaults: { penalty: 0, lastTokens: Infinity, scope: 'output' as 'all' | 'output' },
  build: ({ penalty, ...window }) => presencePenalty(penalty, window),
});
