import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Engine } from '../engine/engine.ts';

/** What is known of a question that the page asks again whenever its parameters change. */
export interface Answered<Result, Progress> {
  /** Of the last question that was answered, until the next answer. */
  readonly result: Result | undefined;
  /** Why the last one was refused. */
  readonly problem: string | undefined;
  readonly busy: boolean;
  readonly progress: Progress | undefined;
}

/**
 * Asks the engine, anew when the parameters change, and gives the question before it up.
 *
 * @param params undefined for nothing to ask yet
 */
export function useAnswer<Result, Progress = unknown>(
  engine: Engine,
  kind: string,
  params: object | undefined,
): Answered<Result, Progress> {
  const state = useSignal<Answered<Result, Progress>>({
    result: undefined,
    problem: undefined,
    busy: params !== undefined,
    progress: undefined,
  });
  const key = params === undefined ? undefined : JSON.stringify(params, infinite);
  const device = engine.wanted.value;
  useEffect(() => {
    if (params === undefined) return;
    const controller = new AbortController();
    const { signal } = controller;
    state.value = { ...state.peek(), busy: true, progress: undefined };
    const onProgress = (progress: Progress): void => {
      if (!signal.aborted) state.value = { ...state.peek(), progress };
    };
    engine.ask<Result>(kind, params, { signal, onProgress }).then(
      (result) => {
        if (!signal.aborted) state.value = { result, problem: undefined, busy: false, progress: undefined };
      },
      (error: Error) => {
        if (signal.aborted) return;
        state.value = { ...state.peek(), problem: error.message, busy: false, progress: undefined };
      },
    );
    return () => controller.abort();
  }, [kind, key, device]);
  return state.value;
}

/** JSON has no word for it. */
function infinite(_: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}
