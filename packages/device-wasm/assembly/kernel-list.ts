/** The kernels by number; this file is read by TypeScript and by AssemblyScript. */
export enum Kernel {
  panelPack = 0,
  panelUnpack = 1,
  matrix = 2,
  map = 3,
  norm = 4,
  softmax = 5,
  rotary = 6,
  rows = 7,
  gather = 8,
  argmax = 9,
  topK = 10,
  attentionPack = 11,
  prefill = 12,
  decode = 13,
  combine = 14,
  scores = 15,
  storeRows = 16,
  loadRows = 17,
  spread = 18,
  spreadBlocks = 19,
  strided = 20,
  reduce = 21,
  scatterAdd = 22,
  finite = 23,
  recurrence = 24,
  maskTiles = 25,
  shortConvolution = 26,
  attentionDelta = 30,
  attentionGradient = 31,
  normGradient = 32,
  crossEntropy = 33,
  crossEntropyGradient = 34,
  columnSums = 35,
  adam = 36,
  integers = 37,
  placeRows = 38,
}

/** How the weights of a panel, or the rows of a cache, are stored. */
export enum Format {
  f32 = 0,
  f16 = 1,
  bf16 = 2,
  Q8_0 = 3,
  Q4_0 = 4,
  Q4_1 = 5,
}

/** What `map` computes from one or two numbers. */
export enum Map {
  add = 0,
  multiply = 1,
  silu = 2,
  gelu = 3,
  geluTanh = 4,
  relu = 5,
  gatedSilu = 6,
  gatedGelu = 7,
  gatedGeluTanh = 8,
  exp = 9,
  log = 10,
  tanh = 11,
  sigmoid = 12,
  sqrt = 13,
  reciprocal = 14,
  abs = 15,
  floor = 16,
  eluPlusOne = 17,
  siluGradient = 18,
  geluGradient = 19,
  geluTanhGradient = 20,
  reluGradient = 21,
}

/** What `strided` computes from one to three numbers. */
export enum Strided {
  copy = 0,
  toFloat = 1,
  toInteger = 2,
  where = 3,
  add = 4,
  subtract = 5,
  multiply = 6,
  divide = 7,
  maximum = 8,
  minimum = 9,
  less = 10,
  lessEqual = 11,
  equal = 12,
}

/** Sizes of tiles. */
export enum Tile {
  /** Keys of one tile of prefill. */
  keys = 64,
  /** Queries of one task of prefill; a multiple of 4 and of 6. */
  queries = 48,
  /** Keys of one task of decode. */
  chunk = 128,
  /** Most steps of depth that a block of the matrix product takes at once; a multiple of 32. */
  depth = 384,
  /** Most rows of x that one task of the matrix product takes; a multiple of 4 and of 6. */
  rows = 48,
  /** Columns of a state that one task of a recurrence takes. */
  columns = 16,
}
