/**
 * jax-js in a page of Chromium, where it has threads: as many as the page may know of. Chromium and what bundles the page are the
 * repository's; `CHROME_PATH` as in its browser tests.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export async function create({ threads }) {
  const own = createRequire(new URL('../../../package.json', import.meta.url));
  const { chromium } = own('playwright');
  const { build } = createRequire(own.resolve('tsup'))('esbuild');
  const { outputFiles } = await build({
    stdin: {
      contents: `import { create } from './jax.mjs'; window.create = create;`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const server = createServer((request, response) => {
    const script = request.url.endsWith('.js');
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    response.end(script ? outputFiles[0].text : '<script type="module" src="/peer.js"></script>');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const browser = await chromium.launch({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  const page = await browser.newPage();
  await page.addInitScript((count) => {
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: count });
  }, threads);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction('window.create');
  if (!(await page.evaluate('crossOriginIsolated'))) throw new Error('the page has no shared memory');
  process.on('exit', () => browser.close());
  return {
    async training(shape) {
      await page.evaluate(async (given) => {
        window.peer ??= await window.create();
        window.made = window.peer.training(given);
      }, shape);
      const run = () => page.evaluate('window.made.run()');
      return { run, loss: run };
    },
  };
}
