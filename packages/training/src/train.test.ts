import { configure, groupedQuery } from '@headwise/attention-variants';
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
  add,
  attention,
  createDevice,
  createReference,
  type Device,
  multiply,
  reduce,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { Batches } from './data/contract.ts';
import { reversal } from './data/reversal.ts';
import { dropout } from './dropout.ts';
import { languageModelLoss } from './losses.ts';
import { adam, adamW, sgd } from './optimizers/rules.ts';
import type { Params } from './params.ts';
import type { TokenBatch } from './rows.ts';
import { constant, cosineDecay } from './schedules.ts';
import { memoryStore, type RunStore } from './store.ts';
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

/** A parabola: the loss is Σ (p − goal)², whose gradient everyone knows. */
function parabola(device: Device): { params: Params; loss: (params: Params, batch: number) => Tensor } {
  const params = { p: tensor(device, [3, -2], [2]) };
  const loss = ({ p }: Params, goal: number): Tensor => {
    const away = add(p!, tensor(device, [-goal, -goal], [2]));
    return reduce(multiply(away, away), 'sum');
  };
  return { params, loss };
}
const goals: Batches<number> = { name: 'goals', epoch: Infinity, batch: (index) => index % 3 };

it('learns to reverse a text, on wasm', async () => {
  const device = await createDevice('wasm');
  const { weights, decoder } = tiny(device);
  const { reports, summary } = await all({
    params: weights,
    loss: languageModelLoss(decoder),
    data: reversal({ length: 4, symbols: 6, B: 16, seed: 1 }),
    optimizer: adamW({ clip: 1 }),
    rate: cosineDecay({ peak: 8e-3, warmup: 10, steps: 150 }),
    steps: 150,
  });
  expect(reports[0]!.loss).toBeGreaterThan(1.5);
  expect(reports.at(-1)!.loss).toBeLessThan(0.5);
  expect(summary).toEqual({ step: 150, reason: 'steps', best: undefined });
  expect(reports[9]!.rate).toBeCloseTo(8e-3, 10);
});

