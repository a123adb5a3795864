// `tsx --conditions=@headwise/source scripts/record.ts`: the example that the page shows before its model is there.
import { writeFileSync } from 'node:fs';
import { wasm } from '@headwise/device-wasm';
import { createDevice } from '@headwise/tensor';
import { trace } from '../src/engine/attention/trace.ts';
import { VariantModels } from '../src/engine/attention/variant-models.ts';
import { shippedFromDisk } from '../src/testing/shipped.ts';

const text = 'Once upon a time there was a little cat.';
const variant = 'grouped-query';
const device = await createDevice('wasm', { devices: [wasm] });
const shipped = await shippedFromDisk();
const models = await VariantModels.create(device, shipped);
const traced = await trace(models.get(variant, {}), shipped.tokenizer, {
  text,
  variant,
  options: {},
  layer: 2,
  kept: false,
});
// infinities and NaN have no JSON: null is masked, a cap that is not there is left out
const plain = (_: string, value: unknown): unknown => {
  if (value instanceof Float32Array)
    return Array.from(value, (each) => (Number.isFinite(each) ? Number(each.toPrecision(4)) : null));
  return value === Infinity ? 'Infinity' : value;
};
const target = new URL('../src/views/attention/recorded.json', import.meta.url);
writeFileSync(target, `${JSON.stringify({ text, trace: { ...traced, ms: 0 } }, plain)}\n`);
device.dispose();
console.log(`${target.pathname}: ${traced.ids.length} tokens`);
