import type { Runner, Runners } from '../contract.ts';
import { own } from '../own.ts';
import { attentionRunners } from './attention.ts';
import { cacheRunners } from './caches.ts';
import { positionalRunners } from './positional.ts';
import { samplerRunners } from './sampler.ts';
import { linearRunners, tensorRunners } from './tensor.ts';

const maps: readonly Runners[] = [
  tensorRunners,
  linearRunners,
  attentionRunners,
  cacheRunners,
  positionalRunners,
  samplerRunners,
];

/**
 * All ways of computing the cases of an operator: directly, and where there are any, through caches or another
 * operation. A case passes when every one of them does.
 * Never throws.
 */
export function runnersFor(op: string): readonly Runner[] {
  return maps.flatMap((runners) => own(runners, op) ?? []);
}
