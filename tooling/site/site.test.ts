import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { variants } from '../../packages/attention-variants/src/registry.ts';
import { trainConfigOf } from '../../packages/headwise/src/train/config.ts';
import { checkCache } from '../../packages/kv-cache/src/conformance/index.ts';
import type { Cache, CacheOptions } from '../../packages/kv-cache/src/index.ts';
import type { DeviceFactory } from '../../packages/tensor/src/index.ts';
import { checkDevice } from '../../packages/tensor/src/testing/index.ts';
import { runBlock, runSamples, samplesOf } from '../readme.ts';
import { entryPoints } from './api.ts';
import { storyOf } from './doc-comment.ts';
import { deadLinks } from './links.ts';
import { measuredTables, ratioOf, shortOf, tradeOffs } from './measured.ts';
import { guide, modules } from './samples.ts';
import { chartFile, tradeOffChart } from './trade-off-chart.ts';
import { familyUses } from './used-by.ts';
import { variantPages } from './variant-page.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const pages = await variantPages();

describe('guides', () => {
  it.each(guides)('runs the samples of %s', async (name) => {
    // one program from its first number to its last, where the others are samples each for itself
    const joined = name === 'self-attention.md' || name === 'algorithms.md';
    await runSamples(guide(name), modules, { joined });
  });

  it('has samples, and they assert something', async () => {
    const asserting = [
      'start.md',
      'choose-a-variant.md',
      'load-a-checkpoint.md',
      'train.md',
      'measure-honestly.md',
    ];
    for (const name of asserting) {
      const { blocks, asserted } = await runSamples(guide(name), modules);
      expect(blocks, name).toBeGreaterThan(0);
      expect(asserted, name).toBeGreaterThanOrEqual(blocks);
    }
  });
});

it('the training file of the guide is one', () => {
  const json = /^```json\n([\s\S]*?)^```/m.exec(guide('train.md'))![1]!;
  const { steps, data, out } = trainConfigOf(JSON.parse(json), '/home/ada', 'stories.json');
  expect({ steps, data, out }).toMatchObject({
    steps: 2000,
    data: { kind: 'text', file: '/home/ada/stories.txt', documents: '\n\n' },
    out: '/home/ada/runs/stories',
  });
});

// the guides say that what they write passes its kit
const taken = async (name: string, take: string): Promise<unknown> =>
  (await runBlock(samplesOf(guide(name))[0]!, modules, [take])).taken[take];
const plain32 = (await taken('write-a-device.md', 'plain32')) as DeviceFactory;
const createCounted = (await taken('write-a-cache.md', 'createCounted')) as (options: CacheOptions) => Cache;
describe('write a device', () => checkDevice('plain32', () => plain32.create()));
describe('write a cache', () => checkCache('counted', { create: createCounted, steps: 100 }));

