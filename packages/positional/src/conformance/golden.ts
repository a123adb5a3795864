import { type Device, sizeOf, type Tensor, tensor } from '@headwise/tensor';

/** Numbers of a golden file, row-major. */
export interface GoldenArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** One case of a golden file. What is absent does not concern its kind of encoding. */
export interface GoldenCase {
  readonly name: string;
  /** Options of the factory. */
  readonly options: object;
  /** Trained tensors, handed to the factory among the options. */
  readonly weights?: Readonly<Record<string, GoldenArray | undefined>> | undefined;
  readonly inputs: {
    /** `[B | 1, L]` of rotations and inputs */
    readonly positions?: readonly (readonly number[])[] | undefined;
    readonly q?: GoldenArray | undefined;
    readonly k?: GoldenArray | undefined;
    readonly v?: GoldenArray | undefined;
    readonly x?: GoldenArray | undefined;
    readonly causal?: boolean | undefined;
    /** Position of query 0. */
    readonly offset?: number | undefined;
    readonly scale?: number | undefined;
  };
  /**
   * `inverseFrequencies attentionFactor q k` of a rotation, `matrix y` of a bias, `rows y` of an input,
   * `y weights` of an attention.
   */
  readonly outputs: Readonly<Record<string, GoldenArray | undefined>>;
}

/** Cases computed by another program. */
export interface GoldenFile {
  /** Program, version and arithmetic. */
  readonly source: string;
  readonly cases: readonly GoldenCase[];
}

/** A golden array on a device. @throws {Error} if the case lacks it. */
export function onDevice(device: Device, array: GoldenArray | undefined, name: string): Tensor {
  if (!array) throw new Error(`the golden case has no ${name}`);
  return tensor(device, array.data, array.shape);
}

/** What the case wants of `name`, as the kit compares it. @throws {Error} if the case lacks it. */
export function wanted({ outputs }: GoldenCase, name: string): GoldenArray {
  const array = outputs[name];
  if (!array) throw new Error(`the golden case has no output ${name}`);
  if (array.data.length !== sizeOf(array.shape))
    throw new Error(`output ${name} of the golden case does not fill its shape`);
  return array;
}
