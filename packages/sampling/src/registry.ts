import { type Chain, chain } from './chain.ts';
import { drawRule } from './choices/draw.ts';
import { drawDescendingRule } from './choices/draw-descending.ts';
import { greedyRule } from './choices/greedy.ts';
import { gumbelMaxRule } from './choices/gumbel-max.ts';
import { gumbelSoftmaxRule } from './choices/gumbel-softmax.ts';
import { gumbelStraightThroughRule } from './choices/gumbel-straight-through.ts';
import { mirostat1Rule } from './choices/mirostat-1.ts';
import { mirostat2Rule } from './choices/mirostat-2.ts';
import { gbnfRule, jsonSchemaRule, regexRule } from './constraints/rules.ts';
import type { Choice, Filter, RuleDescription, RuleEntry } from './contract.ts';
import { SamplingError } from './errors.ts';
import { badWordsRule } from './filters/bad-words.ts';
import { classifierFreeGuidanceRule } from './filters/classifier-free-guidance.ts';
import { contrastiveDecodingRule } from './filters/contrastive-decoding.ts';
import { dryRule } from './filters/dry.ts';
import { dynamicTemperatureRule } from './filters/dynamic-temperature.ts';
import { epsilonRule } from './filters/epsilon.ts';
import { etaRule } from './filters/eta.ts';
import { forcedTokensRule } from './filters/forced-tokens.ts';
import { frequencyPenaltyRule } from './filters/frequency-penalty.ts';
import { lengthDecayRule } from './filters/length-decay.ts';
import { logitBiasRule } from './filters/logit-bias.ts';
import { minPRule } from './filters/min-p.ts';
import { minimumLengthRule } from './filters/minimum-length.ts';
import { noRepeatNgramRule } from './filters/no-repeat-ngram.ts';
import { presencePenaltyRule } from './filters/presence-penalty.ts';
import { repetitionPenaltyRule } from './filters/repetition-penalty.ts';
import { suppressedAtStartRule } from './filters/suppressed-at-start.ts';
import { suppressedTokensRule } from './filters/suppressed-tokens.ts';
import { temperatureRule } from './filters/temperature.ts';
import { topARule } from './filters/top-a.ts';
import { topHRule } from './filters/top-h.ts';
import { topKRule } from './filters/top-k.ts';
import { topNSigmaRule } from './filters/top-n-sigma.ts';
import { topPRule } from './filters/top-p.ts';
import { typicalRule } from './filters/typical.ts';
import { xtcRule } from './filters/xtc.ts';
import { beamSampleRule } from './searches/beam-sample.ts';
import { beamSearchRule } from './searches/beam-search.ts';
import { contrastiveSearchRule } from './searches/contrastive-search.ts';
import { diverseBeamSearchRule } from './searches/diverse-beam-search.ts';
import { draftModelRule } from './speculative/draft-model.ts';
import { promptLookupRule } from './speculative/prompt-lookup.ts';

/** Every filter by name. */
export const filters = defineMap({
  temperature: temperatureRule,
  'dynamic-temperature': dynamicTemperatureRule,
  'top-k': topKRule,
  'top-p': topPRule,
  'min-p': minPRule,
  'top-a': topARule,
  typical: typicalRule,
  epsilon: epsilonRule,
  eta: etaRule,
  'top-h': topHRule,
  'top-n-sigma': topNSigmaRule,
  xtc: xtcRule,
  dry: dryRule,
  'repetition-penalty': repetitionPenaltyRule,
  'presence-penalty': presencePenaltyRule,
  'frequency-penalty': frequencyPenaltyRule,
  'no-repeat-ngram': noRepeatNgramRule,
  'logit-bias': logitBiasRule,
  'bad-words': badWordsRule,
  'minimum-length': minimumLengthRule,
  'forced-tokens': forcedTokensRule,
  'suppressed-tokens': suppressedTokensRule,
  'suppressed-at-start': suppressedAtStartRule,
  'length-decay': lengthDecayRule,
  'classifier-free-guidance': classifierFreeGuidanceRule,
  'contrastive-decoding': contrastiveDecodingRule,
});