describe('pages of variants', () => {
  it('has one for each, with all of its parts', () => {
    expect(pages.map(({ path }) => path)).toEqual([
      'variants/index.md',
      ...Object.keys(variants).map((name) => `variants/${name}.md`),
    ]);
    for (const { path, text } of pages.slice(1)) {
      for (const part of [
        'What it computes',
        'What a query sees',
        'Use it',
        'What it keeps and costs',
        'Measured',
      ])
        expect(text, path).toContain(`## ${part}\n`);
      expect(text, path).toMatch(/```text\n[\s\S]+?```/);
      expect(text, path).not.toMatch(/\| (?:undefined|NaN) \||\{@link/);
      expect(text, path).toMatch(/arXiv \d{4}\.\d{5}|arXiv \d{4}\.\d{4}/);
      expect(text, path).toContain('### Equal shape: decode on');
    }
  });

  it('draws what the variants see', () => {
    const seen = (name: string): number =>
      Number(/(\d+) of 324 pairs/.exec(pages.find(({ path }) => path === `variants/${name}.md`)!.text)![1]);
    expect(seen('multi-head')).toBe((18 * 19) / 2);
    expect(seen('linear')).toBe((18 * 19) / 2);
    expect(seen('sliding-window')).toBe(7 * 18 - (7 * 6) / 2);
    expect(seen('chunked')).toBe(3 * ((6 * 7) / 2));
    expect(seen('cross-attention')).toBe(324);
  });

  it.each(pages.slice(1).map(({ path, text }) => [path, text]))('runs the sample of %s', async (_, text) => {
    const { blocks, asserted } = await runSamples(text, modules);
    expect(blocks).toBe(1);
    expect(asserted).toBeGreaterThan(0);
  });

  it('knows which families use a variant', () => {
    const of = (type: string) => [...familyUses().find((family) => family.type === type)!.variants].sort();
    expect(of('deepseek_v2')).toEqual(['multiHeadLatent']);
    expect(of('mistral')).toEqual(['groupedQuery', 'slidingWindow']);
    expect(familyUses().filter(({ variants: used }) => used.size === 0)).toEqual([]);
  });

  it('takes the doc comment as it stands, links and options with it', () => {
    const file = `/** Not this. */
export const other = 1;
/**
 * A story, see {@link https://arxiv.org/abs/1706.03762}.
 *
 * \`\`\`text
 * y = x
 * \`\`\`
 *
 * @see Somebody 2020, section 3,
 * {@link https://example.org/paper}
 */
export const mine = softmaxVariant({ defaults: {
  /** How many,
   * or none. */
  count: 3 } });`;
    const { story, sources, options } = storyOf('mine.ts', file, 'mine');
    expect(story).toBe(
      'A story, see [arXiv 1706.03762](https://arxiv.org/abs/1706.03762).\n\n```text\ny = x\n```',
    );
    expect(sources).toBe('Somebody 2020, section 3, [example.org/paper](https://example.org/paper)');
    expect([...options]).toEqual([['count', 'How many, or none.']]);
    expect(() => storyOf('mine.ts', 'export const mine = 1;', 'mine')).toThrow(
      'mine.ts: mine has no doc comment',
    );
  });
});

describe('the chart', () => {
  it('is drawn from the figures as they are', () => {
    const cure = 'run: npx tsx --conditions=@headwise/source tooling/site/trade-off-chart.ts';
    expect(existsSync(chartFile) && readFileSync(chartFile, 'utf8') === tradeOffChart(), cure).toBe(true);
  });

  it('has a point for every variant that was measured', () => {
    const { points, tokens } = tradeOffs(Object.values(variants));
    expect(tokens).toBe(8192);
    expect(points.map(({ label }) => label)).toEqual(Object.values(variants).map(shortOf));
    expect(points[0]).toMatchObject({ label: 'MHA', memory: 1, ratio: 1 });
    expect(points.find(({ label }) => label === 'GQA')!.memory).toBe(0.25);
    expect(ratioOf('440 µs · 0.0796× [0.0776, 0.0828]')).toEqual({
      ratio: 0.0796,
      low: 0.0776,
      high: 0.0828,
    });
    expect(measuredTables().length).toBeGreaterThan(5);
    expect(() => measuredTables('# Nothing')).toThrow('has no tables');
  });
});

it('the reference begins at every entry point of the packages', () => {
  const names = [...entryPoints().keys()];
  for (const name of [
    'headwise',
    '@headwise/models/node',
    '@headwise/attention-variants',
    '@headwise/tensor/testing',
  ])
    expect(names).toContain(name);
  for (const file of entryPoints().values()) expect(existsSync(file), file).toBe(true);
});

it('finds links that lead nowhere', () => {
  const site = mkdtempSync(join(tmpdir(), 'headwise-links-'));
  mkdirSync(join(site, 'variants'));
  writeFileSync(
    join(site, 'index.html'),
    '<h2 id="a"></h2><a href="/variants/x.html#there"><a href="#a"><a href="#b">',
  );
  writeFileSync(
    join(site, 'variants/x.html'),
    `<p id="there"><a href="../index.html"><a href="y.html"><a href="https://elsewhere.org/"><img src="/none.svg">
<a href="https://github.com/headwise/headwise/blob/main/README.md"><a href="https://github.com/headwise/headwise/blob/main/NONE.md">`,
  );
  expect(deadLinks(site, root)).toEqual([
    'index.html: #b: the page has no such heading',
    'variants/x.html: y.html: there is no such page',
    'variants/x.html: /none.svg: there is no such page',
    'variants/x.html: https://github.com/headwise/headwise/blob/main/NONE.md: the repository has no such file',
  ]);
  rmSync(site, { recursive: true });
});
