// `tsx --conditions=@headwise/source expected.ts '<TraceParams as JSON>'`: what the library makes of it, as JSON.
import { createDevice } from '@headwise/tensor';
import { type TraceParams, trace } from '../engine/attention/trace.ts';
import { VariantModels } from '../engine/attention/variant-models.ts';
import { shippedFromDisk } from './shipped.ts';

const params = JSON.parse(process.argv[2]!) as TraceParams;
const device = await createDevice('reference');
const shipped = await shippedFromDisk();
const models = await VariantModels.create(device, shipped);
const traced = await trace(models.get(params.variant, params.options), shipped.tokenizer, params);
const plain = (_: string, value: unknown): unknown =>
  value instanceof Float32Array ? Array.from(value, (each) => (Number.isNaN(each) ? null : each)) : value;
console.log(JSON.stringify(traced, plain));
device.dispose();
