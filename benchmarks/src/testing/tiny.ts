import { variants } from '@headwise/attention-variants/registry';
import { caches } from '@headwise/kv-cache/registry';
import type { DeviceSource } from '../engines.ts';
import { type Profile, profiles } from '../profiles.ts';
import type { RunOptions } from '../run.ts';
import { type Fault, faultyDevice } from './faulty-device.ts';

/** A run of a second, on devices that are the reference in disguise. */
export const tinyProfile: Profile = {
  ...profiles.ci,
  suites: ['attention'],
  limits: false, // eight seconds of multiply-adds on the reference
  budgetMs: 60_000, // every row ends by its most rounds
  shape: { E: 8, H: 2, D: 4, layers: 2 },
  prefill: [4, 8],
  decode: [6, 8],
  model: { shape: { E: 8, H: 2, D: 4, layers: 2 }, hidden: 12, vocabulary: 16, prompt: 4 },
  cache: { contexts: [16] },
  allocate: 4,
  minRounds: 6,
  maxRounds: 8,
  visits: 2,
};

/** Devices by name, each with its fault. */
export function disguised(faults: Readonly<Record<string, Fault>>): DeviceSource {
  return {
    names: ['reference', ...Object.keys(faults)],
    create: async (name) => faultyDevice(name === 'reference' ? {} : { name, ...faults[name] }),
  };
}

export function tinyRun(options: Partial<RunOptions> = {}): RunOptions {
  return {
    profile: tinyProfile,
    registry: variants,
    caches: Object.values(caches),
    names: Object.keys(variants).slice(0, 3),
    devices: ['main'],
    deviceSource: disguised({ main: {} }),
    machine: { cpu: 'test', cores: 1, system: 'test', runtime: 'test', versions: {} },
    availableBytes: 2 ** 30,
    ...options,
  };
}
