import { existsSync } from 'node:fs';
import { createDevice } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { decoderOutputs } from '../conformance/decoder-golden.ts';
import { encoderDecoderOutputs, type ForcedIds } from '../conformance/encoder-decoder-golden.ts';
import { encoderOutputs } from '../conformance/encoder-golden.ts';
import { Golden, type GoldenOutput } from '../conformance/golden.ts';
import { createModel, type Family, type Model, readConfig, type SpecialIds } from '../family.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bytesOf, jsonOf, sharedFolder } from './shared.ts';

/** Devices that every family is compared on. */
const devices = ['reference', 'wasm', 'gpujs:webasm'];

/** What the golden data of a model say, by its kind. */
function outputsOf(
  model: Model,
  golden: Golden,
  ids: SpecialIds,
  generation: ForcedIds,
): AsyncGenerator<GoldenOutput> {
  switch (model.kind) {
    case 'decoder':
      return decoderOutputs(model.model, golden);
    case 'encoder':
      return encoderOutputs(model.model, golden);
    case 'encoder-decoder':
      return encoderDecoderOutputs(model.model, golden, ids, generation);
  }
}

/**
 * Compares a family with golden checkpoints that transformers made: `conformance/models/tiny/<name>`.
 *
 * @param folders names, or several where a family has several
 */
export function checkFamily(family: Family, ...folders: readonly string[]): void {
  describe.each(folders)('%s, as transformers computes it', (name) => {
    const folder = sharedFolder(`conformance/models/tiny/${name}`);
    // an encoder stands there once with each head
    const heads = ['mlm/', 'cls/'].filter((head) => folder && existsSync(new URL(head, folder)));
    const cases = devices.flatMap((device) =>
      (heads.length > 0 ? heads : ['']).map((head) => ({ device, head })),
    );
    it.skipIf(!folder).each(cases)('$head on $device', async ({ device, head }) => {
      const { tensors } = readSafetensors(bytesOf(folder!, `${head}model.safetensors`));
      const opened = await createDevice(device);
      const golden = new Golden(
        jsonOf(folder!, 'golden.json'),
        readSafetensors(bytesOf(folder!, 'golden.safetensors')),
      );
      const config = bytesOf(folder!, `${head}config.json`);
      const loaded = createModel(opened, family, config, tensors);
      const { ids } = readConfig(family, config);
      const generation = existsSync(new URL('generation_config.json', folder))
        ? jsonOf<ForcedIds>(folder!, 'generation_config.json')
        : {};
      let count = 0;
      for await (const { name: what, got, want, tolerance } of outputsOf(loaded, golden, ids, generation)) {
        count += 1;
        if (tolerance.atol === 0) expect(Array.from(got), what).toEqual(Array.from(want));
        else expect(() => assertClose(got, want, tolerance), what).not.toThrow();
      }
      expect(count).toBeGreaterThan(4);
      loaded.model.dispose();
    });
  });
}
