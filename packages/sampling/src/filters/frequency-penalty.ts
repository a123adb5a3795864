import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkWindow, type WindowOptions, windowStart } from './window.ts';

/**
 * Frequency penalty: takes an amount from a token for every time it was already there.
 *
 * ```text
 * l ← l − α · count        a negative α invites repetition
 * ```
 *
 * Counts the output only, as the OpenAI API and vLLM do; llama.cpp counts prompt and output.
 *
 * @see OpenAI API reference, {@link https://platform.openai.com/docs/api-reference/chat/create}
 *
 * @throws {SamplingError} if `penalty` is no finite number, `lastTokens` neither a whole number ≥ 0 nor Infinity, or
 * `scope` another word; at a step, if a logit would become infinite.
 */
export function frequencyPenalty(penalty: number, options: WindowOptions = {}): Filter {
  const name = 'frequency-penalty';
  checkNumber(name, 'penalty', penalty, {}, '0 changes nothing');
  const window = checkWindow(name, options, 'output');
  return defineFilter({
    name,
    options: { penalty, ...window },
    apply(candidates, context) {
      if (penalty === 0) return;
      const start = windowStart(context, window);
      if (start >= context.ids.length) return;
      const { size, logits } = candidates;
      const counts = candidates.scratchKeys().fill(0, 0, size);
      for (let position = start; position < context.ids.length; position++) {
        const i = candidates.indexOf(context.ids[position]!);
        if (i >= 0) counts[i]!++;
      }
      for (let i = 0; i < size; i++) {
        if (counts[i]! > 0) candidates.setLogit(i, logits[i]! - penalty * counts[i]!);
      }
    },
  });
}

export const frequencyPenaltyRule = defineRule({
  name: 'frequency-penalty',
  formula: 'l − α · count',
  source: {
    title: 'API reference: frequency_penalty',
    authors: 'OpenAI',
    year: 2021,
    url: 'https://platform.openai.com/docs/api-reference/chat/create',
  },
  defaults: { penalty: 0, lastTokens: Infinity, scope: 'output' as 'all' | 'output' },
  build: ({ penalty, ...window }) => frequencyPenalty(penalty, window),
});
