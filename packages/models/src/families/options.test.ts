import { createDevice } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/decoder-options.json' with { type: 'json' };
import { createModel } from '../family.ts';
import { families } from '../registry.ts';
import { valuesOf } from '../testing/formula.ts';

describe.each(golden.cases)(`$name, as ${golden.source} computes it`, ({ config, tensors, logits }) => {
  it.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', async (name) => {
    const device = await createDevice(name);
    const files = new Map(
      Object.entries(tensors).map(([tensor, shape]) => [tensor, valuesOf(tensor, shape as number[])]),
    );
    const loaded = createModel(device, families[config.model_type]!, config, files);
    if (loaded.kind !== 'decoder') throw new Error('must be a decoder');
    const decoder = loaded.model;
    const tolerance = { atol: 2e-4, rtol: 1e-4 };
    const { ids } = golden;

    // in one pass
    using whole = decoder.start({ capacity: ids.length });
    const all = (await whole.forward(ids).data()) as Float32Array;
    assertClose(all.slice(-logits.length * decoder.V), logits.flat(), tolerance);

    // a prompt in pieces, then token by token
    using session = decoder.start({ capacity: ids.length });
    session.step(ids.slice(0, -logits.length), { chunk: 5 }).dispose();
    const isDynamic = JSON.stringify(config).includes('"dynamic"');
    for (const [i, row] of logits.entries()) {
      using got = session.step([ids[ids.length - logits.length + i]!]);
      const values = (await got.data()) as Float32Array;
      // there a shorter text has other angles, and so other logits than it has as the beginning of this one
      if (isDynamic && i < logits.length - 1) expect(() => assertClose(values, row, tolerance)).toThrow();
      else assertClose(values, row, tolerance);
    }
    expect(session.length).toBe(ids.length);
    decoder.dispose();
  });
});
