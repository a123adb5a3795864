import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';
import { type PreviewServer, preview } from 'vite';
import { inject } from 'vitest';

const playground = fileURLToPath(new URL('../..', import.meta.url));

/** Chromium of the system, or where `CHROME_PATH` says; undefined where there is none. */
export const chrome: string | undefined = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
].find((path) => path && existsSync(path));

/** SwiftShader stands in for a GPU, as in the browser tests. */
export const softwareGpu: readonly string[] = [
  '--use-angle=swiftshader',
  '--use-gl=angle',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-webgpu-adapter=swiftshader',
];

/** The built playground behind a server of its own, and a browser to open it with. */
export class Playground {
  readonly folder: string;
  readonly #server: PreviewServer;
  readonly #browsers: Browser[] = [];

  /** Serves the page as it is published, which was built for all tests. */
  static async start(): Promise<Playground> {
    const folder = inject('builtPage');
    const server = await preview({
      root: playground,
      logLevel: 'silent',
      build: { outDir: folder },
      preview: { port: 0, host: '127.0.0.1' },
    });
    return new Playground(folder, server);
  }

  private constructor(folder: string, server: PreviewServer) {
    this.folder = folder;
    this.#server = server;
  }

  get url(): string {
    return this.#server.resolvedUrls!.local[0]!;
  }

  /** Another server for the same files, that sends no headers: what a simple static host does. */
  async plainServer(): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
    const { createServer } = await import('node:http');
    const { readFileSync } = await import('node:fs');
    const { extname } = await import('node:path');
    const types: Record<string, string> = {
      '.js': 'text/javascript',
      '.css': 'text/css',
      '.html': 'text/html',
    };
    const server = createServer(({ url = '/' }, response) => {
      const path = new URL(url, 'http://localhost').pathname;
      const file = join(this.folder, path === '/' ? 'index.html' : path);
      if (!existsSync(file)) return void response.writeHead(404).end();
      response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
      response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    return {
      url: `http://127.0.0.1:${port}/`,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  }

  /** A browser that ends with the playground. @param args beside those that every container needs */
  async browser(args: readonly string[] = softwareGpu): Promise<Browser> {
    const browser = await chromium.launch({
      executablePath: chrome!,
      args: ['--no-sandbox', ...args],
      timeout: 0,
    });
    this.#browsers.push(browser);
    return browser;
  }

  async stop(): Promise<void> {
    for (const browser of this.#browsers) await browser.close();
    await this.#server.close();
  }
}

/** A page, and everything that went wrong on it. */
export interface Watched {
  readonly page: Page;
  /** Errors of the console and of scripts, and requests to other origins. */
  readonly faults: string[];
  readonly requests: string[];
}

/** Opens a page that is watched from its first request on. */
export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions & { readonly before?: (page: Page) => Promise<unknown> } = {},
): Promise<Watched> {
  const { before, ...rest } = options;
  const context = await browser.newContext({ serviceWorkers: 'block', ...rest });
  const page = await context.newPage();
  page.setDefaultTimeout(0);
  const faults: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('request', (request) => {
    requests.push(request.url());
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(url).origin) faults.push(`asks ${request.url()}`);
  });
  await before?.(page);
  await page.goto(url);
  return { page, faults, requests };
}

const axeSource = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core finds: the rule, and the first element. */
export async function axe(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: axeSource });
  // what the bar at the top covers half counts as a target too small
  await page.evaluate(() => scrollTo(0, 0));
  return page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe is a script of the page
    const { violations } = await (globalThis as any).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.map(
      (each: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
        `${each.id}: ${each.nodes[0]!.html.slice(0, 160)} ${each.nodes[0]!.failureSummary.slice(0, 200)}`,
    );
  });
}

/** Waits for the numbers of the visitor's own device. */
export async function live(page: Page): Promise<void> {
  await page.locator('[data-badge="live"]').waitFor();
}
