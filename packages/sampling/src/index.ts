export { Candidates } from './candidates.ts';
export { type Chain, chain } from './chain.ts';
export { draw } from './choices/draw.ts';
export { drawDescending } from './choices/draw-descending.ts';
export { greedy } from './choices/greedy.ts';
export { gumbelMax } from './choices/gumbel-max.ts';
export { type GumbelSoftmaxOptions, gumbelSoftmax, type RelaxedDraw } from './choices/gumbel-softmax.ts';
export { gumbelStraightThrough } from './choices/gumbel-straight-through.ts';
export { type Mirostat1Options, mirostat1 } from './choices/mirostat-1.ts';
export { type Mirostat2Options, type MirostatState, mirostat2 } from './choices/mirostat-2.ts';
export type { Matcher } from './constraints/automaton.ts';
export { type ConstrainOptions, constrain } from './constraints/constrain.ts';
export { gbnfMatcher } from './constraints/gbnf.ts';
export { type JsonSchemaOptions, jsonSchemaMatcher } from './constraints/json-schema.ts';
export type { JsonSchema } from './constraints/json-schema-compiler.ts';
export { regexMatcher } from './constraints/regex.ts';
export type { Pieces } from './constraints/vocabulary.ts';
export {
  type Choice,
  defineChoice,
  defineFilter,
  type Filter,
  type History,
  type SampleContext,
  type Source,
} from './contract.ts';
export { ConstraintError, SamplingError } from './errors.ts';
export type { CandidateSnapshot, ChoiceReport, DrawReport, Explanation, StageReport } from './explain.ts';
export { badWords } from './filters/bad-words.ts';
export { classifierFreeGuidance } from './filters/classifier-free-guidance.ts';
export { type ContrastiveDecodingOptions, contrastiveDecoding } from './filters/contrastive-decoding.ts';
export { type DryOptions, dry } from './filters/dry.ts';
export { type DynamicTemperatureOptions, dynamicTemperature } from './filters/dynamic-temperature.ts';
export { epsilon } from './filters/epsilon.ts';
export { eta } from './filters/eta.ts';
export { type ForcedPlaces, forcedTokens } from './filters/forced-tokens.ts';
export { frequencyPenalty } from './filters/frequency-penalty.ts';
export type { KeepOptions } from './filters/keep.ts';
export { type LengthDecayOptions, lengthDecay } from './filters/length-decay.ts';
export { type Biases, logitBias } from './filters/logit-bias.ts';
export { minP } from './filters/min-p.ts';
export { type MinimumLengthOptions, minimumLength } from './filters/minimum-length.ts';
export { noRepeatNgram } from './filters/no-repeat-ngram.ts';
export { presencePenalty } from './filters/presence-penalty.ts';
export { repetitionPenalty } from './filters/repetition-penalty.ts';
export { suppressedAtStart } from './filters/suppressed-at-start.ts';
export { suppressedTokens } from './filters/suppressed-tokens.ts';
export { temperature } from './filters/temperature.ts';
export { topA } from './filters/top-a.ts';
export { topH } from './filters/top-h.ts';
export { type TopKOptions, topK } from './filters/top-k.ts';
export { topNSigma } from './filters/top-n-sigma.ts';
export { type TopPOptions, topP } from './filters/top-p.ts';
export { type TypicalOptions, typical } from './filters/typical.ts';
export type { WindowOptions } from './filters/window.ts';
export { type XtcOptions, xtc } from './filters/xtc.ts';
export type {
  Alternative,
  GeneratedToken,
  GenerateOptions,
  GenerateSummary,
  Generation,
  Speculation,
  Step,
  StepContext,
  StepOutput,
  StopReason,
} from './generate/contract.ts';
export { generate } from './generate/generate.ts';
export { type HuggingFaceSettings, huggingFace } from './presets/hugging-face.ts';
export { type LlamaCppSettings, llamaCpp } from './presets/llama-cpp.ts';
export type { Random, RandomState } from './random/contract.ts';
export { createReplay } from './random/replay.ts';
export { restoreRandom } from './random/restore.ts';
export { createXorshift } from './random/xorshift.ts';
export { createRandom } from './random/xoshiro.ts';
export {
  createSampler,
  type Distribution,
  type Sampler,
  type SamplerOptions,
  type SamplerState,
} from './sampler.ts';
export { type BeamSampleOptions, beamSample } from './searches/beam-sample.ts';
export { beamSearch } from './searches/beam-search.ts';
export type { BatchContext, BatchStep, SearchOptions } from './searches/contract.ts';
export {
  type ContrastiveFound,
  type ContrastiveSearchOptions,
  contrastiveSearch,
  type HiddenRow,
} from './searches/contrastive-search.ts';
export { type DiverseBeamOptions, diverseBeamSearch } from './searches/diverse-beam-search.ts';
export type { BeamOptions, Found } from './searches/engine.ts';
export type { Drafter, Proposed, VerifyContext, VerifyStep } from './speculative/contract.ts';
export { draftModel } from './speculative/draft-model.ts';
export { type PromptLookupOptions, promptLookup } from './speculative/prompt-lookup.ts';
export { type SpeculateOptions, speculate } from './speculative/speculate.ts';
