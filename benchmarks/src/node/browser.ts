import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'vite';
import { messageOf, UsageError } from '../errors.ts';
import type { Profile } from '../profiles.ts';
import type { MachineFacts, Results } from '../results.ts';
import type { RunProgress } from '../run.ts';
import { validateResults } from '../validate.ts';
import { findVite } from './bundler.ts';

/** What goes into the page; plain data, since it crosses over as JSON. */
export interface PageOptions {
  readonly profile: Profile;
  readonly names: readonly string[] | undefined;
  readonly baseline: string | undefined;
  readonly devices: readonly string[];
  readonly seed: number;
  readonly command: string;
}

export interface BrowserOptions extends PageOptions {
  /** Files with variants from outside, bundled into the page. */
  readonly files: readonly string[];
  /** Of the machine around the browser; the page adds what it sees. */
  readonly machine: Omit<MachineFacts, 'clockStepMs'>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RunProgress) => void;
}

/** Infinity is not in JSON; the page turns it back. */
export const UNBOUNDED = 'Infinity';

/** SwiftShader stands in for a GPU where there is none, and says so; with a real one these flags let it be used. */
const flags = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
];
const software = ['--use-angle=swiftshader', '--use-gl=angle', '--use-webgpu-adapter=swiftshader'];

/** Ends what hangs: a busy machine is many times slower, and the page is large. */
const HANGS_MS = 600_000;

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Runs the suite's core in headless Chromium: builds the page, serves it with the headers that allow threads, and takes
 * the results back.
 *
 * @throws {UsageError} if there is no Chromium, Playwright, Vite or gpu.js, or the page refuses its options.
 */
export async function runInBrowser(options: BrowserOptions): Promise<Results> {
  const executablePath = chromiumPath();
  const { signal, onProgress, machine, files, ...page } = options;
  const { chromium } = await findPlaywright();
  const site = await serve(files.map((file) => resolve(file)));
  const gpu = process.env.HEADWISE_GPU === '1' ? [] : software;
  const browser = await chromium.launch({ executablePath, args: [...flags, ...gpu], timeout: HANGS_MS });
  try {
    const tab = await browser.newPage();
    const failures: string[] = [];
    tab.on('pageerror', (error) => failures.push(error.message));
    await tab.exposeFunction('benchProgress', onProgress);
    await tab.goto(site.url, { timeout: HANGS_MS });
    const stop = (): void => void tab.evaluate('window.benchStop?.()').catch(() => {});
    signal.addEventListener('abort', stop);
    try {
      const text = JSON.stringify(page, (_, value) =>
        value === Number.POSITIVE_INFINITY ? UNBOUNDED : value,
      );
      await tab.waitForFunction('typeof window.benchRun === "function"', undefined, {
        timeout: HANGS_MS,
      });
      const answer = (await tab.evaluate(`window.benchRun(${JSON.stringify(text)})`)) as string;
      const outcome = JSON.parse(answer) as { readonly results?: unknown; readonly refused?: string };
      if (outcome.refused !== undefined) throw new UsageError(outcome.refused);
      const results = validateResults(outcome.results, 'the page’s results');
      return {
        ...results,
        machine: {
          ...machine,
          ...results.machine,
          cpu: machine.cpu,
          versions: machine.versions,
          system: machine.system,
        },
      };
    } catch (error) {
      if (error instanceof UsageError || failures.length === 0) throw error;
      throw new Error(`the page failed: ${failures.join('; ')} (${messageOf(error)})`);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  } finally {
    await browser.close();
    await site.close();
  }
}

function chromiumPath(): string {
  const candidates = [process.env.CHROME_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'];
  const found = candidates.find((path) => path && existsSync(path));
  if (found) return found;
  throw new UsageError('--browser needs Chromium; none was found. Set CHROME_PATH to its program');
}

/** Where it is beside this command, or in the project the command was typed in. */
async function findPlaywright(): Promise<typeof import('playwright')> {
  try {
    return await import('playwright');
  } catch {
    try {
      const path = createRequire(resolve('package.json')).resolve('playwright');
      return (await import(/* @vite-ignore */ pathToFileURL(path).href)).default;
    } catch {
      throw new UsageError('--browser needs Playwright, which is not installed here: npm i -D playwright');
    }
  }
}

/** The page: its sources where they are run, and what is built of it beside the built command. */
function pageFolder(): string {
  const places = ['./browser/', '../browser/'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return places.find((place) => existsSync(join(place, 'index.html')))!;
}

/** Builds the page with the variants of these files in it, and serves it until it is closed. */
async function serve(files: readonly string[]): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { build, preview } = await findVite('--browser', files);
  const root = pageFolder();
  const script = ['page.ts', 'page.js'].map((name) => join(root, name)).find(existsSync)!;
  const fromSources = script.endsWith('.ts') ? ['@headwise/source'] : [];
  if (!canImport('gpu.js', script))
    throw new UsageError(
      '--browser needs gpu.js, which is not installed here: npm i --ignore-scripts gpu.js',
    );
  const outDir = mkdtempSync(join(tmpdir(), 'headwise-bench-page-'));
  const base = { root, configFile: false, logLevel: 'error' } as const;
  const close = (): void => rmSync(outDir, { recursive: true, force: true });
  try {
    await build({
      ...base,
      resolve: { conditions: [...fromSources, 'module', 'browser', 'development|production'] },
      plugins: [outsideVariants(files, script)],
      build: { outDir, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 4000 },
    });
    const server = await preview({
      ...base,
      build: { outDir },
      preview: { host: '127.0.0.1', port: 0, headers: isolation },
    });
    const url = server.resolvedUrls?.local[0];
    if (!url) throw new Error('the page’s server did not start');
    return { url, close: () => server.close().finally(close) };
  } catch (error) {
    close();
    throw error;
  }
}

function canImport(name: string, from: string): boolean {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * `virtual:outside-variants`: every export of the given files, by file. What they import of ours is resolved as if the
 * page had asked: they may lie where nothing is installed, and one copy of the packages must serve all.
 */
function outsideVariants(files: readonly string[], page: string): Plugin {
  const id = 'virtual:outside-variants';
  return {
    name: 'headwise-outside-variants',
    enforce: 'pre',
    async resolveId(asked, importer) {
      if (asked === id) return `\0${id}`;
      if (!asked.startsWith('@headwise/') || importer === page) return null;
      return this.resolve(asked, page, { skipSelf: true });
    },
    load(asked) {
      if (asked !== `\0${id}`) return null;
      const imports = files.map((file, i) => `import * as file${i} from ${JSON.stringify(file)};`);
      const list = files.map((file, i) => `{ file: ${JSON.stringify(file)}, exported: file${i} }`);
      return `${imports.join('\n')}\nexport const files = [${list.join(', ')}];`;
    },
  };
}
