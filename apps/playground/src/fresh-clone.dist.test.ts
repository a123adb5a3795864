import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { build } from 'vite';
import { afterAll, expect, it } from 'vitest';
import { kernelsPlugin } from '../kernels-plugin.ts';

const playground = fileURLToPath(new URL('..', import.meta.url));
const deviceWasm = join(playground, '../../packages/device-wasm');
const scratch = mkdtempSync(join(tmpdir(), 'headwise-playground-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

it('compiles the kernels that a fresh clone lacks, and leaves those that are there', () => {
  const copy = join(scratch, 'device-wasm');
  for (const folder of ['assembly', 'scripts'])
    cpSync(join(deviceWasm, folder), join(copy, folder), { recursive: true });
  symlinkSync(join(deviceWasm, 'node_modules'), join(copy, 'node_modules'), 'dir');
  const generated = join(copy, 'src/generated/kernels.ts');
  const config = kernelsPlugin(copy).config as () => void;
  config();
  const text = readFileSync(generated, 'utf8');
  expect(text).toMatch(/export const packed =\n {2}'[\w+/=]{1000,}/);
  rmSync(join(copy, 'scripts'), { recursive: true }); // another run would fail
  config();
  expect(readFileSync(generated, 'utf8')).toBe(text);
});

const chrome = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
);
if (!chrome) console.log('playground without its worker: skipped, no Chromium; set CHROME_PATH');

it.skipIf(!chrome)(
  'says that the benchmark cannot be loaded, instead of looking for devices for ever',
  async () => {
    const outDir = join(scratch, 'page');
    await build({
      root: playground,
      logLevel: 'silent',
      build: { outDir, emptyOutDir: true, minify: false },
    });
    const types: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css' };
    const server = createServer(({ url = '/' }, response) => {
      const file = join(outDir, url === '/' ? 'index.html' : url);
      // the worker is what a half-built clone does not have
      if (!existsSync(file) || /worker/.test(url)) return void response.writeHead(404).end();
      response.setHeader('Content-Type', types[extname(file)] ?? 'text/html');
      response.end(readFileSync(file));
    }).listen(0, '127.0.0.1');
    const browser = await chromium.launch({ executablePath: chrome!, args: ['--no-sandbox'], timeout: 0 });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/benchmark.html`);
      await page.locator('#message:not([hidden])').waitFor();
      expect(await page.locator('#message').textContent()).toMatch(
        /could not be loaded: a file of its worker/,
      );
      expect(await page.locator('#devices').textContent()).toBe('None: the benchmark could not be loaded.');
    } finally {
      await browser.close();
      server.close();
    }
  },
);
