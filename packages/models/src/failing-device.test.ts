import {
  configure,
  crossLayer,
  linear,
  multiHead,
  multiHeadLatent,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { type Cache, resetStates } from '@headwise/kv-cache';
import { longrope, rotary } from '@headwise/positional';
import { createDevice, type Device } from '@headwise/tensor';
import { assertClose, randomIndex, toleranceOf } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import type { Session } from './session.ts';
import type { StepIds, StepOptions } from './session-contract.ts';
import { tinyDecoder } from './testing/tiny.ts';

const kinds = {
  'multi-head': configure(multiHead),
  'sliding-window': configure(slidingWindow, { window: 3 }),
  'sink-tokens': configure(sinkTokens, { sinks: 1, window: 3 }),
  'multi-head-latent': configure(multiHeadLatent, { latent: 8, rope: 4 }),
  'cross-layer': configure(crossLayer, { factor: 2 }),
  linear: configure(linear),
  longrope: configure(slidingWindow, { window: 3 }),
} as const;
const turning = { shortFactors: [1, 1], longFactors: [1.5, 4], originalLength: 6, factor: 2 };

const prompt = [
  [3, 1, 4, 1, 5],
  [9, 2],
];
const next: readonly (readonly [string, StepIds, StepIds, StepOptions])[] = [
  ['the first step', [[], []], prompt, {}],
  ['a step of one token each', prompt, [[6], [7]], {}],
  ['a step of several tokens and none', prompt, [[6, 5, 3, 5], []], {}],
  ['a step in pieces', prompt, [[6, 5, 3, 5, 8], [9]], { chunk: 2 }],
];

// each costs two steps: all of them where there is time
const long = process.env.HEADWISE_LONG === '1';

/** Which calls fail, one at a time: the first four, then one of each ten or fewer, by a seed of the case. */
function* failing(...seeds: readonly number[]): Generator<number> {
  const pick = randomIndex(seeds.reduce((sum, seed) => 31 * sum + seed, 7));
  for (let n = 1; ; n += long || n < 4 ? 1 : 1 + pick(10)) yield n;
}

const devices = ['reference', 'wasm'];
describe.each(devices)('a device like %s that fails once', (name) => {
  describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('with %s attention', (kind) => {
    it.each(next)('leaves a session as it was, wherever in %s', async (_, before, ids, options) => {
      const device = await createDevice(name);
      const position = kind === 'longrope' ? longrope(turning) : rotary();
      const decoder = tinyDecoder(device, { blocks: { attention: kinds[kind], position } });
      using base = decoder.start({ B: 2 });
      if (before !== next[0]![1]) base.step(before).dispose();
      const want = await after(base, ids);
      // tables of passing lengths, of which an encoding keeps a few
      for (let i = 0; i < 3 && kind === 'longrope'; i++) await after(base, ids);
      const held = device.memory;

      const seeds = [devices.indexOf(name), Object.keys(kinds).indexOf(kind), ids.flat().length];
      for (const n of failing(...seeds)) {
        using session = base.fork();
        const failed = failAt(device, n, () => session.step(ids, options));
        if (!failed) break;
        expect(session.lengths).toEqual(base.lengths);
        const logits = session.step(ids);
        assertClose((await logits.data()) as Float32Array, want, toleranceOf(device, 2e-5));
        logits.dispose();
        session.dispose();
        const { buffers, liveBytes } = device.memory;
        if (kind === 'longrope') expect(buffers).toBeLessThanOrEqual(held.buffers);
        else expect([n, buffers, liveBytes]).toEqual([n, held.buffers, held.liveBytes]);
      }
      device.dispose();
    });
  });
});

/** Ways to move a session's rows about, each with what makes a session whole again when it has failed. */
const moves: readonly (readonly [string, (session: Session, file: Uint8Array) => void])[] = [
  ['takes other sequences', (session) => session.take([1, 0])],
  ['takes fewer sequences', (session) => session.take([1])],
  ['loads a file', (session, file) => session.load(file)],
  ['forks', (session) => session.fork().dispose()],
];

describe.each(devices)('a device like %s that fails once while a session', (name) => {
  describe.each(moves)('%s', (_, move) => {
    it.each(Object.keys(kinds) as (keyof typeof kinds)[])('with %s attention', async (kind) => {
      const device = await createDevice(name);
      const decoder = tinyDecoder(device, { blocks: { attention: kinds[kind] } });
      using base = decoder.start({ B: 2 });
      base.step(prompt).dispose();
      const file = await base.save();
      const want = await after(base, [[6], [7]]);
      const held = device.memory;

      let failures = 0;
      for (let n = 1; ; n++) {
        using session = base.fork();
        const failed = failAt(device, n, () => void move(session, file));
        if (!failed) break;
        failures++;
        const ids = session.B === 2 ? [[6], [7]] : undefined;
        try {
          const logits = session.step(ids ?? [[6]]);
          assertClose((await logits.data()) as Float32Array, want, toleranceOf(device, 2e-5));
          logits.dispose();
        } catch (error) {
          expect((error as Error).message).toMatch(
            /session: step is not possible, a (take|load) failed half-way/,
          );
          resetStates(session.states as Cache[]);
          const alike = session.states.every(({ B }) => B === session.B);
          if (alike) session.step(session.B === 2 ? [[1], [2]] : [[1]]).dispose();
        }
        session.dispose();
        expect([n, device.memory.buffers, device.memory.liveBytes]).toEqual([
          n,
          held.buffers,
          held.liveBytes,
        ]);
      }
      expect(failures).toBeGreaterThan(0);
      device.dispose();
    });
  });
});

async function after(base: Session, ids: StepIds): Promise<Float32Array> {
  using session = base.fork();
  const logits = session.step(ids);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

/** Lets the n-th call that makes or changes a buffer fail. @returns whether there was one */
function failAt(device: Device, n: number, work: () => { dispose(): void } | undefined): boolean {
  let calls = 0;
  const methods = ['allocate', 'upload', 'write', 'run'] as const;
  for (const method of methods) {
    const real = (device[method] as (...given: unknown[]) => unknown).bind(device);
    const failing = (...given: unknown[]): unknown => {
      if (++calls === n) throw new Error('the device is gone');
      return real(...given);
    };
    Object.defineProperty(device, method, { value: failing, configurable: true, writable: true });
  }
  try {
    work()?.dispose();
    // a failure that nobody hears of is worse than one
    expect(calls).toBeLessThan(n);
    return false;
  } catch (error) {
    expect((error as Error).message).toBe('the device is gone');
    return true;
  } finally {
    for (const method of methods) Reflect.deleteProperty(device, method);
  }
}
