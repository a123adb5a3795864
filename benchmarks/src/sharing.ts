import { formatBytes, formatShare } from './format.ts';
import type { LayerFacts, StateFacts } from './results.ts';

/** What sharing saves and what it does not, in numbers of `kv()` and `cost()`. */
export function sharingSentence(state: StateFacts, baseline: StateFacts | undefined): string {
  const producers = state.layers.filter(({ producer }) => producer === undefined).length;
  const total = (of: (layer: LayerFacts) => number, { layers }: StateFacts): number =>
    layers.reduce((sum, layer) => sum + of(layer), 0);
  const stored = total(({ storedBytes }) => storedBytes, state);
  const read = total(({ readBytes }) => readBytes, state);
  const head = `${producers} of ${state.layers.length} layers store`;
  if (!baseline || baseline.layers.length !== state.layers.length)
    return `${head} ${formatBytes(stored)} and all read ${formatBytes(read)} a step`;
  const storedShare = stored / total(({ storedBytes }) => storedBytes, baseline);
  const readShare = read / total(({ readBytes }) => readBytes, baseline);
  const reads =
    readShare === 1 ? 'as much as the baseline' : `${formatShare(readShare)} of what the baseline reads`;
  return `${head}, ${formatShare(storedShare)} of the baseline’s bytes, yet a step reads ${reads}`;
}
