import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AttentionVariant } from '@headwise/attention-variants';
import { type LawName, laws, Probe } from '@headwise/attention-variants/conformance';
import { wasm } from '@headwise/device-wasm';
import { createReference, knownDevices } from '@headwise/tensor';
import { camelOf } from 'headwise/templates';
import { afterAll, describe, expect, it } from 'vitest';
import { costsOf, picturesOf } from './drawn.ts';
import { examples } from './examples.ts';
import { judge, type Told } from './judge.ts';
import { pack, unpack } from './share.ts';
import { filesOf, readConstants, readTyped, type Typed, variantOf } from './written.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const scratch = mkdtempSync(join(here, 'written-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const typedOf = (name: string): Typed => ({ name: `my-${name}`, ...examples[name]! });

describe.each(Object.keys(examples))('the example %s', (name) => {
  const typed = typedOf(name);

  it('is in the dialect, and all laws hold', async () => {
    const { written, problems } = readTyped(typed);
    expect(problems).toEqual([]);
    const variant = variantOf(typed.name, written);
    for (const law of Object.keys(laws) as LawName[]) await laws[law](new Probe(createReference(), variant));
  });

  it('downloads as a file that computes and costs the same', async () => {
    const { written } = readTyped(typed);
    const [file, test] = filesOf(typed.name, written);
    expect(test!.text).toContain(`import { ${camelOf(typed.name)} } from './${typed.name}.ts'`);
    const path = join(scratch, file!.path);
    writeFileSync(path, file!.text);
    const module = (await import(path)) as Record<string, AttentionVariant>;
    const loaded = module[camelOf(typed.name)]!;
    const [a, b] = [loaded, variantOf(typed.name, written)].map((each) => new Probe(createReference(), each));
    expect(await a!.layers([9])).toEqual(await b!.layers([9]));
    const call = { B: 1, Lq: 7, Lk: 33, layer: 0 };
    expect(loaded.cost(a!.shape, a!.options, call)).toEqual(b!.variant.cost(b!.shape, b!.options, call));
    expect(loaded.kv(a!.shape, a!.options, 0)).toEqual(b!.variant.kv(b!.shape, b!.options, 0));
    for (const law of Object.keys(laws) as LawName[]) await laws[law](new Probe(createReference(), loaded));
  });
});

it('counts what the mask hides and what need not be kept', () => {
  const { written } = readTyped(typedOf('window'));
  const { rows, reach, cap } = costsOf('my-window', written);
  expect({ reach, cap }).toEqual({ reach: 4, cap: 4 });
  const [kept, step, prompt] = rows;
  expect(kept).toMatchObject({ value: 2 * 2 * 8 * 64 * 4, multiHead: 2 * 2 * 8 * 64 * 4096 });
  expect(step!.value / step!.multiHead).toBe(4 / 4096);
  // 1 + 2 + 3 + 4 · 509 pairs of 512 · 513 / 2
  expect(prompt!.value / prompt!.multiHead).toBeCloseTo((6 + 4 * 509) / ((512 * 513) / 2), 12);
  expect(costsOf('x', readTyped(typedOf('dilated')).written).reach).toBeUndefined();
});

it('draws a head where heads differ, and one where they do not', () => {
  const [alibi] = picturesOf(readTyped(typedOf('alibi')).written);
  expect(alibi!.heads).toHaveLength(4);
  // a score of 1, three back, slope 2^-2
  expect(alibi!.heads[0]![5 * 16 + 2]).toBe(1 - 3 * 0.25);
  const [window] = picturesOf(readTyped(typedOf('window')).written);
  expect(window!.heads).toHaveLength(1);
  // a window of 4 and causality: 1 + 2 + 3 + 4 · 13 of 256
  const seen = window!.heads[0]!.filter((value) => !Number.isNaN(value));
  expect([seen.length, new Set(seen)]).toEqual([58, new Set([1])]);
  expect(alibi!.heads[0]![2 * 16 + 5]).toBeNaN();
});

