export { checkpoint } from './autodiff/checkpoint.ts';
export { grad, type Loss, stopGradient, type ValueAndGrads, valueAndGrad } from './autodiff/grad.ts';
export { type AxisName, bindAxes, describeShapes, type Shaped, sizeOf } from './axes.ts';
export type {
  Device,
  DeviceBuffer,
  DeviceFactory,
  DType,
  HostArray,
  HostData,
  InputDType,
  Intake,
  MemoryCounters,
  Op,
  OpCall,
  Operand,
  OpInputs,
  OutputSpec,
  Precision,
  Recording,
  ShapedInput,
  TensorHandle,
} from './contracts/device.ts';
export { bytesOfRow, type RowFormat, rowFormats } from './contracts/format.ts';
export type { Backward, Gradient, GradientOps } from './contracts/gradient.ts';
export type { ActivationKind } from './contracts/kinds.ts';
export {
  type BiasPositions,
  createPositions,
  type InputEncoding,
  type LengthDependence,
  NOBODY,
  type NoEncoding,
  type PositionBias,
  type PositionEncoding,
  type Positions,
  type Rotation,
} from './contracts/position.ts';
export { checkRange } from './contracts/range.ts';
export {
  type LayerSpec,
  type LayerState,
  type Pool,
  type PooledRow,
  type StateKind,
  type StateView,
  stateId,
  type Tokens,
} from './contracts/state.ts';
export {
  createDevice,
  type DeviceOptions,
  type DeviceReport,
  deviceNames,
  knownDevices,
  listDevices,
} from './device/devices.ts';
export { gpujsDevices, reference } from './device/factories.ts';
export type {
  GpujsMode,
  KernelArgument,
  KernelArray,
  KernelPlan,
  KernelScalar,
  KernelStep,
  PlanTarget,
} from './device/gpujs/plan.ts';
export { checkWrite, MemoryLedger } from './device/memory.ts';
export { createReference } from './device/reference.ts';
export { checkIntake, checkStore, packWeights, uploadWeights, zerosIn } from './device/store.ts';
export { type BoundShape, DeviceError, KnownError, ShapeError, ValueError } from './errors.ts';
export { checkFields, checkGiven } from './given.ts';
export { defineOp, isObserved, type Ran, reasonsAgainst, run, watch } from './op.ts';
export { activationGradient, activationGradientOp } from './ops/activation-gradient.ts';
export {
  type AttentionExtra,
  type AttentionInputs,
  type AttentionOptions,
  type AttentionParams,
  attention,
  attentionOp,
  attentionWith,
} from './ops/attention.ts';
export {
  type AttentionGradientInputs,
  type AttentionGradientParams,
  type AttentionWanted,
  attentionGradientOp,
} from './ops/attention-gradient.ts';
export { type BinaryKind, binary, binaryOp, stridesOf, where, whereOp } from './ops/broadcast.ts';
export { cast, castOp } from './ops/cast.ts';
export {
  type CrossEntropyParams,
  crossEntropy,
  crossEntropyGradientOp,
  crossEntropyOp,
} from './ops/cross-entropy.ts';
export {
  add,
  addOp,
  type GateKind,
  type GeluKind,
  gatedOp,
  geglu,
  gelu,
  geluOp,
  multiply,
  multiplyOp,
  relu,
  reluOp,
  silu,
  siluOp,
  swiglu,
} from './ops/elementwise.ts';
export { expertLinear, expertLinearOp } from './ops/expert-linear.ts';
export { checkIds, gather, gatherOp } from './ops/gather.ts';
export { headLinear, headLinearOp } from './ops/head-linear.ts';
export { linear, linearOp } from './ops/linear.ts';
export { type LinearGradientParams, linearGradientOp } from './ops/linear-gradient.ts';
export { matmul, matmulOp } from './ops/matmul.ts';
export {
  reshapeOp,
  type SlotRun,
  slotRuns,
  storeRowsOp,
  type WriteParams,
  writeOp,
} from './ops/memory.ts';
export { hostModifier, type Modifier } from './ops/modifier.ts';
export { layerNorm, layerNormOp, rmsNorm, rmsNormOp } from './ops/norm.ts';
export { type NormGradientParams, normGradientOp } from './ops/norm-gradient.ts';
export { permute, permutedStrides, permuteOp } from './ops/permute.ts';
export { argmax, argmaxOp, topK, topKOp } from './ops/rank.ts';
export { type ReduceKind, reduce, reduceOp } from './ops/reduce.ts';
export { type RotaryLayout, rotary, rotaryOp } from './ops/rotary.ts';
export { scatterAdd, scatterAddOp } from './ops/scatter-add.ts';
export { concat, concatOp, slice, sliceOp } from './ops/slices.ts';
export { logSoftmax, logSoftmaxOp, softmax, softmaxOp } from './ops/softmax.ts';
export { storeRows } from './ops/store-rows.ts';
export { type UnaryKind, unary, unaryOp } from './ops/unary.ts';
export { messageOf, oneLine, printable } from './printable.ts';
export { seededBits } from './random.ts';
export { recorded } from './record.ts';
export { keep, scope } from './scope.ts';
export { checkPool, pooledCount, poolRows } from './states/pooled.ts';
export { createThrough, type ThroughOptions } from './states/through.ts';
export { type AnyAxes, Tensor, tensor, zeros } from './tensor.ts';
