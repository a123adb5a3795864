export { Average } from './averages.ts';
export { curves } from './curves.ts';
export {
  mapped,
  packedDocuments,
  shuffled,
  split,
  tokenWindows,
  type WindowOptions,
} from './data/batches.ts';
export type { Batches } from './data/contract.ts';
export { reversal, reversedSources } from './data/reversal.ts';
export { type DropoutClock, type DropoutOptions, dropout, dropped } from './dropout.ts';
export { TrainingError } from './errors.ts';
export {
  classificationLoss,
  regressionLoss,
  type TextBatch,
  type TokenLabelBatch,
  tokenLabelLoss,
} from './head-losses.ts';
export { Lora, type LoraOptions } from './lora.ts';
export { contrastiveLoss, languageModelLoss } from './losses.ts';
export { type AdamParams, adamOp } from './ops/adam.ts';
export type { Optimizer, Rule, RuleCall, RuleResult } from './optimizers/contract.ts';
export { type MuonOptions, muon } from './optimizers/muon.ts';
export {
  type AdamOptions,
  adam,
  adamW,
  clipByGlobalNorm,
  decayWeights,
  globalNorm,
  lion,
  optimizer,
  scaleByAdam,
  sgd,
} from './optimizers/rules.ts';
export { OptimizerState } from './optimizers/state.ts';
export { copyParams, type Params, sizeOfParams } from './params.ts';
export { hash, hashAt, permutation, uniform } from './random.ts';
export { IGNORED, type Rows, rowsOf, type TokenBatch } from './rows.ts';
export {
  constant,
  cosineDecay,
  inverseSquareRoot,
  linearDecay,
  type Schedule,
  type ScheduleOptions,
  warmupStableDecay,
} from './schedules.ts';
export { memoryStore, type RunStore, type SavedRun, type SavedTensor } from './store.ts';
export { withThroughStates } from './through.ts';
export {
  type Evaluation,
  type StepReport,
  type TrainOptions,
  type TrainSummary,
  train,
} from './train.ts';
export { type TranslationBatch, translationLoss } from './translation-loss.ts';
export { withHead } from './with-head.ts';
