import { configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { wasm } from '@headwise/device-wasm';
import { createDevice } from '@headwise/tensor';
import { IGNORED } from '@headwise/training';
import { describe, expect, it } from 'vitest';
import { tasks } from './tasks.ts';
import { Trainee, trainable } from './trainee.ts';

const forever = new AbortController().signal;
const deviceOf = () => createDevice('wasm', { devices: [wasm] });
const recipe = (variant: string, task = 'reversal', options = {}) => ({
  task: tasks[task]!,
  variant,
  options,
  seed: 1,
});

async function trained(trainee: Trainee, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of trainee.run(steps, forever)) losses.push(loss);
  return losses;
}

describe.each(Object.entries(tasks))('%s', (_, task) => {
  it('has rows of one length, ids below V, and targets that follow from what stands before', () => {
    const { ids, targets } = task.batches(50, 3).batch(9);
    expect(task.batches(50, 3).batch(9)).toEqual({ ids, targets });
    expect(task.batches(50, 3).batch(10).ids).not.toEqual(ids);
    const seen = new Map<string, number>();
    ids.forEach((row, b) => {
      expect(row).toHaveLength(task.T);
      row.forEach((id, i) => {
        expect(id).toBeGreaterThanOrEqual(0);
        expect(id).toBeLessThan(task.V);
        const target = targets[b]![i]!;
        if (target === IGNORED) return;
        if (i + 1 < row.length) expect(target).toBe(row[i + 1]);
        // one beginning, one answer
        const beginning = row.slice(0, i + 1).join(' ');
        expect(seen.get(beginning) ?? target).toBe(target);
        seen.set(beginning, target);
      });
    });
    expect(seen.size).toBeGreaterThan(50);
  });
});

it('copies and counts', () => {
  const copy = tasks.copy!.batches(1, 1).batch(0);
  expect(copy.targets[0]!.slice(6)).toEqual(copy.ids[0]!.slice(0, 6));
  expect(copy.targets[0]!.slice(0, 6)).toEqual(Array(6).fill(IGNORED));
  const [row] = tasks.counting!.batches(1, 1).batch(0).ids;
  const by = (row![1]! - row![0]! + 10) % 10;
  expect(row).toEqual(Array.from({ length: 12 }, (_, i) => (row![0]! + i * by) % 10));
});

it('offers every variant of the registry that a decoder can have', () => {
  const names = trainable();
  expect(names).toEqual(
    expect.arrayContaining(['multi-head', 'grouped-query', 'multi-head-latent', 'linear']),
  );
  expect(names).not.toContain('cross-attention');
});

it('learns to say six digits backwards', async () => {
  const device = await deviceOf();
  const trainee = Trainee.begin(device, recipe('multi-head'));
  const before = await trainee.look();
  expect(before.right).toBeLessThan(0.3);
  await trained(trainee, 300);
  const after = await trainee.look();
  expect(after.right).toBeGreaterThan(0.9);
  expect(after.loss).toBeLessThan(before.loss / 4);
  expect(after.attended!.heads.map(({ layer, head }) => `${layer} ${head}`)).toEqual([
    '0 0',
    '0 1',
    '1 0',
    '1 1',
  ]);
  for (const { weights } of after.attended!.heads)
    for (let i = 0; i < 12; i++)
      expect(weights.subarray(i * 12, (i + 1) * 12).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
  trainee.dispose();
  device.dispose();
});

it('goes on after a pause as if there had been none', async () => {
  const device = await deviceOf();
  const whole = Trainee.begin(device, recipe('grouped-query', 'copy', { Hkv: 1 }));
  const losses = await trained(whole, 12);
  const paused = Trainee.begin(device, recipe('grouped-query', 'copy', { Hkv: 1 }));
  const control = new AbortController();
  const seen: number[] = [];
  for await (const { loss, step } of paused.run(12, control.signal)) {
    seen.push(loss);
    if (step === 5) control.abort();
  }
  expect(seen).toHaveLength(5);
  expect([...seen, ...(await trained(paused, 12))]).toEqual(losses);
  expect(await trained(paused, 12)).toEqual([]);
  for (const each of [whole, paused]) each.dispose();
  device.dispose();
});

it('becomes another variant: what has the same name and shape stays', async () => {
  const device = await deviceOf();
  const first = Trainee.begin(device, recipe('multi-head', 'counting'));
  await trained(first, 5);
  const second = await first.becoming(recipe('multi-query', 'counting'));
  expect(second.kept!.from).toBe('multi-head');
  expect(second.kept!.fresh).toEqual(
    [0, 1].flatMap((layer) => ['k', 'v'].map((name) => `layers.${layer}.attention.${name}`)),
  );
  expect(second.kept!.kept).toContain('embed');
  expect(second.step).toBe(5);
  const same = await first.becoming(recipe('sliding-window', 'counting', { window: 64 }));
  expect(same.kept!.fresh).toEqual([]);
  // a window wider than the text is multi-head attention
  expect((await same.look()).loss).toBe((await first.look()).loss);
  const reports: number[] = [];
  for await (const { step } of second.run(7, forever)) reports.push(step);
  expect(reports).toEqual([6, 7]);
  expect([second.is(recipe('multi-query', 'counting')), second.is(recipe('multi-query', 'copy'))]).toEqual([
    true,
    false,
  ]);
  for (const each of [first, second, same]) each.dispose();
  device.dispose();
});

it.each(trainable())('trains and looks at %s', async (name) => {
  const device = await deviceOf();
  const live = device.memory.buffers;
  const trainee = Trainee.begin(device, recipe(name));
  const [loss] = await trained(trainee, 2);
  expect(loss).toBeGreaterThan(0);
  const { right, attended } = await trainee.look();
  expect(right).toBeGreaterThanOrEqual(0);
  const hasScores = configure(variants[name as 'multi-head']).score(0) !== undefined;
  if (hasScores) expect(attended!.heads.length).toBeGreaterThanOrEqual(2);
  else expect(attended).toBeUndefined();
  trainee.dispose();
  expect(device.memory.buffers).toBe(live);
  device.dispose();
});
