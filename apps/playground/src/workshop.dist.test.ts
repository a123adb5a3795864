import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axe, chrome, open, Playground } from './testing/page.ts';

if (!chrome) console.log('benchmark, write and training views: skipped, no Chromium; set CHROME_PATH');

const shipped = join(
  dirname(createRequire(import.meta.url).resolve('headwise/package.json')),
  'assets/little-stories',
);

/** What the library computes in Node. */
function inNode(code: string): unknown {
  const args = ['--import', 'tsx', '--conditions=@headwise/source', '--input-type=module', '-e', code];
  const cwd = join(import.meta.dirname, '..');
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', cwd }));
}

async function saved(page: Page, press: () => Promise<void>): Promise<string> {
  const coming = page.waitForEvent('download');
  await press();
  return readFileSync(await (await coming).path(), 'utf8');
}

/** Reaches a control by Tab alone. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press('Tab');
    const text = await page.evaluate(() => document.activeElement?.textContent ?? '');
    if (name.test(text)) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

const noScroll = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

describe.skipIf(!chrome)('the views of the workshop', () => {
  let playground: Playground;
  let browser: Browser;
  beforeAll(async () => {
    playground = await Playground.start();
    browser = await playground.browser();
  });
  afterAll(() => playground?.stop());
  const link = (hash: string): string => `${playground.url}#${hash}`;

  describe.each(['benchmark', 'write', 'training'])('%s', (view) => {
    it.each(['light', 'dark'] as const)('has nothing that axe objects to, %s', async (colorScheme) => {
      const { page, faults } = await open(browser, link(`view=${view}`), { colorScheme });
      await page.locator('.panel').first().waitFor();
      expect(await axe(page)).toEqual([]);
      expect(faults).toEqual([]);
    });

    it.each([
      [390, 844],
      [1920, 1080],
    ])('fits %i × %i without scrolling sideways', async (width, height) => {
      const { page } = await open(browser, link(`view=${view}`), { viewport: { width, height } });
      await page.locator('.panel').first().waitFor();
      expect(await noScroll(page)).toBe(true);
    });

    it('loads no engine before Run', async () => {
      const { page, requests } = await open(browser, link(`view=${view}`));
      await page.locator('.panel').first().waitFor();
      await page.waitForLoadState('networkidle');
      expect(requests.filter((url) => /worker|gpu-browser|sandbox/.test(url))).toEqual([]);
    });
  });

  describe('benchmark', () => {
    const small = 'view=benchmark&profile=ci&devices=wasm&variants=multi-head,multi-query';

    it('says which names of a link there are not', async () => {
      const { page } = await open(browser, link('view=benchmark&devices=cuda,wasm&variants=nope'));
      const note = page.locator('.note').first();
      expect(await note.textContent()).toMatch(
        /devices that there are not: cuda.*variants that there are not: nope/,
      );
    });

    it('runs, by keyboard, keeps the focus, says its end, and its files are read back and compared', async () => {
      const { page, faults } = await open(browser, link(small));
      await tabTo(page, /^Run$/);
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Stop' }).waitFor();
      await page.locator('.findings li').first().waitFor();
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Run');
      expect(await page.locator('[aria-live]').allTextContents()).toContain('The benchmark is done.');
      await page.locator('.report svg').first().waitFor();
      expect(await axe(page)).toEqual([]);
      const text = await saved(page, () => page.getByRole('button', { name: 'Save the samples' }).click());
      const results = JSON.parse(text);
      // KV bytes on the page are those of the formula: 2 layers · 256 tokens · 2 · 8 heads · 8 numbers · 4 bytes
      const row = results.rows.find(
        (each: { subject: string; phase: string; context: number }) =>
          each.subject === 'multi-head' && each.phase === 'decode' && each.context === 256,
      );
      expect(row.kv.formulaBytes).toBe(2 * 256 * 2 * 8 * 8 * 4);
      expect(await page.locator('.findings').textContent()).toContain('MQA 1/8');
      const file = { name: 'before.json', mimeType: 'application/json', buffer: Buffer.from(text) };
      await page.getByLabel('Compare with…').setInputFiles(file);
      await page.getByRole('heading', { name: 'Against before.json' }).waitFor();
      expect(await page.getByText(/rows are in both runs/).textContent()).toMatch(/^\d+ rows/);
      expect(faults).toEqual([]);
    });

    it('names the fault of a file that is none', async () => {
      const { page } = await open(browser, link(small));
      const file = { name: 'broken.json', mimeType: 'application/json', buffer: Buffer.from('{') };
      await page.getByLabel('Open results…').setInputFiles(file);
      await page.getByText(/^broken\.json is not JSON/).waitFor();
    });

    it('stops when it is told to, with what it has', async () => {
      const { page } = await open(
        browser,
        link('view=benchmark&profile=full&devices=wasm&variants=multi-head'),
      );
      await page.getByRole('button', { name: 'Run' }).click();
      await page.locator('progress[value]').waitFor();
      await page.getByRole('button', { name: 'Stop' }).click();
      await page.getByRole('heading', { name: /the run was stopped/ }).waitFor();
    });
  });

  describe('write', () => {
    /** No step of an honest run is ended, however busy the machine. */
    const patient = 'view=write&deadline=100000';

    it('judges an example on every device: equal to the reference, or not here with the reason', async () => {
      const { page, faults } = await open(browser, link(`${patient}&example=alibi`));
      await page.locator('.cm-editor').first().waitFor();
      await page.getByRole('button', { name: 'Run' }).click();
      await page.locator('[data-ended="true"]').waitFor();
      const laws = page.locator('[data-laws]');
      expect([await laws.getAttribute('data-laws'), await laws.getAttribute('data-broken')]).toEqual([
        '19',
        '0',
      ]);
      for (const device of ['gpujs:webgl2', 'gpujs:webasm', 'gpujs:cpu', 'wasm'])
        expect(await page.locator(`tr[data-device="${device}"]`).getAttribute('data-status')).toBe('equal');
      expect(await axe(page)).toEqual([]);
      expect(faults).toEqual([]);
    });

    it('counts what the library counts', async () => {
      const { page } = await open(browser, link(`${patient}&example=window`));
      await page.getByRole('button', { name: 'Run' }).click();
      await page.locator('tr[data-value]').first().waitFor();
      const shown = await page
        .locator('tr[data-value]')
        .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-value'))));
      const wanted = inNode(`
        import { configure, slidingWindow } from '@headwise/attention-variants';
        const shape = { E: 512, H: 8, D: 64, layers: 1 };
        const window = configure(slidingWindow, { window: 4 });
        const flops = (Lq, Lk) => window.cost(shape, { B: 1, Lq, Lk, layer: 0 }).attentionFlops;
        const numbers = Object.values(window.kv(shape, 0).rows).reduce((sum, [h, d]) => sum + h * d, 0);
        console.log(JSON.stringify([2 * numbers * window.kv(shape, 0).cap, flops(1, 4096), flops(512, 512)]));`);
      expect(shown).toEqual(wanted);
    });

    it('marks a fault at its line while it is typed, and does not run it', async () => {
      const { page } = await open(browser, link(`${patient}&example=causal`));
      const editor = page.getByRole('textbox', { name: 'Mask modifier' });
      await editor.click();
      await page.keyboard.press('Control+a');
      await page.keyboard.insertText('function (b, h, q, k) {\n  return q < k;\n}');
      const wrong = page.locator('.wrong[data-line]');
      await wrong.getByText(/Line 2, column 10/).waitFor();
      expect(await wrong.textContent()).toContain('Return q < k ? 1 : 0.');
      await page.locator('.cm-lintRange-error').first().waitFor();
      await page.getByRole('button', { name: 'Run' }).click();
      expect(await page.locator('iframe').count()).toBe(0);
    });

    it('downloads as the file that headwise new variant writes, with what was typed', async () => {
      const { page } = await open(browser, link(`${patient}&example=dilated`));
      const text = await saved(page, () =>
        page.getByRole('button', { name: 'my-dilated.ts', exact: true }).click(),
      );
      expect(text).toContain('export const myDilated = softmaxVariant({');
      expect(text).toContain('return (q - k) % stride === 0 ? 1 : 0;');
      const test = await saved(page, () => page.getByRole('button', { name: 'my-dilated.test.ts' }).click());
      expect(test).toContain("import { myDilated } from './my-dilated.ts'");
    });

    it('never runs the code of a link before Run, and then ends what does not end', async () => {
      const { page } = await open(browser, link('view=write&example=causal'));
      const mask = page.getByRole('textbox', { name: 'Mask modifier' });
      await mask.click();
      await page.keyboard.press('Control+a');
      // harmless, and longer than any deadline
      const slow =
        'function (b, h, q, k) { let n = 0; for (let i = 0; i < 1e15; i++) { n += i % 3; } return n > 0 ? 1 : 0; }';
      await page.keyboard.insertText(slow);
      await page.waitForURL(/code=/);
      const shared = `${page.url()}&deadline=3`;
      const visitor = await open(browser, shared);
      await visitor.page.getByText('This code came with the link').waitFor();
      await visitor.page.locator('.cm-content', { hasText: '1e15' }).waitFor();
      await visitor.page.waitForLoadState('networkidle');
      expect(visitor.requests.filter((url) => /sandbox/.test(url))).toEqual([]);
      expect(await visitor.page.locator('iframe').count()).toBe(0);
      await visitor.page.getByRole('button', { name: 'Run' }).click();
      await visitor.page
        .getByText(/took longer than 3 s and was ended/)
        .first()
        .waitFor();
      expect(await visitor.page.locator('iframe').count()).toBe(0);
      expect(await visitor.page.getByRole('button', { name: 'Run' }).isVisible()).toBe(true);
    });

    it('has no network in the worker that runs it', async () => {
      const { page } = await open(browser, link(`${patient}&example=window`));
      const coming = page.waitForEvent('worker', (worker) => worker.url().startsWith('blob:'));
      await page.getByRole('button', { name: 'Run' }).click();
      const worker = await coming;
      // its program has begun, and has devices to try yet
      await page.locator('[data-laws]').waitFor();
      const asked = await worker.evaluate(async (own) => {
        const scope = globalThis as unknown as Record<string, unknown>;
        const failed = await fetch(own).then(
          () => 'answered',
          (error: Error) => error.name,
        );
        const kept = ['indexedDB', 'caches', 'BroadcastChannel'].filter((name) => scope[name] !== undefined);
        return { failed, kept };
      }, playground.url);
      expect(asked).toEqual({ failed: 'TypeError', kept: [] });
    });
  });

  describe('training', () => {
    it('learns, pauses, changes its attention and goes on; the numbers are those of the library', async () => {
      const { page, faults } = await open(browser, link('view=training&task=copy&steps=10&device=wasm'));
      await page.getByRole('button', { name: 'Train' }).click();
      await page.getByRole('button', { name: 'All steps made' }).waitFor();
      const text = await saved(page, () => page.getByRole('button', { name: 'JSON of Loss' }).click());
      const { points } = JSON.parse(text) as { points: [number, number][] };
      const wanted = inNode(`
        import { wasm } from '@headwise/device-wasm';
        import { createDevice } from '@headwise/tensor';
        import { tasks } from './src/views/training/tasks.ts';
        import { Trainee } from './src/views/training/trainee.ts';
        const device = await createDevice('wasm', { devices: [wasm] });
        const trainee = Trainee.begin(device, { task: tasks.copy, variant: 'multi-head', options: {}, seed: 1 });
        const losses = [];
        for await (const { loss } of trainee.run(10, new AbortController().signal)) losses.push(loss);
        console.log(JSON.stringify(losses));
        device.dispose();`) as number[];
      expect(points.map(([step]) => step)).toEqual(wanted.map((_, i) => i + 1));
      points.forEach(([, loss], i) => void expect(loss).toBeCloseTo(wanted[i]!, 3));
      await page.getByLabel('Attention', { exact: true }).selectOption('multi-query');
      await page.getByRole('spinbutton', { name: 'Steps' }).fill('2000');
      await page.getByRole('button', { name: 'Go on' }).click();
      const kept = page.locator('[data-kept]');
      await kept.waitFor();
      expect(await kept.textContent()).toContain('From multi-head to multi-query: 16 of 20 weights');
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      expect(await axe(page)).toEqual([]);
      expect(faults).toEqual([]);
    });
  });

  describe('a model from disk', () => {
    it('takes the place of the shipped one, and a broken file says what is wrong', async () => {
      const { page, faults, requests } = await open(browser, link('view=attention'));
      await page.getByText('A model from your disk or a URL').click();
      const files = page.getByLabel('Files', { exact: true });
      const names = ['config.json', 'model.safetensors', 'tokenizer.vocab.json'];
      const all = names.map((name) => ({ name, mimeType: '', buffer: readFileSync(join(shipped, name)) }));
      await files.setInputFiles([all[0]!, { ...all[1]!, buffer: all[1]!.buffer.subarray(0, 5000) }, all[2]!]);
      const problem = page.locator('.model-problem');
      await problem.waitFor();
      expect(await problem.textContent()).toMatch(/model\.safetensors/);
      const before = requests.length;
      await files.setInputFiles(all);
      await page.getByText(/^Your model: config\.json/).waitFor();
      expect(requests.slice(before).filter((url) => !url.startsWith(playground.url))).toEqual([]);
      await page.getByRole('button', { name: 'Back to the shipped one' }).click();
      await page.getByText('use the small model that lies beside this page').waitFor();
      expect(faults).toEqual([]);
    });
  });
});
