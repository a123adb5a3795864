import { configure, groupedQuery, multiHead } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  type Decoder,
  decoderParameters,
  randomWeights,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import {
  createDevice,
  createReference,
  type Device,
  reduce,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { reversal } from './data/reversal.ts';
import { languageModelLoss } from './losses.ts';
import { adamW, sgd } from './optimizers/rules.ts';
import type { Params } from './params.ts';
import { constant, cosineDecay } from './schedules.ts';
import { memoryStore } from './store.ts';
import { type StepReport, type TrainOptions, type TrainSummary, train } from './train.ts';

function tiny(device: Device): { weights: Record<string, Tensor>; decoder: Decoder } {
  const parts = {
    shape: { V: 11, E: 32, H: 2, D: 16, layers: 2 },
    blocks: block({
      attention: configure(groupedQuery, { Hkv: 1 }),
      position: rotary(),
      norm: createRmsNorm(),
      mlp: createSwiglu({ F: 48 }),
    }),
    norm: createRmsNorm(),
  };
  const weights = randomWeights(device, decoderParameters(parts), { seed: 3 });
  return { weights, decoder: createDecoder({ ...parts, device, weights }) };
}

async function all<Batch>(
  options: TrainOptions<Batch>,
): Promise<{ reports: StepReport[]; summary: TrainSummary }> {
  const run = train(options);
  const reports: StepReport[] = [];
  for (;;) {
    const { value, done } = await run.next();
    if (done) return { reports, summary: value };
    reports.push(value);
  }
}

it('learns to reverse', async () => {
  const device = await createDevice('wasm');
  const { weights, decoder } = tiny(device);
  const began = performance.now();
  const { reports } = await all({
    params: weights,
    loss: languageModelLoss(decoder),
    data: reversal({ length: 6, B: 32, seed: 1 }),
    optimizer: adamW({ clip: 1 }),
    rate: cosineDecay({ peak: 5e-3, warmup: 20, steps: 300 }),
    steps: 300,
  });
  console.log(
    (performance.now() - began) / 300,
    reports.filter(({ step }) => step % 50 === 0).map(({ loss }) => loss),
  );
});
