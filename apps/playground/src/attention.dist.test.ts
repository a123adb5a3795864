import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Trace, TraceParams } from './engine/attention/trace.ts';
import { axe, chrome, live, open, Playground } from './testing/page.ts';

if (!chrome) console.log('the attention view: skipped, no Chromium; set CHROME_PATH');

const text = 'The little dog ran to the river.';
const link = (state: Record<string, string | number> = {}): string =>
  `#${new URLSearchParams({ view: 'attention', text, ...Object.fromEntries(Object.entries(state).map(([k, v]) => [k, String(v)])) })}`;

/** What the library computes in Node, on its reference device in float64. */
function expected(params: Partial<TraceParams>): Trace {
  const all = { text, variant: 'grouped-query', options: {}, layer: 2, kept: false, ...params };
  const script = fileURLToPath(new URL('testing/expected.ts', import.meta.url));
  const args = ['--import', 'tsx', '--conditions=@headwise/source', script, JSON.stringify(all)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 }));
}

/** The numbers that the page offers as a file. */
async function saved(
  page: Page,
  title: RegExp,
): Promise<{ readonly values: readonly (readonly (number | null)[])[] }> {
  const figure = page.locator('figure', { has: page.getByRole('heading', { name: title }) }).first();
  const coming = page.waitForEvent('download');
  await figure.getByRole('button', { name: /^JSON/ }).click();
  return JSON.parse(readFileSync(await (await coming).path(), 'utf8'));
}

