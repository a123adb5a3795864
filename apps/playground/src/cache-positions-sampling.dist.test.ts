import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axe, chrome, open, Playground } from './testing/page.ts';
import type { CacheSetup, Run } from './views/cache/picture.ts';
import { writeRules } from './views/option-link.ts';
import type { PositionSetup } from './views/positions/model.ts';
import type { PositionPicture } from './views/positions/picture.ts';
import type { HistogramPicture, SamplingPicture } from './views/sampling/picture.ts';

if (!chrome)
  console.log('the views of caches, positions and sampling: skipped, no Chromium; set CHROME_PATH');

/** What the library computes in Node, on its reference device in float64. */
function expected<Result>(kind: string, params: object): Result {
  const script = fileURLToPath(new URL('testing/expected-views.ts', import.meta.url));
  const args = ['--import', 'tsx', '--conditions=@headwise/source', script, kind, JSON.stringify(params)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 }));
}

const link = (view: string, state: Readonly<Record<string, string | number>> = {}): string =>
  `#${new URLSearchParams({ view, ...Object.fromEntries(Object.entries(state).map(([k, v]) => [k, String(v)])) })}`;

/** The numbers that a figure offers as a file. */
async function saved<Result>(page: Page, title: string): Promise<Result> {
  const figure = page.locator('figure', { has: page.getByRole('heading', { name: title }) }).first();
  const coming = page.waitForEvent('download');
  await figure.getByRole('button', { name: /^JSON/ }).click();
  return JSON.parse(readFileSync(await (await coming).path(), 'utf8'));
}

async function rowsOf(page: Page, table: string): Promise<string[][]> {
  return page
    .locator(`${table} tbody tr`)
    .evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent!.trim())),
    );
}

const ready = (page: Page): Promise<void> => page.locator('[data-sentence]').waitFor();

