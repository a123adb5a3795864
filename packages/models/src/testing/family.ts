import { createDevice } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { decoderOutputs } from '../conformance/decoder-golden.ts';
import { Golden, type GoldenOutput } from '../conformance/golden.ts';
import { createModel, type Family, type Model } from '../family.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bytesOf, jsonOf, sharedFolder } from './shared.ts';

/** Devices that every family is compared on. */
const devices = ['reference', 'wasm', 'gpujs:webasm'];

/** What the golden data of a model say, by its kind. */
function outputsOf(model: Model, golden: Golden): AsyncGenerator<GoldenOutput> {
  if (model.kind === 'decoder') return decoderOutputs(model.model, golden);
  throw new Error(`no golden comparison of an ${model.kind} yet`);
}

/**
 * Compares a family with golden checkpoints that transformers made: `conformance/models/tiny/<name>`.
 *
 * @param folders names, or several where a family has several
 */
export function checkFamily(family: Family, ...folders: readonly string[]): void {
  describe.each(folders)('%s, as transformers computes it', (name) => {
    const folder = sharedFolder(`conformance/models/tiny/${name}`);
    it.skipIf(!folder).each(devices)('on %s', async (device) => {
      const { tensors } = readSafetensors(bytesOf(folder!, 'model.safetensors'));
      const opened = await createDevice(device);
      const golden = new Golden(
        jsonOf(folder!, 'golden.json'),
        readSafetensors(bytesOf(folder!, 'golden.safetensors')),
      );
      const loaded = createModel(opened, family, bytesOf(folder!, 'config.json'), tensors);
      let count = 0;
      for await (const { name: what, got, want, tolerance } of outputsOf(loaded, golden)) {
        count += 1;
        if (tolerance.atol === 0) expect(Array.from(got), what).toEqual(Array.from(want));
        else expect(() => assertClose(got, want, tolerance), what).not.toThrow();
      }
      expect(count).toBeGreaterThan(4);
      loaded.model.dispose();
    });
  });
}
