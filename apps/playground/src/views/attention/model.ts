import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { LoadedText, VariantEntry } from '../../engine/handlers/attention.ts';
import type { FetchProgress } from '../../engine/shipped-model.ts';
import { readOptions } from '../option-link.ts';
import type { Props, State } from './state.ts';
import type { Tracer } from './tracer.ts';

/** The model, as far as it is there. */
export function useModel(engine: Props['engine']) {
  const loaded = useSignal<LoadedText | undefined>(undefined);
  const variants = useSignal<readonly VariantEntry[]>([]);
  const progress = useSignal<FetchProgress | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const footprints = useSignal<readonly { readonly name: string; readonly bytes: number }[]>([]);
  const controller = useSignal<AbortController | undefined>(undefined);
  const load = async (): Promise<void> => {
    const mine = new AbortController();
    controller.value = mine;
    problem.value = undefined;
    try {
      variants.value = await engine.ask('attention.variants', undefined, { signal: mine.signal });
      loaded.value = await engine.ask('attention.load', undefined, {
        signal: mine.signal,
        onProgress: (value) => {
          progress.value = value;
        },
      });
    } catch (error) {
      problem.value = (error as Error).name === 'AbortError' ? 'Given up.' : (error as Error).message;
    } finally {
      controller.value = undefined;
      progress.value = undefined;
    }
  };
  useEffect(() => {
    const { connection } = navigator as { readonly connection?: { readonly saveData?: boolean } };
    // somebody who saves data asks for it
    if (connection?.saveData) return;
    const start = (): void => void load();
    if ('requestIdleCallback' in globalThis) requestIdleCallback(start, { timeout: 500 });
    else setTimeout(start, 100);
    return () => controller.peek()?.abort();
  }, [engine]);
  return { loaded, variants, progress, problem, footprints, controller, load, engine };
}

export type ModelState = ReturnType<typeof useModel>;

/** Asks for what the state wants, whenever it changes. */
export function useWants(
  state: State,
  [first, second]: readonly [Tracer, Tracer],
  ready: boolean,
  engine: Props['engine'],
): void {
  const layer = Math.max(0, state.layer.value - 1);
  const kept = state.step.value === 'kept';
  const { text, variant, options, compare, compareOptions } = state;
  const common = { text: text.value, layer, kept };
  const deviceWanted = engine.wanted.value;
  useEffect(() => {
    if (!ready) return;
    first.want({ ...common, variant: variant.value, options: readOptions(options.value) });
  }, [ready, common.text, layer, kept, variant.value, options.value, deviceWanted]);
  useEffect(() => {
    if (!ready) return;
    second.want(
      compare.value === ''
        ? undefined
        : { ...common, variant: compare.value, options: readOptions(compareOptions.value) },
    );
  }, [ready, common.text, layer, kept, compare.value, compareOptions.value, deviceWanted]);
}
