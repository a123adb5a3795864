import { expect, it } from 'vitest';
import * as attention from '../packages/attention-variants/src/index.ts';
import { variants } from '../packages/attention-variants/src/registry.ts';
import * as caches from '../packages/kv-cache/src/index.ts';
import * as positional from '../packages/positional/src/index.ts';
import * as sampling from '../packages/sampling/src/index.ts';
import * as tensors from '../packages/tensor/src/index.ts';

/** As plain JavaScript calls it: nothing keeps an argument from being forgotten. */
type Loose = (...args: unknown[]) => unknown;

const creation = ['tensor', 'zeros', 'createPositions', 'createThrough', 'packWeights', 'uploadWeights'];
const functions = [
  ...[attention, caches, positional, sampling].flatMap((module) => Object.entries(module)),
  ...Object.entries(tensors).filter(([name]) => creation.includes(name)),
].filter((entry): entry is [string, Loose] => typeof entry[1] === 'function' && !isClass(entry[1]));

const device = tensors.createReference();
const x = tensors.tensor(device, new Float32Array(8), [1, 2, 2, 2]);

/** What a call says, or nothing where it needs no argument. */
function complaint(call: () => unknown): string {
  try {
    call();
    return '';
  } catch (error) {
    const { name, message } = error as Error;
    const named =
      tensors.ValueError.isInstance(error) ||
      tensors.ShapeError.isInstance(error) ||
      sampling.SamplingError.isInstance(error) ||
      /^(CacheFileError|ModifierError)$/.test(name) ||
      // an operation whose argument is no tensor
      /^TypeError: [\w-]+: (\w+ must be a tensor|needs at least one tensor)/.test(`${name}: ${message}`);
    return named ? '' : `${name}: ${message}`;
  }
}

function isClass(value: object): boolean {
  return /^class\b/.test(String(value));
}

it.each(functions)('%s says which argument was forgotten', async (_, call) => {
  const work: unknown[] = [];
  expect(complaint(() => work.push(call()))).toBe('');
  expect(complaint(() => work.push(call({})))).toBe('');
  // what it answers later is an answer too
  for (const pending of work)
    await Promise.resolve(pending).catch((error) => expect(complaint(() => throwIt(error))).toBe(''));
});

function throwIt(error: unknown): never {
  throw error;
}

it.each(
  Object.entries(sampling as unknown as Record<string, Loose>).filter(
    ([, value]) => typeof value === 'function' && !isClass(value),
  ),
)('%s says so of null, and of options left out behind a step', async (_, call) => {
  for (const args of [[null], [() => 0], [[]], [() => 0, null]]) {
    const work: unknown[] = [];
    expect(complaint(() => work.push(call(...args)))).toBe('');
    for (const pending of work)
      await Promise.resolve(pending).catch((error) => expect(complaint(() => throwIt(error))).toBe(''));
  }
});

it('a device that was not awaited is named', () => {
  const promised = tensors.createDevice('reference') as unknown as tensors.Device;
  expect(() => tensors.tensor(promised, [1], [1])).toThrow(
    'tensor: device must be awaited before it is given',
  );
});

it('options that are null are no options', () => {
  expect(() => attention.configure(attention.multiHead, null as never)).toThrow(
    /^multi-head: options must be an object/,
  );
});

it.each(Object.values(variants))('$name says which argument was forgotten', (variant) => {
  const calls: Loose[] = [variant.attend as Loose, variant.layer as Loose];
  const configured = attention.configure(variant as attention.AttentionVariant);
  for (const of of ['check', 'parameters', 'kv', 'cost', 'attend', 'layer'] as const)
    calls.push(configured[of] as Loose);
  for (const call of calls) {
    expect(complaint(() => call())).toBe('');
    expect(complaint(() => call({}))).toBe('');
  }
  for (const given of [{ q: x }, { q: x, k: x }, { k: x, v: x }, { q: x, v: x }]) {
    expect(() => variant.attend(given as never)).toThrow(/: [qkv] must be given, got undefined$/);
    expect(() => configured.attend(given as never)).toThrow(/: [qkv] must be given, got undefined$/);
  }
  expect(() => configured.layer({ x } as never)).toThrow(/: weights must be given, got undefined$/);
  expect(() => configured.kv({ E: 8, H: 2, D: 4 } as never, 0)).toThrow(
    /: layers must be given, got undefined$/,
  );
});
