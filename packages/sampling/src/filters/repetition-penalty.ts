import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkWindow, type WindowOptions, windowStart } from './window.ts';

/**
 * Repetition penalty: makes every token that was already there less likely, once, however often it came.
 *
 * ```text
 * l ← l · ρ  if l < 0,  else  l / ρ        once for each distinct token of the window
 * ```
 *
 * Counts prompt and output, as Hugging Face does; llama.cpp counts the last 64 tokens.
 *
 * @see Keskar et al. 2019, "CTRL: A Conditional Transformer Language Model for Controllable Generation",
 * {@link https://arxiv.org/abs/1909.05858}
 *
 * @throws {SamplingError} if `penalty` is no number above 0, `lastTokens` neither a whole number ≥ 0 nor Infinity, or
 * `scope` another word; at a step, if a logit would become infinite.
 */
export function repetitionPenalty(penalty: number, options: WindowOptions = {}): Filter {
  const name = 'repetition-penalty';
  checkNumber(name, 'penalty', penalty, { above: 0 }, '1 changes nothing, more than 1 discourages');
  const window = checkWindow(name, options, 'all');
  return defineFilter({
    name,
    options: { penalty, ...window },
    apply(candidates, context) {
      if (penalty === 1) return;
      const start = windowStart(context, window);
      if (start >= context.ids.length) return;
      const { logits } = candidates;
      const done = candidates.scratchKeys().fill(0, 0, candidates.size);
      for (let position = start; position < context.ids.length; position++) {
        const i = candidates.indexOf(context.ids[position]!);
        if (i < 0 || done[i] === 1) continue;
        done[i] = 1;
        const logit = logits[i]!;
        candidates.setLogit(i, logit < 0 ? logit * penalty : logit / penalty);
      }
    },
  });
}

export const repetitionPenaltyRule = defineRule({
  name: 'repetition-penalty',
  formula: 'l · ρ if l < 0 else l / ρ, once a distinct token',
  source: {
    title: 'CTRL: A Conditional Transformer Language Model for Controllable Generation',
    authors: 'Keskar et al.',
    year: 2019,
    url: 'https://arxiv.org/abs/1909.05858',
  },
  defaults: { penalty: 1, lastTokens: Infinity, scope: 'all' as 'all' | 'output' },
  build: ({ penalty, ...window }) => repetitionPenalty(penalty, window),
});