it('goes on where it was saved, bit for bit', async () => {
  const device = await createDevice('wasm');
  const run = async (steps: number, store: RunStore): Promise<{ weights: Params; losses: number[] }> => {
    const { weights, decoder } = tiny(device);
    const clock = { step: 0 };
    const base = languageModelLoss(decoder);
    const { reports } = await all({
      params: weights,
      // random numbers of a step belong to it, too
      loss: (params, batch: TokenBatch) => {
        const noise = dropout(tensor(device, [1], [1]), { p: 0.25, seed: 5, place: 1, step: clock.step });
        return multiply(base(params, batch), noise.reshape([]));
      },
      clock,
      data: reversal({ length: 3, B: 4, seed: 1 }),
      optimizer: adamW({ clip: 1 }),
      rate: constant(3e-3),
      average: 0.9,
      steps,
      saveEvery: 7,
      store,
    });
    // outside training nothing is dropped
    expect(clock.step).toBe(0);
    return { weights, losses: reports.map(({ loss }) => loss) };
  };
  const undisturbed = await run(20, memoryStore());
  const store = memoryStore();
  const first = await run(8, store);
  const second = await run(20, store);
  expect(second.losses).toHaveLength(12);
  expect([...first.losses, ...second.losses]).toEqual(undisturbed.losses);
  for (const [name, weight] of Object.entries(undisturbed.weights))
    expect(await second.weights[name]!.data(), name).toEqual(await weight.data());
  expect(store.entries.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

it('several batches a step have their mean gradient', async () => {
  const device = createReference();
  const { params, loss } = parabola(device);
  const { reports } = await all({
    params,
    loss,
    data: goals,
    optimizer: sgd(),
    rate: constant(0.25),
    steps: 1,
    accumulate: 3,
  });
  // goals 0, 1, 2: the mean gradient is 2 (p − 1), so half the way to 1
  assertClose(await params.p!.data(), [2, -0.5]);
  expect(reports[0]!.loss).toBeCloseTo((13 + 13 + 17) / 3, 5);
  expect(reports[0]!.norm).toBeCloseTo(Math.hypot(4, -6), 6);
});

it('ends when evaluations no longer get better, and says which was best', async () => {
  const values = [5, 3, 4, 3.5, 9];
  const { params, loss } = parabola(createReference());
  const { reports, summary } = await all({
    params,
    loss,
    data: goals,
    optimizer: sgd(),
    rate: constant(0.1),
    steps: 100,
    evaluation: { every: 2, patience: 3, run: () => values.shift()! },
  });
  expect(reports.flatMap(({ evaluation }) => evaluation ?? [])).toEqual([5, 3, 4, 3.5, 9]);
  expect(summary).toEqual({ step: 10, reason: 'patience', best: { step: 4, value: 3 } });
});

it('ends when told to, saved, and goes on later', async () => {
  const store = memoryStore();
  const controller = new AbortController();
  const { params, loss } = parabola(createReference());
  const options = { params, loss, data: goals, optimizer: sgd(), rate: constant(0.1), steps: 10, store };
  const run = train({ ...options, signal: controller.signal });
  for (let i = 0; i < 4; i++) await run.next();
  controller.abort();
  expect(await run.next()).toEqual({ done: true, value: { step: 4, reason: 'aborted', best: undefined } });
  expect((await store.load())!.step).toBe(4);
  expect((await all(options)).reports.map(({ step }) => step)).toEqual([5, 6, 7, 8, 9, 10]);
});

it('has logged a step before it is saved, so that a run that is killed in between lacks none', async () => {
  const device = createReference();
  const { params, loss } = parabola(device);
  const memory = memoryStore();
  const lacking: number[] = [];
  const store: RunStore = {
    ...memory,
    save: async (run) => {
      if (memory.entries.at(-1)?.step !== run.step) lacking.push(run.step);
      await memory.save(run);
    },
  };
  await all({
    params,
    loss,
    data: goals,
    optimizer: sgd(),
    rate: constant(0.1),
    steps: 7,
    store,
    saveEvery: 2,
  });
  expect(lacking).toEqual([]);
  expect((await memory.load())!.step).toBe(7);
});

describe('refuses', () => {
  const base = { data: goals, optimizer: sgd(), rate: constant(0.1), steps: 3 };

  it('a parameter that gets no gradient, by name', async () => {
    const device = createReference();
    const { params, loss } = parabola(device);
    const more = { ...params, idle: tensor(device, [1], [1]) };
    await expect(all({ ...base, params: more, loss })).rejects.toThrow(
      'training: the loss does not depend on idle; leave them out of params, or allow it by mayBeUnused',
    );
    const allowed = all({ ...base, params: more, loss, mayBeUnused: (name) => name === 'idle' });
    expect((await allowed).reports).toHaveLength(3);
  });

  it('a loss that is no number, naming the first tensor that is none', async () => {
    const device = createReference();
    const { params } = parabola(device);
    const loss = ({ p }: Params): Tensor => reduce(unary(add(p!, p!), 'log'), 'sum');
    const before = device.memory.buffers;
    await expect(all({ ...base, params, loss })).rejects.toThrow(
      'the loss of step 1 is NaN: the first tensor that is no number is the result of unary (operation 2), with NaN at 1 of 2',
    );
    expect(device.memory.buffers).toBe(before);
    params.p!.write(0, Float32Array.of(Number.NaN));
    await expect(all({ ...base, params, loss })).rejects.toThrow('the parameter p has NaN at 0 of 2');
  });

  it('to go on with another model, optimizer or facts', async () => {
    const device = createReference();
    const { params, loss } = parabola(device);
    const store = memoryStore();
    await all({ ...base, params, loss, store, facts: { data: 'goals' } });
    const other = { p: tensor(device, [1, 2, 3], [3]), q: tensor(device, [1], [1]) };
    await expect(all({ ...base, params: other, loss, store, optimizer: adam() })).rejects.toThrow(
      [
        'training: the saved run (step 3) is another one; train it with what it was begun with, or begin in a new place',
        '  - optimizer was sgd (gradient), it is adam (adam)',
        '  - data was goals, it is not said',
        '  - params/p was [2], it is [3]',
      ].join('\n'),
    );
  });

  it('a parameter of another shape than when the run began', async () => {
    const device = createReference();
    const params: Record<string, Tensor> = { p: tensor(device, [3, -2], [2]) };
    const run = train({ ...base, params, loss: ({ p }: Params) => reduce(multiply(p!, p!), 'sum') });
    await run.next();
    params.p = tensor(device, [1, 2, 3], [3]);
    await expect(run.next()).rejects.toThrow(
      'training: the parameter p was [2] when the run began, before step 2 it is [3]; begin a new run',
    );
    delete params.p;
  });

  it('a rule that the device cannot run, before anything has moved', async () => {
    const device = await createDevice('gpujs:cpu');
    const modifiers = [{ kind: 'score', source: 'function (s, b, h, q, k) { return s * 0.5; }' }] as const;
    const qkv = tensor<'B L H D'>(device, [1, 2, 3, 4], [1, 2, 1, 2]);
    const loss = ({ q }: Params): Tensor =>
      reduce(attention({ q: q!, k: qkv, v: qkv } as never, { modifiers }).reshape([4]), 'sum');
    const q = tensor(device, [1, -1, 2, 0.5], [1, 2, 1, 2]);
    await expect(all({ ...base, params: { q }, loss })).rejects.toThrow(
      'cannot run the gradient of attention',
    );
    expect([...(await q.data())]).toEqual([1, -1, 2, 0.5]);
  });

  it('counts that make no sense, and no parameters', async () => {
    const { params, loss } = parabola(createReference());
    await expect(all({ ...base, params, loss, steps: 0 })).rejects.toThrow(
      'train: steps must be a whole number ≥ 1, got 0',
    );
    await expect(all({ ...base, params: {}, loss })).rejects.toThrow(
      'train: params must be at least one tensor',
    );
  });
});

it('frees what a step computed, also where it fails', async () => {
  const device = createReference();
  const { params, loss } = parabola(device);
  const before = device.memory.buffers;
  const broken = (p: Params, goal: number, step: number): Tensor => {
    if (step === 3) throw new Error('in the middle');
    return loss(p, goal);
  };
  await expect(
    all({ params, loss: broken, data: goals, optimizer: adam(), rate: constant(0.1), steps: 5 }),
  ).rejects.toThrow('in the middle');
  expect(device.memory.buffers).toBe(before);
});