describe.skipIf(!chrome)('the attention view', () => {
  let playground: Playground;
  let browser: Browser;
  beforeAll(async () => {
    playground = await Playground.start();
    browser = await playground.browser();
  });
  afterAll(() => playground?.stop());

  it('shows a recorded example at once, and then the numbers of this device', async () => {
    const { page, faults } = await open(browser, playground.url, {
      before: (each) => each.route('**/model.safetensors', (route) => route.abort()),
    });
    expect(await page.locator('[data-badge]').textContent()).toBe('recorded');
    await page.getByText('could not be fetched').first().waitFor();
    await page.unrouteAll();
    await page.getByRole('button', { name: /Load the model/ }).click();
    await live(page);
    expect(faults).toEqual([]);
  });

  it.each([
    ['grouped-query', {}, ''],
    ['sliding-window', { window: 3 }, 'window:3'],
    ['multi-query', {}, ''],
  ] as const)('%s: every weight on the page is the library’s', async (variant, options, written) => {
    const { page, faults } = await open(
      browser,
      playground.url + link({ variant, options: written, heads: 2 }),
    );
    await live(page);
    const { weights, ids } = expected({ variant, options });
    const L = ids.length;
    const { values } = await saved(page, /Layer 3, head 2/);
    expect(values).toHaveLength(L);
    values.flat().forEach((value, at) => {
      const want = weights![L * L + at]!;
      if (value === null || want === null) expect([at, value]).toEqual([at, want]);
      else expect(Math.abs(value - want)).toBeLessThan(2e-4);
    });
    expect(faults).toEqual([]);
  });

  it('puts the numbers of the cell that the arrow keys choose into the formula', async () => {
    const { page } = await open(browser, playground.url + link({ heads: 4 }));
    await live(page);
    const { weights, raw, ids } = expected({});
    const L = ids.length;
    const map = page.getByRole('application', { name: /Layer 3, head 4/ });
    await map.focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Shift+ArrowUp');
    await page.keyboard.press('Shift+ArrowUp');
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Home', 'ArrowRight', 'Enter'])
      await page.keyboard.press(key);
    const at = (3 * L + 4) * L + 1;
    const number = async (name: string): Promise<number> =>
      Number((await page.locator(`[data-result="${name}"]`).textContent())!.replace('−', '-'));
    expect(await number('weight')).toBeCloseTo(weights![at]!, 2);
    expect(await number('raw')).toBeCloseTo(raw![at]!, 1);
    expect(page.url()).toContain('pin=4.1');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).not.toContain('pin=');
  });

  it('puts two variants beside each other, says where their weights come from, and how far apart they are', async () => {
    const state = { compare: 'sliding-window', compareOptions: 'window:3', heads: 1 };
    const { page } = await open(browser, playground.url + link(state));
    await page.locator('[data-difference]').waitFor();
    const [a, b] = [expected({}), expected({ variant: 'sliding-window', options: { window: 3 } })];
    const L = a.ids.length;
    let moved = 0;
    for (let i = 0; i < L * L; i++) moved += Math.abs((a.weights![i] ?? 0) - (b.weights![i] ?? 0)) / 2 / L;
    const said = await page.locator('[data-difference]').textContent();
    expect(Number(/(\d+) %/.exec(said!)![1])).toBe(Math.round(100 * moved));
    expect(await page.locator('[data-origin]').allTextContents()).toEqual(['trained', 'converted']);
    const kept = await page.locator('[data-keeps]').allTextContents();
    expect(kept[0]).toContain('k 2 × 16 + v 2 × 16 = 64 numbers × 4 layers × 4 B = 1 KiB a token');
    expect(kept[1]).toContain('of the last 3 tokens only');
    expect(b.footprint.bytes).toBe(3 * 1024);
  });

  it('has every variant of the registry, and says what the library says of an option that does not fit', async () => {
    const { page } = await open(
      browser,
      playground.url + link({ variant: 'sliding-window', options: 'window:0' }),
    );
    await page.getByText('sliding-window: window must be').first().waitFor();
    const listed = await page.getByLabel('Variant', { exact: true }).locator('option').allTextContents();
    expect(listed.length).toBeGreaterThanOrEqual(17);
    expect(listed.find((each) => /Cross-attention/.test(each))).toMatch(/reads a source/);
  });

  it('every step of every kind of variant draws without a fault', async () => {
    const { page, faults } = await open(browser, playground.url + link());
    await live(page);
    for (const variant of ['grouped-query', 'multi-head-latent', 'linear', 'differential', 'cross-layer']) {
      await page.getByLabel('Variant', { exact: true }).selectOption(variant);
      await expect.poll(() => page.url()).toMatch(variant === 'grouped-query' ? /./ : `variant=${variant}`);
      for (const step of await page.getByRole('tab').all()) {
        await step.click();
        await page.locator('[role="tabpanel"] figure, [role="tabpanel"] p').first().waitFor();
      }
    }
    expect(faults).toEqual([]);
  });

  it('reads a text of 512 tokens on canvas, without an element a cell', async () => {
    const long = Array.from({ length: 64 }, () => 'Once upon a time there was a little cat.').join(' ');
    const { page } = await open(browser, playground.url);
    await live(page);
    await page.getByLabel('Your text').fill(long);
    await page.getByText(/positions: beyond them/).waitFor();
    expect(await page.locator('*').count()).toBeLessThan(1500);
    const tokens = Number(/(\d+) tokens/.exec((await page.locator('.status-row').textContent())!)![1]);
    expect(tokens).toBeGreaterThanOrEqual(512);
    await page.getByRole('application').first().focus();
    await page.keyboard.press('Home');
    expect(await page.locator('[data-sentence]').textContent()).toMatch(/to “‹start›”/);
  });

  it('back undoes, one name at a time, and a link brings everything back', async () => {
    const { page } = await open(browser, playground.url);
    await live(page);
    await page.getByRole('tab', { name: /Scores/ }).click();
    await page.getByLabel('Variant', { exact: true }).selectOption('multi-query');
    const whole = page.url();
    expect(whole).toContain('step=scores');
    expect(whole).toContain('variant=multi-query');
    await page.goBack();
    await expect.poll(() => page.getByLabel('Variant', { exact: true }).inputValue()).toBe('grouped-query');
    await page.goBack();
    expect(await page.getByRole('tab', { selected: true }).textContent()).toMatch(/Weights/);
    const { page: other } = await open(browser, whole);
    expect(await other.getByRole('tab', { selected: true }).textContent()).toMatch(/Scores/);
    await expect.poll(() => other.getByLabel('Variant', { exact: true }).inputValue()).toBe('multi-query');
  });

  it.each(['light', 'dark'] as const)(
    'axe finds nothing in the %s theme, on a phone and on a desk',
    async (theme) => {
      for (const width of [390, 1280]) {
        const { page } = await open(browser, playground.url + link({ compare: 'multi-query' }), {
          colorScheme: theme,
          viewport: { width, height: 844 },
        });
        await page.locator('[data-difference]').waitFor();
        for (const summary of await page.locator('summary').all()) await summary.click();
        expect(await axe(page)).toEqual([]);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect([width, overflow]).toEqual([width, 0]);
      }
    },
  );

  it('everything that can be clicked can be reached by keyboard', async () => {
    const { page } = await open(browser, playground.url);
    await live(page);
    const reached = new Set<string>();
    const count = await page.locator('a, button, select, textarea, input, summary, [tabindex="0"]').count();
    for (let n = 0; n < count + 5; n++) {
      await page.keyboard.press('Tab');
      reached.add(
        await page.evaluate(() => {
          const { activeElement: at } = document;
          return `${at?.tagName} ${at?.getAttribute('aria-label') ?? at?.textContent?.slice(0, 40)}`;
        }),
      );
    }
    const all = [...reached].join('\n');
    for (const want of [
      /BUTTON Skip/,
      /A Attention/,
      /TEXTAREA/,
      /DIV Layer 3, head 1/,
      /BUTTON Layer 3, head 1/,
      /BUTTON 4 · Weights/,
      /SUMMARY Table/,
      /BUTTON JSON/,
      /SELECT/,
    ])
      expect(all).toMatch(want);
    await page.getByRole('button', { name: 'Layer 3, head 1', exact: true }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Layer 4, head 1: weight' }).waitFor();
    await page.keyboard.press('?');
    await expect.poll(() => page.getByRole('dialog').isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').isVisible()).toBe(false);
  });
});
