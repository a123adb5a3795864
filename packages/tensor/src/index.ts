export { type AxisName, bindAxes, describeShapes, type Shaped, sizeOf } from './axes.ts';
export {
  type BiasPositions,
  createPositions,
  type InputEncoding,
  type LengthDependence,
  type NoEncoding,
  type PositionBias,
  type PositionEncoding,
  type Positions,
  type Rotation,
} from './contracts/position.ts';
export type { LayerSpec, LayerState, StateKind, StateView } from './contracts/state.ts';
export type {
  Device,
  DeviceBuffer,
  DType,
  HostData,
  MemoryCounters,
  OpCall,
  Operand,
  OutputSpec,
} from './device/device.ts';
export {
  createDevice,
  type DeviceOptions,
  type DeviceReport,
  deviceNames,
  listDevices,
} from './device/devices.ts';
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
export { bytesOfRow, largestIn, type RowFormat, rowFormats, zerosIn } from './device/row-format.ts';
export { type BoundShape, DeviceError, ShapeError, ValueError } from './errors.ts';
export { defineOp, type HostArray, type Op, type OpInputs, run, type ShapedInput } from './op.ts';
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
export { checkIds, gather, gatherOp } from './ops/gather.ts';
export { headLinear, headLinearOp } from './ops/head-linear.ts';
export { linear, linearOp } from './ops/linear.ts';
export { matmul, matmulOp } from './ops/matmul.ts';
export { hostModifier, type Modifier } from './ops/modifier.ts';
export { layerNorm, layerNormOp, rmsNorm, rmsNormOp } from './ops/norm.ts';
export { argmax, argmaxOp, topK, topKOp } from './ops/rank.ts';
export { type RotaryLayout, rotary, rotaryOp } from './ops/rotary.ts';
export { concat, concatOp, slice, sliceOp } from './ops/slices.ts';
export { logSoftmax, logSoftmaxOp, softmax, softmaxOp } from './ops/softmax.ts';
export { printable } from './printable.ts';
export { keep, scope } from './scope.ts';
export { type AnyAxes, Tensor, tensor, zeros } from './tensor.ts';
