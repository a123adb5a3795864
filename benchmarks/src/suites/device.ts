import {
  attention,
  type Device,
  linear,
  matmul,
  rmsNorm,
  scope,
  sizeOf,
  softmax,
  swiglu,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { compare, TOLERANCE } from '../check.ts';
import type { Engine } from '../engines.ts';
import { messageOf } from '../errors.ts';
import { randomValues } from '../random.ts';
import type { CheckReport, Work } from '../results.ts';
import { type CheckPlan, controlOf, type GroupPlan, type PlanContext, type RowPlan } from './suite.ts';
import { timedOn } from './timed.ts';

type Inputs = Readonly<Record<string, Tensor>>;

/** One operation at one size, the same on every device. */
interface Operation {
  readonly name: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly run: (inputs: Inputs) => Tensor;
  /** Multiply and add counted as two. */
  readonly flops: number;
  /** Sizes that the name does not say. */
  readonly shape?: Readonly<Record<string, number>>;
}

const HEADS = 8;
const WIDTH = 32;

/** Causal pairs of L queries and L keys. */
const pairs = (L: number): number => (L * (L + 1)) / 2;

const operations: readonly Operation[] = [
  {
    name: 'linear 256 → 256, 64 tokens',
    inputs: { x: [1, 64, 256], w: [256, 256] },
    run: ({ x, w }) => linear(x!, w!),
    flops: 2 * 64 * 256 * 256,
  },
  {
    name: 'linear 256 → 1024, 1 token',
    inputs: { x: [1, 1, 256], w: [1024, 256] },
    run: ({ x, w }) => linear(x!, w!),
    flops: 2 * 256 * 1024,
  },
  {
    name: 'matrix product 128³',
    inputs: { a: [1, 128, 128], b: [1, 128, 128] },
    run: ({ a, b }) => matmul(a!, b!),
    flops: 2 * 128 ** 3,
  },
  {
    name: 'RMS norm 64 × 256',
    inputs: { x: [64, 256], w: [256] },
    run: ({ x, w }) => rmsNorm(x!, w!),
    flops: 4 * 64 * 256,
  },
  {
    name: 'softmax 64 × 1024',
    inputs: { x: [64, 1024] },
    run: ({ x }) => softmax(x!),
    flops: 4 * 64 * 1024,
  },
  {
    name: 'SwiGLU 64 × 512',
    inputs: { gate: [64, 512], up: [64, 512] },
    run: ({ gate, up }) => swiglu(gate!, up!),
    flops: 6 * 64 * 512,
  },
  {
    name: 'attention, prefill 128',
    inputs: { q: [1, 128, HEADS, WIDTH], k: [1, 128, HEADS, WIDTH], v: [1, 128, HEADS, WIDTH] },
    run: ({ q, k, v }) => attention({ q: q!, k: k!, v: v! }, { causal: true }),
    flops: 4 * HEADS * WIDTH * pairs(128),
    shape: { H: HEADS, D: WIDTH },
  },
  {
    name: 'attention, decode at 1024',
    inputs: { q: [1, 1, HEADS, WIDTH], k: [1, 1024, HEADS, WIDTH], v: [1, 1024, HEADS, WIDTH] },
    run: ({ q, k, v }) => attention({ q: q!, k: k!, v: v! }, { causal: { offset: 1023 } }),
    flops: 4 * HEADS * WIDTH * 1024,
    shape: { H: HEADS, D: WIDTH },
  },
];

/** The same operations on every device of the run, taking turns. */
export function planDevice(context: PlanContext): GroupPlan[] {
  const { engines } = context;
  // the plainest engine is what the others are compared with: every visitor has it
  const base = engines.find(({ name }) => name === 'gpujs:cpu') ?? engines[0];
  if (!base) return [];
  return operations.map((operation) => {
    const group = `device/${operation.name.replace(/[^a-z0-9]+/gi, '-')}`;
    const rows = engines.map((engine) => planRow(context, engine, operation, group, base));
    return { id: group, label: operation.name, rows: [...rows, controlOf(rows[engines.indexOf(base)]!)] };
  });
}

function planRow(
  context: PlanContext,
  engine: Engine,
  operation: Operation,
  group: string,
  base: Engine,
): RowPlan {
  const { device } = engine;
  const bytes = 4 * Object.values(operation.inputs).reduce((sum, shape) => sum + sizeOf(shape), 0);
  return {
    head: {
      id: `${group}/${engine.name}`,
      suite: 'device',
      device: engine.name,
      emulated: engine.emulated,
      subject: operation.name,
      comparison: 'same-work',
      phase: 'run',
      context: 0,
      batch: 1,
      shape: operation.shape ?? {},
      options: {},
      group,
      ...(engine !== base && { baseline: `${group}/${base.name}` }),
      work: workOf(operation, bytes),
    },
    engine,
    check: planCheck(context, engine, operation),
    needs: { bytes: 4 * bytes, what: 'inputs' },
    prepare: async (tell) => {
      const inputs = inputsOn(device, operation, context.seed);
      return timedOn(engine, tell, {
        ownBytes: bytes,
        call: () => operation.run(inputs).dispose(),
        dispose: () => {
          for (const input of Object.values(inputs)) input.dispose();
        },
      });
    },
  };
}

function workOf({ flops }: Operation, bytes: number): Work {
  return { tokens: 0, flops, attentionFlops: 0, stateBytes: 0, weightBytes: bytes };
}

function planCheck(
  { answers, seed }: PlanContext,
  { name, device }: Engine,
  operation: Operation,
): CheckPlan {
  return {
    key: `${name} ${operation.name}`,
    label: `${operation.name} on ${name}`,
    run: async (onCase) => {
      await onCase(`${operation.name} on ${name}`);
      const outputOf = async (on: Device): Promise<readonly Float32Array[]> => {
        const inputs = inputsOn(on, operation, seed);
        const output = operation.run(inputs);
        try {
          return [await output.data()];
        } finally {
          for (const one of [output, ...Object.values(inputs)]) one.dispose();
        }
      };
      const [want] = await answers.remember(`operation ${operation.name}`, outputOf);
      const report: CheckReport = {
        passed: true,
        cases: [operation.name],
        worst: 0,
        worstAt: '',
        tolerance: TOLERANCE,
      };
      try {
        const [got] = await outputOf(device);
        const { error, index, outside } = compare(got!, want!);
        const worst = { ...report, worst: error, worstAt: `[${index}]` };
        if (outside === 0) return worst;
        return {
          ...worst,
          passed: false,
          reason: `differs from the reference at [${index}]: got ${got![index]}, want ${want![index]}`,
        };
      } catch (error) {
        return { ...report, passed: false, reason: `threw: ${messageOf(error)}` };
      }
    },
  };
}

function inputsOn(device: Device, { inputs }: Operation, seed: number): Inputs {
  return scope(() =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, shape], i) => [
        name,
        tensor(device, randomValues(sizeOf(shape), seed + i), shape),
      ]),
    ),
  );
}
