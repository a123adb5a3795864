/// <reference lib="dom" />

import { files } from 'virtual:outside-variants';
import type { AttentionVariant } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { caches } from '@headwise/kv-cache/registry';
import { UsageError } from '../errors.ts';
import type { PageOptions } from '../node/browser.ts';
import { isVariant } from '../outside-variants.ts';
import { runBenchmark } from '../run.ts';
import { pageBytes, pageFacts } from './facts.ts';

const stop = new AbortController();

declare global {
  interface Window {
    benchRun?: (text: string) => Promise<string>;
    benchStop?: () => void;
    benchProgress?: (progress: unknown) => Promise<void>;
  }
}

window.benchStop = () => stop.abort();

/** Options in, results out, both as JSON: what crosses between the page and the program that opened it. */
window.benchRun = async (text) => {
  const options = JSON.parse(text, (_, value) =>
    value === 'Infinity' ? Number.POSITIVE_INFINITY : value,
  ) as PageOptions;
  const outside = files.flatMap(({ file, exported }) =>
    [...new Set(Object.values(exported))]
      .filter(isVariant)
      .map((variant: AttentionVariant) => ({ variant, file })),
  );
  try {
    const results = await runBenchmark({
      ...options,
      outside,
      registry: variants,
      caches: Object.values(caches),
      machine: pageFacts(),
      availableBytes: pageBytes(),
      signal: stop.signal,
      onProgress: (progress) => void window.benchProgress?.(progress),
    });
    return JSON.stringify({ results });
  } catch (error) {
    if (error instanceof UsageError) return JSON.stringify({ refused: error.message });
    throw error;
  }
};
