/// <reference lib="dom" />
import type { MachineFacts } from '../results.ts';

/** What a page can tell about the machine it runs on. */
export function pageFacts(): Omit<MachineFacts, 'clockStepMs'> {
  const { userAgent, hardwareConcurrency } = navigator;
  return {
    cpu: 'not told to pages',
    cores: hardwareConcurrency,
    system: /\(([^)]*)\)/.exec(userAgent)?.[1] ?? 'unknown system',
    runtime: /(Firefox|Edg|OPR|(?:Headless)?Chrome|Version)\/[\d.]+/.exec(userAgent)?.[0] ?? userAgent,
    isolated: globalThis.crossOriginIsolated,
    // a worker has no document; the page hands over what it sees
    ...(typeof document !== 'undefined' && { visibility: document.visibilityState }),
    versions: {},
  };
}

/** A page is not told what is free: half of the memory class it is told, or 2 GiB. */
export function pageBytes(): number {
  const { deviceMemory } = navigator as { readonly deviceMemory?: number };
  return (deviceMemory ?? 4) * 2 ** 29;
}
