/**
 * What appending one token costs at 256 and at 16,384 tokens.
 *
 *   pnpm exec tsx --conditions=@headwise/source packages/kv-cache/bench/append.ts [device …] [--browser]
 *
 * The rows are on the device, as a projection leaves them. An append is the host's part, and on a GPU the copy it
 * asks for; what a kernel over the cache costs for its arguments is measured apart: on webasm gpu.js copies them
 * whole into the module's memory at every call, whatever was appended.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevice } from '@headwise/tensor';
import { type AppendCost, format, heading, measureAppends } from './append-cost.ts';

const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
console.log(heading);
if (process.argv.includes('--browser')) {
  await inChromium(named.length > 0 ? named : ['gpujs:webasm', 'gpujs:webgl2', 'gpujs:webgpu']);
} else {
  for (const name of named.length > 0 ? named : ['gpujs:cpu', 'gpujs:webasm']) {
    const device = await createDevice(name);
    await measureAppends(device, (cost) => console.log(format(cost)));
    device.dispose();
  }
}

/** The same in headless Chromium, on a software GPU: ratios carry over to hardware, microseconds do not. */
async function inChromium(names: readonly string[]): Promise<void> {
  const { chromium } = await import('playwright');
  const { build } = await import('vite');
  const folder = mkdtempSync(join(tmpdir(), 'append-'));
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@headwise/source', 'browser', 'import', 'default'] },
    build: {
      outDir: folder,
      minify: false,
      target: 'esnext',
      lib: {
        entry: fileURLToPath(new URL('./append-page.ts', import.meta.url)),
        formats: ['es'],
        fileName: 'page',
      },
    },
  });
  const server = createServer(async (request, response) => {
    const name = request.url === '/' ? '' : request.url!.slice(1);
    const body =
      name === ''
        ? '<script type="module" src="/page.js"></script>'
        : await readFile(join(folder, name)).catch(() => '');
    response.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : 'text/html');
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const browser = await chromium.launch({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--use-angle=swiftshader',
      '--use-gl=angle',
      '--enable-unsafe-swiftshader',
      '--ignore-gpu-blocklist',
      '--enable-unsafe-webgpu',
      '--enable-features=Vulkan',
      '--use-webgpu-adapter=swiftshader',
    ],
  });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(error.message));
    await page.exposeFunction('report', (cost: AppendCost) =>
      console.log(format({ ...cost, device: `${cost.device} in Chromium` })),
    );
    await page.goto(`http://127.0.0.1:${port}/`);
    for (const name of names) {
      await page.waitForFunction('globalThis.measure !== undefined');
      await page.evaluate(`globalThis.measure(${JSON.stringify(name)})`);
    }
  } finally {
    await browser.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
