import { createDevice, type Device } from '@headwise/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckSettings, checkOnDevice, type GoldenFile, summedUp } from './conformance/index.ts';
import { type VariantName, variants } from './registry.ts';
import { checkModifiers, modifierCases } from './testing/modifier-cases.ts';

const files = import.meta.glob<GoldenFile>('../golden/*.json', { eager: true, import: 'default' });

// biome-ignore lint/suspicious/noExplicitAny: settings of variants of several options
const settings: Readonly<Partial<Record<VariantName, CheckSettings<any>>>> = {
  'grouped-query': { options: { Hkv: 2 } },
  'sliding-window': { options: { window: 4 } },
  chunked: { options: { chunk: 4 } },
  'sink-tokens': { options: { sinks: 2, window: 3 } },
  'soft-capped': { options: { softcap: 1.5 } },
  forgetting: {
    options: { Hkv: 2 },
    except: { 'a bias counts': 'a token that is hidden still has a gate, one that is not there has none' },
  },
  'stick-breaking': { options: { Hkv: 2 } },
  indexed: {
    options: { count: 4, heads: 2, width: 3, Hkv: 2 },
    except: {
      'a bias counts': 'a token under a bias of −∞ may still be chosen, one that is not there is not',
    },
  },
  'mixture-of-blocks': {
    options: { block: 2, count: 3, Hkv: 2 },
    except: { 'a bias counts': 'a key under a bias of −∞ still has a say in the mean of its block' },
  },
  'native-sparse': {
    options: { block: 2, count: 4, over: 2, every: 1, window: 2, Hkv: 2 },
    except: { 'a bias counts': 'a mean stands for many keys, so that a bias is refused' },
  },
  'indexed-latent': {
    options: { count: 4, heads: 2, width: 3, latent: 7, rope: 2, queryLatent: 5 },
    except: {
      'a bias counts': 'a token under a bias of −∞ may still be chosen, one that is not there is not',
    },
  },
  'prefix-lm': { options: { prefix: 3 }, firstCall: 3 },
  anchor: { options: { segments: 4 } },
  'cross-layer': { options: { Hkv: 2 } },
  'tail-sharing': {
    options: { tail: 2, window: 3, Hkv: 2 },
    shape: { E: 12, H: 4, D: 4, layers: 4 },
  },
  differential: { keys: [4, 4], values: [2, 8] },
  linear: { except: summedUp },
  'gated-delta': { except: summedUp, options: { Hk: 2 } },
  'kimi-delta': { except: summedUp },
};

describe.each(['gpujs:webgl2', 'gpujs:webgpu'])('on %s', (deviceName) => {
  // one device for all, so that a kernel is compiled once
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(deviceName);
  });
  afterAll(() => device.dispose());

  it.each(Object.keys(variants) as VariantName[])(
    '%s is what it is on the reference and in its golden values',
    async (name) => {
      const golden = files[`../golden/${name}.json`];
      expect(golden?.cases.length).toBeGreaterThan(0);
      const { except, ...probe } = settings[name] ?? {};
      const given = { golden: golden!, ...(except && { except }), settings: probe };
      await checkOnDevice(variants[name], device, given);
      expect(device.ran).toBe(deviceName.slice('gpujs:'.length));
    },
  );

  it('runs every modifier from the source that the reference runs', async () => {
    for (const [name, modifiers] of modifierCases) {
      await checkModifiers(device, modifiers).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`);
      });
    }
  });
});
