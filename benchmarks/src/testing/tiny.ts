import { variants } from '@headwise/attention-variants/registry';
import { caches } from '@headwise/kv-cache/registry';
import type { DeviceSource } from '../engines.ts';
import { type Profile, profiles } from '../profiles.ts';
import type { RunOptions } from '../run.ts';
import { type Fault, faultyDevice } from './faulty-device.ts';
import { virtualTime } from './virtual-time.ts';

/** A run of a second, on devices that are the reference in disguise and a clock that only their work moves on. */
export const tinyProfile: Profile = {
  ...profiles.ci,
  suites: ['attention'],
  limits: false, // eight seconds of multiply-adds on the reference
  budgetMs: Number.MAX_SAFE_INTEGER,
  shape: { E: 8, H: 2, D: 4, layers: 2 },
  prefill: [4, 8],
  decode: [6, 8],
  model: { shape: { E: 8, H: 2, D: 4, layers: 2 }, hidden: 12, vocabulary: 16, prompt: 4 },
  cache: { contexts: [16] },
  allocate: 4,
  minRounds: 6,
  maxRounds: 8,
  target: -1, // never narrow enough: every row gets its most rounds
  visits: 2,
};

/** Devices by name, each with its fault. */
export function disguised(faults: Readonly<Record<string, Fault>>): DeviceSource {
  return {
    names: ['reference', ...Object.keys(faults)],
    create: async (name) => faultyDevice(name === 'reference' ? {} : { name, ...faults[name] }),
  };
}

export function tinyRun({
  deviceSource = disguised({ main: {} }),
  ...options
}: Partial<RunOptions> = {}): RunOptions {
  const time = virtualTime();
  return {
    profile: tinyProfile,
    registry: variants,
    caches: Object.values(caches),
    names: Object.keys(variants).slice(0, 3),
    devices: ['main'],
    deviceSource: time.source(deviceSource),
    clock: time.clock,
    machine: { cpu: 'test', cores: 1, system: 'test', runtime: 'test', versions: {} },
    availableBytes: 2 ** 30,
    ...options,
  };
}
