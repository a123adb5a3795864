import type { View } from './view.ts';

/** A view that there is: its name in links and in the menu, and where its code comes from when it is first seen. */
export interface ViewEntry {
  readonly id: string;
  readonly title: string;
  readonly load: () => Promise<View>;
}

/** In the order of the menu. A folder under `views/` that stands here is a view; nothing else has to be said. */
const titles: Readonly<Record<string, string>> = {
  attention: 'Attention',
  cache: 'KV cache',
  positions: 'Positions',
  sampling: 'Sampling',
  benchmark: 'Benchmark',
  write: 'Write your own',
  training: 'Training',
};

const modules = import.meta.glob<View>('./views/*/view.tsx', { import: 'default' });

export const views: readonly ViewEntry[] = Object.entries(titles).flatMap(([id, title]) => {
  const load = modules[`./views/${id}/view.tsx`];
  return load ? [{ id, title, load }] : [];
});