it('says what is wrong, at the line and column as typed', () => {
  const typed = { ...typedOf('window'), mask: '\n\n  function (b, h, q, k) {\n  return q - k < W;\n}' };
  expect(readTyped(typed).problems).toEqual([
    {
      field: 'mask',
      line: 4,
      column: 10,
      problem: 'returns a boolean, which GPUs cannot hand back',
      cure: 'Return q - k < W ? 1 : 0.',
    },
  ]);
  const first = readTyped({ ...typed, mask: '   (b, h, q, k) => 1' }).problems[0];
  expect(first).toMatchObject({ line: 1, column: 4, problem: 'is an arrow function' });
  expect(readTyped({ ...typed, mask: '', score: ' ' }).problems[0]!.problem).toMatch(
    /neither a score nor a mask/,
  );
  expect(
    readTyped({ ...typedOf('window'), name: 'My Own', keep: -1 }).problems.map(({ field }) => field),
  ).toEqual(['name', 'keep']);
});

it('reads constants', () => {
  expect(readConstants(' W=4, slope = 0.5;\n n=-1e3 ').constants).toEqual({ W: 4, slope: 0.5, n: -1000 });
  const said = readConstants('W, W=1, W=2, scale=3, return=1, x=NaN').problems.map(({ problem }) => problem);
  expect(said).toEqual([
    '“W” is no constant',
    'W is there twice',
    'scale stands for something else',
    'return stands for something else',
    '“x=NaN” is no constant',
  ]);
});

describe('a link', () => {
  it('holds the code, and the same code gives the same link', async () => {
    for (const name of Object.keys(examples)) {
      const { title: _, note: __, ...typed } = typedOf(name) as Typed & { title: string; note: string };
      const packed = await pack(typed);
      expect(packed).toMatch(/^[\w-]+$/);
      expect(packed.length).toBeLessThan(500);
      expect(await pack(typed)).toBe(packed);
      expect(await unpack(packed)).toEqual(typed);
    }
  });

  it.each(['', 'AAAA', '!!!', 'x'.repeat(500)])('that is broken says so: %s', async (packed) => {
    await expect(unpack(packed)).rejects.toThrow(/^The code in this link/);
  });

  it('that unfolds to far more than any code is refused', async () => {
    const typed = { ...typedOf('window'), mask: ' '.repeat(1_000_000) };
    await expect(unpack(await pack(typed))).rejects.toThrow('it is longer than 100000 bytes');
  });
});

describe('judged', () => {
  const devices = knownDevices([wasm]).filter(({ name }) =>
    ['gpujs:cpu', 'gpujs:webasm', 'wasm'].includes(name),
  );

  it('is drawn, counted, checked by every law, and compared on every device', async () => {
    const told: Told[] = [];
    await judge(typedOf('alibi'), devices, (each) => void told.push(each));
    expect(told.at(-1)).toEqual({ kind: 'end' });
    expect(told.filter(({ kind }) => kind === 'picture')).toHaveLength(1);
    const said = told.flatMap((each) => (each.kind === 'law' ? [each] : []));
    expect(said.map(({ name }) => name)).toEqual(Object.keys(laws));
    expect(said.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const verdicts = told.flatMap((each) => (each.kind === 'verdict' ? [each.verdict] : []));
    expect(verdicts.map(({ device, status }) => `${device} ${status}`)).toEqual([
      'gpujs:cpu equal',
      'gpujs:webasm equal',
      'wasm equal',
    ]);
    for (const { largest } of verdicts) {
      expect(largest).toBeGreaterThan(0);
      expect(largest).toBeLessThan(1e-5);
    }
  });

  it('has the law that it breaks named', async () => {
    const told: Told[] = [];
    const mask = 'function (b, h, q, k) { return 1; }';
    await judge({ ...typedOf('causal'), mask }, [], (each) => void told.push(each));
    const broken = told.flatMap((each) =>
      each.kind === 'law' && each.problem !== undefined ? [each.name] : [],
    );
    expect(broken).toContain('causal');
  });

  it('keeps too little: the law of caches finds it', async () => {
    const told: Told[] = [];
    await judge({ ...typedOf('window'), keep: 2 }, [], (each) => void told.push(each));
    const broken = told.flatMap((each) =>
      each.kind === 'law' && each.problem !== undefined ? [each.name] : [],
    );
    expect(broken).toContain('prefill = chunks = decode');
  });

  it('runs nothing of what is not in the dialect', async () => {
    const told: Told[] = [];
    const mask = 'function (b, h, q, k) { globalThis.ran = 1; return 1; }';
    await judge({ ...typedOf('causal'), mask }, devices, (each) => void told.push(each));
    expect(told.map(({ kind }) => kind)).toEqual(['problems', 'end']);
    expect('ran' in globalThis).toBe(false);
  });
});
