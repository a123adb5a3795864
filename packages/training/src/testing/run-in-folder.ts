/** A process of its own that trains in a folder: to be killed. Arguments: the folder, the number of steps, the device. */
import { createDevice, multiply, reduce, type Tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { runFolder } from '../folder.ts';
import { adamW } from '../optimizers/rules.ts';
import type { Params } from '../params.ts';
import { linearDecay } from '../schedules.ts';
import { train } from '../train.ts';

const [path, count, name = 'reference'] = process.argv.slice(2);
const steps = Number(count);
const device = await createDevice(name);
const params = { w: seeded(device, [64, 64], 1), b: seeded(device, [64], 2) };
const squares = (x: Tensor): Tensor => reduce(multiply(x, x).reshape([x.size]), 'sum');
const loss = ({ w, b }: Params, seed: number): Tensor =>
  multiply(
    squares(multiply(w!, seeded(device, [64, 64], seed))),
    squares(multiply(b!, seeded(device, [64], seed))),
  );
for await (const { step } of train({
  params,
  loss,
  data: { name: 'seeds', epoch: Infinity, batch: (index) => index },
  optimizer: adamW({ clip: 1 }),
  rate: linearDecay({ peak: 0.01, warmup: 5, steps }),
  steps,
  saveEvery: 3,
  average: 0.95,
  store: await runFolder(path!),
}))
  console.log(step);
