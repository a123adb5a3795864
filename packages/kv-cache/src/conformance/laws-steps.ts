import type { Device, StateView } from '@headwise/tensor';
import { capacityOf, fill, type Law, must } from './law.ts';
import { type Columns, createTwin, padded, type Twin } from './twin.ts';

/** What holds from step to step, and when one fails. */
export const ofSteps = {
  'the form of a view stays from step to step': async (subject, device) => {
    if (subject.spec?.kind === 'recurrent') return;
    for (const first of [1, padded([3, 1], 'right')]) {
      const twin = createTwin(subject, device);
      twin.feed(first);
      let before = formOf(twin.feed(1)!);
      const steps = subject.endless ? 3 * capacityOf(subject) : capacityOf(subject) - 4;
      for (let step = 0; step < steps; step++) {
        const now = formOf(twin.feed(1)!);
        for (const name of new Set([...before.keys(), ...now.keys()])) {
          const [was, is] = [before.get(name), now.get(name)];
          must(
            was?.shape === is?.shape,
            `at token ${twin.length}, ${name} is ${is?.shape}, it was ${was?.shape}`,
          );
          if (!name.startsWith('rows'))
            must(
              was?.tensor === is?.tensor,
              `at token ${twin.length}, ${name} is another tensor than before`,
            );
        }
        before = now;
      }
      twin.cache.dispose();
    }
  },

  'an append that the device fails leaves it as it was': async (subject, device) => {
    const starts: readonly (number | Columns)[] = [7, padded([7, 4], 'left')];
    const appends: readonly (number | Columns)[] = [1, 6, padded([3, 7], 'right')];
    for (const start of starts) {
      const base = createTwin(subject, device);
      await base.append(start);
      await fill(base, 2);
      for (const tokens of appends) for (let call = 0; await failsAt(base, tokens, call); call++);
      base.cache.dispose();
    }
  },

  'the last append can be taken back': async (subject, device) => {
    for (const tokens of [1, 2, 9, padded([1, 6], 'left'), padded([8, 0], 'right')]) {
      for (const start of [2, 8, padded([3, 8], 'left')]) {
        const twin = createTwin(subject, device);
        await twin.append(start);
        const before = twin.lengths;
        await twin.append(tokens);
        twin.crop(before);
        await twin.append(1);
        await twin.append(padded([0, 2], 'right'));
        twin.cache.dispose();
      }
    }
  },
} satisfies Record<string, Law>;

/** Everything in a view that a step could find changed but for numbers. */
function formOf({ rows, offset: _, valid: __, turnQueriesAt, ...rest }: StateView) {
  const tensors = {
    ...rest,
    ...Object.fromEntries(Object.entries(rows).map(([name, x]) => [`rows ${name}`, x])),
  };
  const form = new Map<string, { readonly tensor: unknown; readonly shape: string }>();
  for (const [name, tensor] of Object.entries(tensors))
    form.set(name, { tensor, shape: `[${tensor.shape}]` });
  if (turnQueriesAt)
    form.set('turnQueriesAt', { tensor: turnQueriesAt.tensor, shape: `[${turnQueriesAt.shape}]` });
  return form;
}

/** Fails the n-th thing that an append asks of its device, then appends for good. @returns whether there was one */
async function failsAt(base: Twin, tokens: number | Columns, call: number): Promise<boolean> {
  const { device } = base;
  const twin = base.clone();
  const unaccounted = (): number =>
    device.memory.liveBytes - [base, twin].reduce((sum, { cache }) => sum + cache.bytes().device, 0);
  const before = { held: twin.cache.held, others: unaccounted() };
  const failure = new Error('the device failed');
  const mend = breakAt(device, call, failure);
  const error = twin.fail(tokens);
  const failed = mend();
  must(error === undefined || error === failure, `the append failed with ${error}`);
  must(
    error !== undefined || !failed,
    `call ${call} of the device failed, and the append says nothing of it`,
  );
  if (error !== undefined) {
    const { held } = twin.cache;
    // what no later query sees may be gone
    must(held <= before.held, `call ${call} failed: it holds ${held} tokens, it held ${before.held}`);
    must(
      unaccounted() === before.others,
      `call ${call} failed: ${unaccounted() - before.others} bytes are left`,
    );
  }
  await twin.append(1);
  await twin.append(tokens);
  twin.cache.dispose();
  return error !== undefined;
}

/** Makes one call of a device throw. @returns what takes that back, and says whether it has thrown */
function breakAt(device: Device, call: number, failure: Error): () => boolean {
  const names = ['allocate', 'upload', 'write', 'run'] as const;
  const own = names.map((name) => [name, Object.getOwnPropertyDescriptor(device, name)] as const);
  let calls = 0;
  for (const name of names) {
    const method = device[name].bind(device) as (...args: unknown[]) => unknown;
    const broken = (...args: unknown[]): unknown => {
      if (calls++ === call) throw failure;
      return method(...args);
    };
    Object.defineProperty(device, name, { value: broken, configurable: true, writable: true });
  }
  return () => {
    for (const [name, descriptor] of own) {
      if (descriptor) Object.defineProperty(device, name, descriptor);
      else Reflect.deleteProperty(device, name);
    }
    return calls > call;
  };
}
