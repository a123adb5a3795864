import { createReference, type Device, type OpCall } from '@headwise/tensor';

export interface Fault {
  /** Name and engine it goes by. Default `reference`. */
  readonly name?: string;
  readonly ran?: string;
  readonly details?: Readonly<Record<string, string>>;
  /** Changes the results of an operation. */
  readonly spoil?: (call: OpCall, result: Float64Array | Int32Array) => void;
  /** Called before each operation; may throw. */
  readonly before?: (call: OpCall) => void;
}

/** The reference under another name, with something wrong with it: what tests of the checks are run on. */
export function faultyDevice({ name, ran, details, spoil, before }: Fault = {}): Device {
  const real = createReference();
  const overridden: Partial<Record<PropertyKey, unknown>> = {
    ...(name !== undefined && { name }),
    ...(details !== undefined && { details }),
    run: (call: OpCall) => {
      before?.(call);
      const buffers = real.run(call);
      for (const buffer of buffers) spoil?.(call, (buffer as unknown as { data: Float64Array }).data);
      return buffers;
    },
  };
  return new Proxy(real, {
    get(target, property) {
      if (property === 'ran') return target.ran === undefined ? undefined : (ran ?? name ?? target.ran);
      if (property in overridden) return overridden[property];
      const value = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
