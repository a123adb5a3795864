import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Answer, DeviceState, Request } from './protocol.ts';

/**
 * What can be asked, by kind: a handler file adds its own.
 *
 * ```ts
 * declare module '../engine.ts' {
 *   interface Asks { 'attention.trace': { params: TraceParams; result: Trace; progress: LoadProgress } }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: handlers add to it
export interface Asks {}

type Field<Of, Name extends string> = Of extends { readonly [Key in Name]: infer Type } ? Type : unknown;

export interface AskOptions<Progress = unknown> {
  /** Gives up: the answer is then an `AbortError`. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((value: Progress) => void) | undefined;
  /** Buffers of `params` that are moved, not copied. */
  readonly transfer?: readonly Transferable[] | undefined;
}

/** Whether the worker is there. */
export type EngineStatus = 'idle' | 'starting' | 'ready' | 'broken';

/** The worker that owns devices and models, seen from the page. It starts with the first question. */
export interface Engine {
  /**
   * Asks a handler: `attention.trace` is `trace` of `engine/handlers/attention.ts`.
   *
   * @throws {Error} with the library's message, an `AbortError` when given up, or why there is no worker.
   */
  ask<Kind extends keyof Asks>(
    kind: Kind,
    params: Field<Asks[Kind], 'params'>,
    options?: AskOptions<Field<Asks[Kind], 'progress'>>,
  ): Promise<Field<Asks[Kind], 'result'>>;
  // biome-ignore lint/suspicious/noExplicitAny: a kind that has declared nothing
  ask<Result = any>(kind: string, params?: unknown, options?: AskOptions<any>): Promise<Result>;
  readonly status: ReadonlySignal<EngineStatus>;
  /** Why it is broken. */
  readonly problem: ReadonlySignal<string | undefined>;
  /** Device that the visitor wants: a name, or `auto`. */
  readonly wanted: Signal<string>;
  /** Device that runs. */
  readonly device: ReadonlySignal<DeviceState>;
  /** Questions that are not answered yet. */
  readonly busy: ReadonlySignal<number>;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((value: never) => void) | undefined;
}

/** @param start makes the worker; another one in tests */
export function createEngine(start: () => Worker = startWorker): Engine {
  const status = signal<EngineStatus>('idle');
  const problem = signal<string | undefined>(undefined);
  const device = signal<DeviceState>({ name: undefined, details: '', fallback: undefined });
  const wanted = signal('auto');
  const busy = signal(0);
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let last = 0;

  function settle(id: number): Waiting | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    busy.value = waiting.size;
    return found;
  }

  function fail(why: string): void {
    status.value = 'broken';
    problem.value = why;
    worker?.terminate();
    for (const id of [...waiting.keys()]) settle(id)?.reject(new Error(why));
  }

  function hear(answer: Answer): void {
    if (answer.kind === 'ready') status.value = 'ready';
    else if (answer.kind === 'device') device.value = answer.state;
    else if (answer.kind === 'progress') waiting.get(answer.id)?.onProgress?.(answer.value as never);
    else if (answer.kind === 'done') settle(answer.id)?.resolve(answer.result);
    else settle(answer.id)?.reject(errorOf(answer.name, answer.message));
  }

  function begin(): Worker {
    status.value = 'starting';
    const made = start();
    made.addEventListener('message', ({ data }: MessageEvent<Answer>) => hear(data));
    made.addEventListener('error', (event) => {
      // a module that is not there gives no message; the console names it
      const why =
        event.message || 'a file of its worker is missing or does not compile; the console says which';
      fail(`The engine could not be loaded: ${why}.`);
    });
    made.addEventListener('messageerror', () => fail('The engine sent what this browser cannot read.'));
    return made;
  }

  function ask(kind: string, params: unknown, options: AskOptions = {}): Promise<unknown> {
    const { signal: given, onProgress, transfer = [] } = options;
    if (given?.aborted) return Promise.reject(aborted());
    if (status.value === 'broken') return Promise.reject(new Error(problem.value));
    worker ??= begin();
    const id = ++last;
    const send = (request: Request): void => worker!.postMessage(request, [...transfer]);
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, onProgress });
      busy.value = waiting.size;
      send({ id, kind, params, device: wanted.peek() });
      given?.addEventListener(
        'abort',
        () => {
          if (!waiting.has(id)) return;
          worker!.postMessage({ id, cancel: true } satisfies Request);
          settle(id)?.reject(aborted());
        },
        { once: true },
      );
    });
  }

  return {
    ask: ask as Engine['ask'],
    status,
    problem,
    wanted,
    device: computed(() => device.value),
    busy,
  };
}

function startWorker(): Worker {
  return new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'headwise' });
}

function aborted(): DOMException {
  return new DOMException('This was given up.', 'AbortError');
}

function errorOf(name: string, message: string): Error {
  if (name === 'AbortError') return aborted();
  return Object.assign(new Error(message), { name });
}
