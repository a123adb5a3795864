import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

/** The packages in the order in which one needs the other. */
export const packages = [
  'tensor',
  'device-wasm',
  'attention-variants',
  'positional',
  'kv-cache',
  'sampling',
  'models',
  'training',
  'headwise',
] as const;
export type PackageName = (typeof packages)[number];

const npm = (cwd: string, ...args: string[]): string =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Tarballs as they would be published, and fresh projects that install them. */
export class Packed {
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), 'headwise-consumers-')));
  readonly #tarballs = new Map<string, string>();

  constructor() {
    const to = join(this.folder, 'tarballs');
    mkdirSync(to);
    for (const name of packages) {
      const launcher = join(root, 'scripts/with-pnpm.mjs');
      execFileSync(process.execPath, [launcher, '-C', `packages/${name}`, 'pack', '--pack-destination', to], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      this.#find(name, to, name === 'headwise' ? /^headwise-\d/ : new RegExp(`^headwise-${name}-\\d`));
    }
    // what they depend on, from what is installed here: the tests need no network
    for (const [name, of] of [
      ['acorn', 'attention-variants'],
      ['cac', 'headwise'],
      ['@huggingface/jinja', 'headwise'],
      ['@huggingface/tokenizers', 'headwise'],
    ] as const) {
      const installed = realpathSync(join(root, 'packages', of, 'node_modules', name));
      const plain = name.replace('/', '-');
      const copy = join(this.folder, plain);
      cpSync(installed, join(copy, 'package'), { recursive: true });
      execFileSync('tar', ['-czf', join(to, `${plain}-0.tgz`), '-C', copy, 'package']);
      this.#find(name, to, new RegExp(`^${plain}-\\d`));
    }
    this.#standIn('vite', to);
  }

  /** A package that hands on the one installed here: what it depends on need not be packed. */
  #standIn(name: string, to: string): void {
    const installed = realpathSync(join(root, 'node_modules', name));
    const { version, exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const folder = join(this.folder, `${name}-standing-in`, 'package');
    mkdirSync(folder, { recursive: true });
    const entry = pathToFileURL(join(installed, exports['.'] ?? exports)).href;
    const manifest = { name, version, type: 'module', exports: './index.js' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'index.js'), `export * from '${entry}';\n`);
    execFileSync('tar', ['-czf', join(to, `${name}-0.tgz`), '-C', dirname(folder), 'package']);
    this.#find(name, to, new RegExp(`^${name}-\\d`));
  }

  #find(name: string, folder: string, pattern: RegExp): void {
    this.#tarballs.set(name, join(folder, readdirSync(folder).find((file) => pattern.test(file))!));
  }

  tarball(name: string): string {
    return this.#tarballs.get(name)!;
  }

  /** Paths in a tarball. */
  contents(name: PackageName): readonly string[] {
    const list = execFileSync('tar', ['-tzf', this.tarball(name)], { encoding: 'utf8' });
    return list
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''));
  }

  /** A file of a tarball. */
  read(name: PackageName, path: string): string {
    return execFileSync('tar', ['-xzOf', this.tarball(name), `package/${path}`], { encoding: 'utf8' });
  }

  /** A folder with these packages installed by npm, and nothing else. */
  project(name: string, installed: readonly string[], files: Readonly<Record<string, string>> = {}): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }');
    const tarballs = installed.map((each) => this.tarball(each));
    npm(folder, 'install', '--offline', '--no-audit', '--no-fund', ...tarballs);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return folder;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Names of the packages in a `node_modules`, those of a scope by their whole name. */
export function installedIn(project: string): readonly string[] {
  const modules = join(project, 'node_modules');
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
    )
    .filter((name) => existsSync(join(modules, name, 'package.json')))
    .sort();
}
