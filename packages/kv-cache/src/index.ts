export {
  type AnchorEvictingOptions,
  anchorEvicting,
  createAnchorEvicting,
} from './caches/anchor-evicting.ts';
export { contiguous, createContiguous } from './caches/contiguous.ts';
export { createLatent, latent } from './caches/latent.ts';
export { createPaged, type PagedCache, type PagedOptions, paged } from './caches/paged.ts';
export {
  createQuantized,
  type QuantizedCache,
  type QuantizedOptions,
  quantized,
} from './caches/quantized.ts';
export { createRecurrent, recurrent } from './caches/recurrent.ts';
export { createRing, ring } from './caches/ring.ts';
export { createShared, type SharedOptions, shared } from './caches/shared.ts';
export {
  createSinkPreserving,
  type SinkPreservingOptions,
  sinkPreserving,
} from './caches/sink-preserving.ts';
export {
  type Cache,
  type CacheBytes,
  type CacheFormat,
  type CacheKind,
  type CacheOptions,
  defineCache,
} from './contract.ts';
export type { Quantization, StorageType } from './dtype.ts';
export { CacheFileError, type CacheFileProblem } from './format/errors.ts';
export { type KvFootprint, type KvPoint, kv, type LayerFootprint } from './kv.ts';
export {
  type KvConfig,
  type LatentConfig,
  type RecurrentConfig,
  type RowsConfig,
  specsOf,
} from './layer-plan.ts';
export type { NamedSpec, Specs } from './named-specs.ts';
export { packingBound } from './packing/layout.ts';
export { BlockTables, type BlockTablesRecord, type Span } from './paging/block-tables.ts';
export { createPagedPool, type PagedPool, type PagedPoolOptions } from './paging/pool.ts';
export {
  bytesOfStates,
  checkStates,
  cloneStates,
  createStates,
  cropStates,
  disposeStates,
  loadStates,
  resetStates,
  type StatesOptions,
  saveStates,
  takeStates,
} from './states.ts';
export { createWorkspace, type Workspace } from './workspace.ts';
