import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axe, chrome, live, open, Playground } from './testing/page.ts';

if (!chrome) console.log('the playground: skipped, no Chromium; set CHROME_PATH');

/** What a request for a part of the engine gets where that part is missing. */
const missing = (pattern: string) => (page: Page) =>
  page.route(pattern, (route) => route.fulfill({ status: 404, body: '' }));

/** A worker whose WebGPU devices a test can take away. */
interface Lossy {
  readonly GPUAdapter: {
    readonly prototype: { requestDevice: (...args: unknown[]) => Promise<{ destroy: () => void }> };
  };
  made: { destroy: () => void }[];
}

const footer = (page: Page) => page.locator('footer');

describe.skipIf(!chrome)('the playground', () => {
  let playground: Playground;
  let browser: Browser;
  beforeAll(async () => {
    playground = await Playground.start();
    browser = await playground.browser();
  });
  afterAll(() => playground?.stop());

  it('loads less than 150 kB of script, gzipped, before engine and model', async () => {
    // the engine's worker would ask for more
    const { page, requests } = await open(browser, playground.url, { before: missing('**/worker-*.js') });
    await page.locator('[data-badge="recorded"]').waitFor();
    const scripts = requests.filter((url) => /\.js$/.test(url) && !/worker-/.test(url));
    const sizes = scripts.map(
      (url) => gzipSync(readFileSync(join(playground.folder, new URL(url).pathname))).length,
    );
    expect(scripts.length).toBeGreaterThan(1);
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(150_000);
    expect(requests.some((url) => /gpu-browser|safetensors/.test(url))).toBe(false);
  });

  it('says what a link asks for and there is not, and goes on', async () => {
    const { page, faults } = await open(browser, `${playground.url}#view=nope&foo=1&layer=many&step=x`);
    const said = await page.locator('main').textContent();
    expect(said).toContain('There is no view “nope”');
    expect(said).toContain('The link says “foo”, which this view does not know');
    expect(said).toContain('“layer” in the link must be a number, it is “many”');
    expect(said).toContain('There is no step “x”');
    await live(page);
    expect(faults).toEqual([]);
  });

  it('every view of the menu opens by its link, without a fault, and axe finds nothing in either theme', async () => {
    const { page, faults } = await open(browser, playground.url, { colorScheme: 'light' });
    await live(page);
    const links = page.getByRole('navigation', { name: 'Views' }).getByRole('link');
    for (let n = 0; n < (await links.count()); n++) {
      const title = (await links.nth(n).textContent())!;
      if (!(await links.nth(n).getAttribute('href'))!.startsWith('#')) continue;
      await links.nth(n).click();
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
      for (const theme of ['light', 'dark']) {
        expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(theme);
        expect([title, theme, await axe(page)]).toEqual([title, theme, []]);
        await page.getByRole('button', { name: /theme/ }).click();
      }
    }
    expect(faults).toEqual([]);
  });

  it('where the worker cannot load, the recorded example stays, and it is said why', async () => {
    const { page } = await open(browser, playground.url, { before: missing('**/worker-*.js') });
    await page
      .getByText(/The engine could not be loaded: a file of its worker is missing/)
      .first()
      .waitFor();
    expect(await page.locator('main').textContent()).toContain(
      'Nothing is computed on this page until it is reloaded',
    );
    expect(await page.locator('[data-badge]').textContent()).toBe('recorded');
    expect(await axe(page)).toEqual([]);
  });

  it('where a file of the model is damaged, says what is wrong with it', async () => {
    const { page } = await open(browser, playground.url, {
      before: (each) =>
        each.route('**/model.safetensors', (route) =>
          route.fulfill({
            status: 200,
            body: Buffer.alloc(1000, 7),
            contentType: 'application/octet-stream',
          }),
        ),
    });
    await page
      .getByText(/model\.safetensors/)
      .first()
      .waitFor();
    expect(await page.locator('.status-row').textContent()).toMatch(/safetensors: /);
    expect(await page.locator('[data-badge]').textContent()).toBe('recorded');
    await page.unrouteAll();
    await page.getByRole('button', { name: /Load the model/ }).click();
    await live(page);
  });

  it('the model can be given up, and asked for again', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { page } = await open(browser, playground.url, {
      before: (each) =>
        each.route('**/model.safetensors', async (route) => {
          await held;
          await route.continue().catch(() => {});
        }),
    });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Given up.').waitFor();
    release!();
    await page.getByRole('button', { name: /Load the model/ }).click();
    await live(page);
  });

  it.each([
    ['gpujs:webgpu', /gpujs:webgpu does not work here/],
    ['gpujs:webgl2', /gpujs:webgl2 does not work here/],
    ['nope', /nope does not work here/],
  ] as const)('where there is no %s, says so, and which device is used instead', async (device, why) => {
    const plain = await playground.browser([]);
    const { page, faults } = await open(plain, `${playground.url}#view=attention&device=${device}`, {
      before: async (each) => {
        each.on('worker', (worker) => {
          void worker
            .evaluate(() => {
              OffscreenCanvas.prototype.getContext = () => null;
            })
            .catch(() => {});
        });
      },
    });
    await live(page);
    const said = await footer(page).textContent();
    expect(said).toMatch(why);
    expect(said).toContain('wasm is used instead');
    expect(await page.locator('[data-device]').getAttribute('data-device')).toBe('wasm');
    expect(faults).toEqual([]);
  });

  it('without isolation there is no shared memory: it says so, and wasm runs on one thread', async () => {
    const server = await playground.plainServer();
    const { page, faults } = await open(browser, server.url);
    await live(page);
    expect(await footer(page).textContent()).toMatch(/Computed by wasm.*not isolated/);
    expect(faults).toEqual([]);
    await server.close();
  });

  it('a WebGPU device that is lost on the way is replaced, and the answer still comes', async () => {
    const { page } = await open(browser, `${playground.url}#view=attention&device=gpujs:webgpu`, {
      before: async (each) => {
        each.on('worker', (worker) => {
          void worker
            .evaluate(() => {
              const scope = globalThis as unknown as Lossy;
              const { prototype } = scope.GPUAdapter;
              const { requestDevice } = prototype;
              scope.made = [];
              prototype.requestDevice = async function (...args) {
                const device = await requestDevice.apply(this, args);
                scope.made.push(device);
                return device;
              };
            })
            .catch(() => {});
        });
      },
    });
    await page.locator('[data-device="gpujs:webgpu"]').waitFor();
    await live(page);
    const worker = page.workers().find((each) => /worker/.test(each.url()))!;
    const count = await worker.evaluate(() => {
      const { made } = globalThis as unknown as Lossy;
      for (const device of made) device.destroy();
      return made.length;
    });
    expect(count).toBeGreaterThan(0);
    await page.getByLabel('Your text').fill('Once there was a dog.');
    await page.locator('[data-device="wasm"]').waitFor();
    expect(await footer(page).textContent()).toMatch(/wasm is used instead\. gpujs:webgpu was lost/);
    await page.getByText('7 tokens').or(page.getByText('8 tokens')).first().waitFor();
  });

  it('a page in the background computes too', async () => {
    const { page } = await open(browser, playground.url, {
      before: (each) =>
        each.addInitScript(() => {
          Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });
          Object.defineProperty(document, 'hidden', { get: () => true });
          globalThis.requestAnimationFrame = () => 0;
        }),
    });
    await live(page);
  });

  it('works without a network once it has been open', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(0);
    await page.goto(playground.url);
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
    await context.setOffline(true);
    await page.reload();
    await live(page);
    await page.getByLabel('Your text').fill('The cat');
    await page.getByText(/^[23456] tokens/).waitFor();
    await context.close();
  });

  it('keeps the theme that was chosen, and follows the system until then', async () => {
    const { page } = await open(browser, playground.url, { colorScheme: 'dark' });
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    expect(await theme()).toBe('dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(theme).toBe('light');
    await page.keyboard.press('t');
    await expect.poll(theme).toBe('dark');
    await page.reload();
    expect(await theme()).toBe('dark');
  });
});