describe.skipIf(!chrome)('the views of caches, positions and sampling', () => {
  let playground: Playground;
  let browser: Browser;
  beforeAll(async () => {
    playground = await Playground.start();
    browser = await playground.browser();
  });
  afterAll(() => playground?.stop());

  const cacheSetup: CacheSetup = {
    variant: 'sliding-window',
    options: { window: 5 },
    cache: '',
    cacheOptions: {},
    prompt: 'One day a bird',
    tokens: 14,
    seed: 3,
  };
  const cacheLink = (state: Readonly<Record<string, string | number>> = {}): string => {
    const { prompt, tokens, seed, variant } = cacheSetup;
    return playground.url + link('cache', { variant, options: 'window:5', prompt, tokens, seed, ...state });
  };

  it('a cache on the page is the library’s: slots, tokens, bytes, step by step', async () => {
    const { page, faults } = await open(browser, cacheLink({ order: 'slots' }));
    await ready(page);
    const run = expected<Run>('cache', cacheSetup);
    for (const step of [13, 12]) {
      const frame = run.frames[step]!;
      const shown = await saved<typeof frame>(page, 'What each layer keeps');
      expect(shown.states.map(({ slots }) => slots.map(({ token }) => token))).toEqual(
        frame.states.map(({ slots }) => slots.map(({ token }) => token)),
      );
      shown.states.forEach(({ slots }, layer) => {
        slots.forEach(({ size, weight }, n) => {
          expect(size).toBeCloseTo(frame.states[layer]!.slots[n]!.size, 3);
          expect(weight).toBeCloseTo(frame.states[layer]!.slots[n]!.weight!, 3);
        });
      });
      const used = frame.states.reduce((sum, { bytes }) => sum + bytes.used, 0);
      expect(await page.locator('[data-used]').getAttribute('data-used')).toBe(String(used));
      expect(await page.locator('[data-predicted]').textContent()).toBe(
        `${used.toLocaleString('en')} B ✓ equal`,
      );
      await page.getByRole('button', { name: 'Step back' }).click();
    }
    expect(page.url()).toContain('step=11');
    expect(faults).toEqual([]);
  });

  it('every variant and every cache that fits it runs on the page, with bytes as predicted', async () => {
    const { page, faults } = await open(browser, cacheLink());
    await ready(page);
    const all = await page
      .getByLabel('Variant', { exact: true })
      .locator('option')
      .evaluateAll((list) => list.map((each) => each.getAttribute('value')!));
    expect(all.length).toBeGreaterThanOrEqual(16);
    await page.context().close();
    const seen = new Set<string>();
    // a page for each: what is asked of one that shows another still may belong to the one before
    const visit = async (variant: string, cache: string): Promise<readonly string[]> => {
      const opened = await open(browser, cacheLink({ variant, options: '', cache }));
      await ready(opened.page);
      expect([variant, cache, await opened.page.locator('[data-predicted]').textContent()]).toEqual([
        variant,
        cache,
        expect.stringContaining('✓ equal'),
      ]);
      expect(await opened.page.locator('.note.problem').count()).toBe(0);
      const options = opened.page.getByLabel('Cache', { exact: true }).locator('option');
      await expect.poll(() => options.count()).toBeGreaterThan(1);
      const fitting = await options.evaluateAll((list) => list.map((each) => each.getAttribute('value')!));
      expect(opened.faults).toEqual([]);
      await opened.page.context().close();
      return fitting;
    };
    for (const variant of all)
      for (const cache of (await visit(variant, '')).filter((name) => name !== '' && !seen.has(name))) {
        seen.add(cache);
        await visit(variant, cache);
      }
    expect([...seen].sort()).toEqual([
      'anchor-evicting',
      'contiguous',
      'latent',
      'paged',
      'quantized',
      'recurrent',
      'ring',
      'sink-preserving',
    ]);
    expect(faults).toEqual([]);
  });

  it('a refusal of the library is said in its words, and a real model’s bytes follow the slider', async () => {
    const { page } = await open(
      browser,
      cacheLink({ options: 'window:0', model: 'DeepSeek-V2', context: 4096 }),
    );
    await page
      .getByText(/sliding-window: window must be/)
      .first()
      .waitFor();
    // 69,120 bytes a token, as the paper's numbers give
    await page.locator('[data-size]').waitFor();
    expect(await page.locator('[data-size]').getAttribute('data-size')).toBe(String(4096 * 69_120));
    expect(await page.locator('[data-formula]').textContent()).toBe(
      '60 layers × 4,096 tokens × (latent 576) × 2 B = 283,115,520 B',
    );
    await page.getByRole('slider', { name: 'Context' }).focus();
    await page.keyboard.press('End');
    await expect
      .poll(() => page.locator('[data-size]').getAttribute('data-size'))
      .toBe(String(2 ** 20 * 69_120));
  });

  it('cells can be walked by keyboard, and say what they hold', async () => {
    const { page } = await open(browser, cacheLink({ order: 'slots' }));
    await ready(page);
    await page.getByRole('application', { name: /^Layer 1: ring/ }).focus();
    await page.keyboard.press('ArrowRight');
    const run = expected<Run>('cache', cacheSetup);
    const { token } = run.frames.at(-1)!.states[1]!.slots[1]!;
    expect(await page.locator('.said').first().textContent()).toMatch(
      new RegExp(
        `^Layer 1, slot 1 holds token ${token} ‘.*’, .*read by this step with a weight of up to 0\\.\\d{3}`,
      ),
    );
  });

  const positionSetup: PositionSetup = {
    name: 'yarn',
    options: { factor: 4, base: 5000 },
    D: 32,
    H: 4,
    trained: 128,
    length: 512,
    content: 'random',
    pair: 3,
    m: 40,
    n: 33,
    by: 5,
  };
  const positionLink = ({ name, D, H, trained, length, content }: PositionSetup, options: string): string =>
    playground.url +
    link('positions', { encoding: name, options, width: D, heads: H, trained, length, content });

  it.each([
    ['yarn', { factor: 4, base: 5000 }, 'factor:4,base:5000'],
    ['alibi', {}, ''],
    ['sinusoidal', {}, ''],
    ['shaw', {}, ''],
  ])('%s: curve, picture and moved score on the page are the library’s', async (name, options, written) => {
    const setup = { ...positionSetup, name, options };
    const { page, faults } = await open(browser, positionLink(setup, written));
    await ready(page);
    const want = expected<PositionPicture>('positions', setup);
    await expect.poll(() => page.locator('[data-sentence]').textContent()).toContain(want.title);
    const curve = await saved<typeof want.curve>(page, 'Score of a query with the keys before it');
    expect(curve.distances).toEqual(want.curve.distances);
    expect(curve.lines.map(({ label }) => label)).toEqual(want.curve.lines.map(({ label }) => label));
    // the last digit of a sine is the browser's own
    curve.lines.forEach(({ values }, n) => {
      values.forEach((value, at) => {
        expect(value).toBeCloseTo(want.curve.lines[n]!.values[at]!, 9);
      });
    });
    if (want.shift.problem !== undefined) throw new Error(want.shift.problem);
    const [before, after, change] = await rowsOf(page, '[data-shift]');
    expect(Number(before![1])).toBeCloseTo(want.shift.before, 5);
    expect(Number(after![1])).toBeCloseTo(want.shift.after, 5);
    expect(change![1]).toContain(want.shift.change.toFixed(6).replace('-0.000000', '0.000000'));
    expect(faults).toEqual([]);
  });

  it('every encoding of the registry draws, and a wrong option says why', async () => {
    const { page, faults } = await open(browser, positionLink(positionSetup, ''));
    await ready(page);
    const encodings = page.getByLabel('Encoding', { exact: true });
    await expect.poll(() => encodings.locator('option').count()).toBeGreaterThanOrEqual(15);
    for (const option of await encodings.locator('option').all()) {
      const [name, title] = [(await option.getAttribute('value'))!, (await option.textContent())!];
      await encodings.selectOption(name);
      await expect.poll(() => page.locator('[data-sentence]').textContent()).toContain(`${title}: `);
    }
    await encodings.selectOption('rotary');
    await page.getByLabel('base', { exact: true }).fill('-1');
    await page.getByText('rotary: base must be').first().waitFor();
    expect(faults).toEqual([]);
  });

  const stages = [
    { name: 'temperature', options: { temperature: 0.7 } },
    { name: 'top-k', options: { k: 12 } },
    { name: 'top-p', options: { p: 0.8 } },
  ];
  const prompt = 'Once there was a big';
  const samplingLink = (state: Readonly<Record<string, string | number>> = {}): string =>
    playground.url + link('sampling', { prompt, chain: writeRules(stages), seed: 9, ...state });

  it('every stage on the page is the library’s, and another order is another table', async () => {
    const { page, faults } = await open(browser, samplingLink());
    await ready(page);
    const check = async (order: typeof stages): Promise<SamplingPicture> => {
      const want = expected<SamplingPicture>('sampling', { prompt, stages: order, seed: 9 });
      await expect
        .poll(async () => (await page.locator('.stages thead').textContent())!)
        .toContain(order.map(({ name }) => name).join(''));
      const shown = await saved<SamplingPicture>(page, 'Every token through every stage');
      expect(shown.stages.map(({ left }) => left)).toEqual(want.stages.map(({ left }) => left));
      expect(shown.choice.u).toBe(want.choice.u);
      expect(shown.choice.text).toBe(want.choice.text);
      for (const { id, after, logit } of want.rows) {
        const row = shown.rows.find((each) => each.id === id)!;
        expect(row.logit).toBeCloseTo(logit, 3);
        row.after.forEach((part, n) => {
          if (part === null || part === undefined) expect(after[n] ?? undefined).toBeUndefined();
          else expect(part).toBeCloseTo(after[n]!, 3);
        });
      }
      const cells = (await rowsOf(page, '.stages')).find(([text]) => text!.startsWith(want.choice.text))!;
      expect(cells.at(-1)).toBe('✓ drawn');
      return want;
    };
    const one = await check(stages);
    await page.getByRole('button', { name: /^top-p, 3 of 3/ }).focus();
    await page.keyboard.press('ArrowUp');
    // the name that was moved keeps the focus
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    await expect.poll(focused).toMatch(/^top-p, 2 of 3/);
    await page.keyboard.press('ArrowUp');
    const other = await check([stages[2]!, stages[0]!, stages[1]!]);
    expect(one.stages.map(({ left }) => left)).not.toEqual(other.stages.map(({ left }) => left));
    // by mouse: the first filter onto the last
    await page.locator('.grip').first().hover();
    await page.mouse.down();
    const onto = (await page.locator('.grip').nth(2).boundingBox())!;
    await page.mouse.move(onto.x + 5, onto.y + 10, { steps: 8 });
    await page.mouse.up();
    await check(stages);
    expect(faults).toEqual([]);
  });

  it('a filter can be added, set and removed; the token can be kept and taken back', async () => {
    const { page } = await open(browser, samplingLink());
    await ready(page);
    await page.getByLabel('Add a filter').selectOption('typical');
    await expect.poll(() => page.url()).toContain('typical');
    await page.getByRole('button', { name: 'Remove top-k' }).click();
    await expect.poll(() => page.url()).not.toContain('top-k');
    await page.getByRole('group', { name: 'Options of typical' }).getByLabel('mass').fill('0.5');
    await expect.poll(() => page.url()).toContain('mass:0.5');
    const before = await page.locator('[data-text]').textContent();
    await page.getByRole('button', { name: /^Keep/ }).click();
    await expect.poll(() => page.locator('[data-text]').textContent()).not.toBe(before);
    expect(page.url()).toMatch(/kept=\d+/);
    await page.getByRole('button', { name: 'Take one back' }).click();
    await expect.poll(() => page.locator('[data-text]').textContent()).toBe(before);
  });

  it('a thousand draws are counted as the library counts them', async () => {
    const { page } = await open(browser, samplingLink());
    await ready(page);
    await page.getByRole('button', { name: /^Draw 1000/ }).click();
    await page.getByRole('heading', { name: 'Drawn and expected' }).waitFor();
    const shown = await saved<HistogramPicture>(page, 'Drawn and expected');
    const want = expected<HistogramPicture>('histogram', { prompt, stages, seed: 9, draws: 1000 });
    expect(shown.bars.map(({ id, count }) => [id, count])).toEqual(
      want.bars.map(({ id, count }) => [id, count]),
    );
    expect(shown.fit!.p).toBeCloseTo(want.fit!.p, 2);
  });

  it('a schema forbids tokens with the reason, and what is generated fits it', async () => {
    const schema = JSON.stringify({
      type: 'object',
      properties: { age: { type: 'integer' } },
      required: ['age'],
    });
    const { page, faults } = await open(browser, samplingLink({ schema, chain: 'temperature' }));
    await ready(page);
    expect(await page.locator('[data-constraint]').textContent()).toMatch(
      /forbids 1,02\d of 1,024 tokens.*next must be ‘{’/,
    );
    const reasons = (await rowsOf(page, '.stages')).filter((cells) =>
      cells.at(-2)!.startsWith('✗ json-schema'),
    );
    expect(reasons.length).toBeGreaterThan(10);
    for (const cells of reasons) expect(cells.at(-1)).toContain('next must be ‘{’');
    await page.getByRole('button', { name: 'Keep “{” and go on' }).click();
    await expect.poll(() => page.locator('[data-constraint]').textContent()).toContain('Read so far: {');
    await page.getByText('Hold what is generated').click();
    await open(browser, samplingLink({ schema: '{"type":"set"}' })).then(async ({ page: other }) => {
      await other
        .getByText(/json-schema: /)
        .first()
        .waitFor();
    });
    expect(faults).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'axe finds nothing in the %s theme, and nothing sticks out on a phone, a desk or a projector',
    async (colorScheme) => {
      const pages = [
        cacheLink(),
        cacheLink({ variant: 'linear', options: '' }),
        positionLink(positionSetup, ''),
        samplingLink({ schema: '{"type":"integer"}' }),
      ];
      for (const url of pages)
        for (const width of [390, 1280, 1920]) {
          const { page } = await open(browser, url, { colorScheme, viewport: { width, height: 844 } });
          await ready(page);
          for (const summary of await page.locator('summary').all()) await summary.click();
          if (width < 1920) expect([url, width, await axe(page)]).toEqual([url, width, []]);
          const over = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect([url, width, over]).toEqual([url, width, 0]);
          await page.context().close();
        }
    },
  );
});
