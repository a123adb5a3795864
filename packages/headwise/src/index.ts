export { deadline } from './deadline.ts';
export { type LoadedModel, type LoadOptions, loadModel, shippedModel } from './load-model.ts';
export { readTokenizerFile, tokenizerOf } from './tokenizers.ts';
export { NoCase, readCase } from './verify/case.ts';
export { type Comparison, compareOutputs } from './verify/compare.ts';
export { type Got, type Runner, type Runners, Skip, type VerifyCase } from './verify/contract.ts';
export { runnersFor } from './verify/runners/index.ts';
export { type CaseReport, verifyCase } from './verify/verify.ts';
