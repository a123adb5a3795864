import { readFileSync } from 'node:fs';
import {
  type CheckSettings,
  checkOnDevice,
  type GoldenFile,
  summedUp,
} from '@headwise/attention-variants/conformance';
import { type VariantName, variants } from '@headwise/attention-variants/registry';
import { createWasm } from '@headwise/device-wasm';
import { expect, it } from 'vitest';

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

it.each(Object.keys(variants) as VariantName[])('%s is on wasm what it is on the reference', async (name) => {
  const path = new URL(`../../attention-variants/golden/${name}.json`, import.meta.url);
  const golden = JSON.parse(readFileSync(path, 'utf8')) as GoldenFile;
  const device = await createWasm({ threads: 2 });
  const { except, ...probe } = settings[name] ?? {};
  try {
    await checkOnDevice(variants[name], device, { golden, ...(except && { except }), settings: probe });
    expect(device.ran).toMatch(/simd/);
  } finally {
    device.dispose();
  }
});
