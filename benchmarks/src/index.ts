export { pageBytes, pageFacts } from './browser/facts.ts';
export { builtInDevices, type DeviceSource, type Engine, isEmulated } from './engines.ts';
export { UsageError } from './errors.ts';
export { findingsNote, findingsOf } from './findings.ts';
export { formatBytes, formatDuration, formatEstimate, formatMs } from './format.ts';
export { type ModelProfile, type Profile, profiles } from './profiles.ts';
export { styleSheet } from './report/style.ts';
export {
  type CheckReport,
  type DeviceFacts,
  type MachineFacts,
  type Results,
  type Row,
  SCHEMA,
  type VariantFacts,
} from './results.ts';
export { type RunOptions, type RunProgress, runBenchmark } from './run.ts';
export type { Estimate, Interval, Sample, Summary } from './statistics.ts';
export type { OutsideVariant } from './subjects.ts';
export { type RealModel, realModels } from './suites/real-models.ts';
export { parseResults, ResultsError } from './validate.ts';
