/// <reference lib="webworker" />
import { type Device, DeviceError } from '@headwise/tensor';
import { Devices } from './devices.ts';
import { buffersOf, type Handler } from './handler.ts';
import type { Answer, Question, Request } from './protocol.ts';

/** Devices and models live here, so that a call of seconds does not freeze the page. */
const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const say = (answer: Answer, moved: readonly Transferable[] = []): void =>
  scope.postMessage(answer, [...moved]);
const devices = new Devices((state) => say({ kind: 'device', state }));
const running = new Map<number, AbortController>();

/** A file a view; its code comes with the first question. */
const handlers = import.meta.glob<Readonly<Record<string, Handler>>>([
  './handlers/*.ts',
  '!./handlers/*.test.ts',
]);

scope.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  if ('cancel' in data) running.get(data.id)?.abort();
  else void answer(data);
});
say({ kind: 'ready' });

async function answer(question: Question): Promise<void> {
  const { id } = question;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const result = await run(question, controller.signal);
    say({ kind: 'done', id, result }, [...buffersOf(result)]);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    say({ kind: 'failed', id, name, message });
  } finally {
    running.delete(id);
  }
}

/** Once more on another device, where the one that ran was lost on the way. */
async function run(question: Question, signal: AbortSignal): Promise<unknown> {
  const { id, kind, params, device } = question;
  const handler = await find(kind);
  const used = new Set<Device>();
  const context = {
    signal,
    onProgress: (value: unknown) => say({ kind: 'progress', id, value }),
    device: async (name = device) => {
      const found = await devices.get(name);
      used.add(found);
      return found;
    },
  };
  try {
    return await handler(params, context);
  } catch (error) {
    const lost = [...used].find((each) => isLost(error, each));
    if (!lost) throw error;
    devices.drop(lost.name, (error as Error).message.split('\n')[0]!);
    return handler(params, context);
  }
}

async function find(kind: string): Promise<Handler> {
  const [file, name] = kind.split('.') as [string, string];
  const load = handlers[`./handlers/${file}.ts`];
  const found = (await load?.())?.[name];
  if (found) return found;
  throw new Error(`nobody answers “${kind}”: engine/handlers/${file}.ts has no ${name}`);
}

function isLost(error: unknown, device: Device): boolean {
  return DeviceError.isInstance(error) && error.device === device.name && /\blost\b/i.test(error.message);
}
