import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber, checkOptions, checkWhole } from '../errors.ts';

/** Token id → what to add; `-Infinity` removes the token. */
export type Biases = ReadonlyMap<number, number> | Readonly<Record<number, number>>;

/**
 * Logit bias: adds to the logits of chosen tokens. Cannot bring back a token that was removed.
 *
 * ```text
 * l_i ← l_i + b_i        b = −∞ removes
 * ```
 *
 * @see OpenAI API reference, {@link https://platform.openai.com/docs/api-reference/chat/create}
 *
 * @throws {SamplingError} if a token id is not a whole number ≥ 0, or a bias is neither a finite number nor −Infinity;
 * at a step, if a logit would become infinite.
 */
export function logitBias(biases: Biases): Filter {
  checkOptions('logit-bias', biases, 'a bias for each token id');
  const list: (readonly [id: number, bias: number])[] = [];
  const banned: number[] = [];
  for (const [key, bias] of biases instanceof Map ? biases : Object.entries(biases)) {
    const id = Number(key);
    checkWhole('logit-bias', 'a token id', id, 0);
    if (bias === -Infinity) banned.push(id);
    else {
      checkNumber('logit-bias', `the bias of token ${id}`, bias, {}, '-Infinity removes a token');
      list.push([id, bias]);
    }
  }
  return defineFilter({
    name: 'logit-bias',
    options: { biases: Object.fromEntries([...list, ...banned.map((id) => [id, -Infinity])]) },
    apply(candidates) {
      for (const [id, bias] of list) {
        const i = candidates.indexOf(id);
        if (i >= 0) candidates.setLogit(i, candidates.logits[i]! + bias);
      }
      if (banned.length > 0) candidates.remove(banned);
    },
  });
}

export const logitBiasRule = defineRule({
  name: 'logit-bias',
  formula: 'l_i + b_i',
  source: {
    title: 'API reference: logit_bias',
    authors: 'OpenAI',
    year: 2021,
    url: 'https://platform.openai.com/docs/api-reference/chat/create',
  },
  defaults: { biases: {} as Biases },
  build: (options) => logitBias(options.biases),
});