/** Every choice by name. */
export const choices = defineMap({
  greedy: greedyRule,
  draw: drawRule,
  'draw-descending': drawDescendingRule,
  'gumbel-max': gumbelMaxRule,
  'gumbel-softmax': gumbelSoftmaxRule,
  'gumbel-straight-through': gumbelStraightThroughRule,
  'mirostat-1': mirostat1Rule,
  'mirostat-2': mirostat2Rule,
});

/** The searches, the drafters of speculative decoding and the constraints, for tables and menus. */
export const searches = defineMap({
  'beam-search': beamSearchRule,
  'beam-sample': beamSampleRule,
  'diverse-beam-search': diverseBeamSearchRule,
  'contrastive-search': contrastiveSearchRule,
});
/** Every built-in drafter by name. */
export const drafters = defineMap({ 'draft-model': draftModelRule, 'prompt-lookup': promptLookupRule });
/** Every built-in constraint by name. */
export const constraints = defineMap({ regex: regexRule, gbnf: gbnfRule, 'json-schema': jsonSchemaRule });

/** Name of a built-in filter. */
export type FilterName = keyof typeof filters;
/** Name of a built-in choice. */
export type ChoiceName = keyof typeof choices;
/** Options of a filter or choice, all of them optional. */
export type RuleOptions<Name extends FilterName | ChoiceName> = Partial<
  (typeof filters & typeof choices)[Name]['defaults']
>;

/** What other programs call the same rules. */
const aliases: Readonly<Record<string, FilterName | ChoiceName>> = {
  temp: 'temperature',
  'typ-p': 'typical',
  'typical-p': 'typical',
  'epsilon-cutoff': 'epsilon',
  'eta-cutoff': 'eta',
  'no-repeat-ngram-size': 'no-repeat-ngram',
  dist: 'draw-descending',
};

/**
 * A chain from names: for command lines, URLs and files. Names may be written with `_` for `-`, and as llama.cpp or
 * Hugging Face write them (`typ_p`, `epsilon_cutoff`).
 *
 * @example
 * chainFromNames('temperature;top-k;draw', { temperature: { temperature: 0.8 }, 'top-k': { k: 40 } });
 *
 * @throws {SamplingError} if a name or an option is unknown (lists the known ones), or the last is no choice.
 */
export function chainFromNames(
  order: string | readonly string[],
  options: { readonly [Name in FilterName | ChoiceName]?: RuleOptions<Name> } = {},
): Chain {
  const names = (typeof order === 'string' ? order.split(';') : order).map(canonical);
  const unused = Object.keys(options).filter((name) => !(names as readonly string[]).includes(name));
  if (unused.length > 0) {
    throw new SamplingError(
      'order',
      `has options for ${unused.join(', ')}, which the order ${names.join(';')} lacks`,
    );
  }
  const rules = names.map((name) => {
    const entries: Readonly<Record<string, RuleEntry<string, object, Filter | Choice>>> = {
      ...filters,
      ...choices,
    };
    return entries[name]!.create(options[name]);
  });
  // chain() checks at run time what the type of a list cannot say: filters first, one choice last
  return chain(...(rules as [...Filter[], Choice]));
}

function canonical(name: string): FilterName | ChoiceName {
  const dashed = name.trim().replaceAll('_', '-');
  const found = Object.hasOwn(aliases, dashed) ? aliases[dashed]! : dashed;
  if (Object.hasOwn(filters, found) || Object.hasOwn(choices, found)) return found as FilterName | ChoiceName;
  throw new SamplingError(
    'order',
    `there is no rule ${JSON.stringify(name.trim())}; filters are ${Object.keys(filters).join(', ')}; ` +
      `choices are ${Object.keys(choices).join(', ')}`,
    { name },
  );
}

/** Keeps the names and types of the entries, and checks that each key is its entry's name. */
/* @__NO_SIDE_EFFECTS__ */
function defineMap<
  const Map extends { readonly [Name in keyof Map]: RuleDescription<Name & string, object> },
>(map: Map): Map {
  return map;
}
