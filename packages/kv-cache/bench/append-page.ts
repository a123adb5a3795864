import { createDevice } from '@headwise/tensor';
import { type AppendCost, measureAppends } from './append-cost.ts';

declare global {
  /** Hands a row to the program that opened the page. */
  function report(cost: AppendCost): Promise<void>;
  var measure: (device: string) => Promise<void>;
}

globalThis.measure = async (name) => {
  const device = await createDevice(name);
  const costs: AppendCost[] = [];
  await measureAppends(device, (cost) => costs.push(cost), name === 'gpujs:webasm' ? 3200 : 64);
  for (const cost of costs) await globalThis.report(cost);
  device.dispose();
};
