import { createDevice } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/encoder-options.json' with { type: 'json' };
import { createModel } from '../family.ts';
import { families } from '../registry.ts';
import { valuesOf } from '../testing/formula.ts';

const { ids, target } = golden;

describe.each(golden.cases)(
  `$name, as ${golden.source} computes it`,
  ({ config, tensors, logits, ...rest }) => {
    it.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', async (name) => {
      const device = await createDevice(name);
      const files = new Map(
        Object.entries(tensors).map(([tensor, shape]) => [tensor, valuesOf(tensor, shape as number[])]),
      );
      const loaded = createModel(device, families[config.model_type]!, config, files);
      const globals = 'globals' in rest ? [rest.globals as number[]] : undefined;
      let got: ArrayLike<number>;
      if (loaded.kind === 'encoder') {
        const { model } = loaded;
        const output = model.head ? model.predict([ids], { globals }) : model.encode([ids]).hidden;
        got = await output.data();
      } else if (loaded.kind === 'encoder-decoder' && loaded.model.head)
        got = await loaded.model.predict([ids]).data();
      else if (loaded.kind === 'encoder-decoder')
        got = await loaded.model.start([ids], { capacity: target.length }).forward(target).data();
      else throw new Error('must read a text');
      expect(got.length).toBe(logits.length);
      assertClose(Array.from(got), logits, { atol: 2e-4, rtol: 1e-4 });
      loaded.model.dispose();
      device.dispose();
    });
  },
);
