import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { prepareFolder, writeFiles } from './folder.ts';

const root = mkdtempSync(join(tmpdir(), 'bench-folder-'));
afterEach(() => rmSync(root, { recursive: true, force: true }));

it('makes a folder with all its parents, and writes into it', () => {
  const folder = prepareFolder(join(root, 'a', 'b'));
  writeFiles(folder, [{ path: 'charts/x.svg', text: '<svg/>' }]);
  expect(readFileSync(join(root, 'a/b/charts/x.svg'), 'utf8')).toBe('<svg/>');
});

it('refuses a folder that cannot be made, before anything is measured', () => {
  const parent = mkdtempSync(join(tmpdir(), 'bench-folder-'));
  const file = join(parent, 'file');
  writeFileSync(file, '');
  expect(() => prepareFolder(join(file, 'report'))).toThrow(
    /^the report folder .*file[/\\]report cannot be written: .*\. Choose another with --out$/,
  );
  rmSync(parent, { recursive: true });
});

it.skipIf(!existsSync('/proc/self'))('refuses a folder of a file system that takes none', () => {
  expect(() => prepareFolder('/proc/nowhere/report')).toThrow(
    /cannot be written: .*Choose another with --out$/,
  );
});
